"""`python -m tests.concurrency.hammer OPERATIONS CLIENTS SEED`, within the environment of a house.

Says `done N` as it goes, so that whoever watches can kill something at a certain point, and at its
end one line of JSON. Everything that can be seen from inside is proven here; the commands that
prove the books are run by the test.
"""

import datetime as dt
import json
import random
import sys
import threading
import time

import django

django.setup()

from django.db import connection  # noqa: E402
from django.db.models import Q, Sum  # noqa: E402

from apps.accounts.models import User  # noqa: E402
from apps.cases.models import Case  # noqa: E402
from apps.cases.tasks import sweep_all as sweep_cases  # noqa: E402
from apps.core import clock  # noqa: E402
from apps.core.tenancy import Actor, acting  # noqa: E402
from apps.ledger.models import Account  # noqa: E402
from apps.organizations.queries import actor_of  # noqa: E402
from apps.pages import gateway as stand_in  # noqa: E402
from apps.payments import actions as payments  # noqa: E402
from apps.payments.enums import CallState, DisputeState  # noqa: E402
from apps.payments.models import Dispute, OutboxCall, StripeEvent  # noqa: E402
from apps.projects import actions as projects  # noqa: E402
from apps.projects.enums import ProjectState  # noqa: E402
from apps.projects.models import Project  # noqa: E402
from apps.work.models import Assignment, EarningLine  # noqa: E402
from apps.work.tasks import sweep_all as sweep_work  # noqa: E402
from tests.concurrency.hammer import world as worlds  # noqa: E402
from tests.concurrency.hammer.clients import Client, Tally  # noqa: E402

STAFF = Actor(kind="staff")
STEP = dt.timedelta(hours=11)
MOVES = 15  # of the clock, while the clients work: a week goes by
# What happens to events on their way.
CHAOS = ("drop_event", "duplicate_event", "reorder_event", "delay_event", "tampered_event")
QUIET_SECONDS = 240


def say(text: str) -> None:
    print(text, flush=True)


def move_on(by: dt.timedelta) -> None:
    """The marketplace's clock and Stripe's, which never run apart by more than this call."""
    clock.advance(by)
    stand_in.double("clock", advance_seconds=int(by.total_seconds()))


def hammer(world: worlds.World, *, operations: int, clients: int, seed: int) -> Tally:
    tally, stopped = Tally(), threading.Event()
    ready = threading.Barrier(clients + 1)
    chance = random.Random(seed)  # noqa: S311 -- the same choices in every run
    told = threading.Lock()
    heard: set[int] = set()

    def progress(total: int) -> None:
        hundred = total // 100
        with told:
            if hundred and hundred not in heard:
                heard.add(hundred)
                say(f"done {hundred * 100}")

    threads = []
    for number in range(clients):
        share = operations // clients + (number < operations % clients)
        client = Client(world, random.Random(f"{seed}:{number}"), tally, stopped, share)  # noqa: S311
        threads.append(threading.Thread(target=client.run, args=(ready, progress), daemon=True))
    for thread in threads:
        thread.start()
    ready.wait(timeout=60)
    for move in range(1, MOVES + 1):
        while tally.total < move * operations // (MOVES + 1):
            if not any(thread.is_alive() for thread in threads):
                break
            time.sleep(0.02)
        kind = chance.choice(CHAOS)
        stand_in.double("fault", kind=kind, event="*", times=chance.randint(1, 3))
        if move % 6 == 0:
            path = chance.choice(["/v1/transfers", "/v1/refunds"])
            stand_in.double("fault", kind="timeout_after_commit", path=path, times=1)
        move_on(STEP)
    for thread in threads:
        thread.join(timeout=300)
    if any(thread.is_alive() for thread in threads):
        stopped.set()
        tally.faults.append("a client hangs")
    return tally


def wind_up(world: worlds.World) -> None:
    """Close both projects, let every window and case end, and everything owed be sent."""
    owner = actor_of(User.objects.get(id=world.owner))
    for project_id in world.projects:
        with acting(owner) as by:
            projects.begin_close(project_id=project_id, by=by, now=clock.now())
    with acting(world.system):
        disputes = Dispute.objects.filter(state=DisputeState.OPEN)
        disputed = list(disputes.values_list("stripe_id", flat=True))
    for number, dispute in enumerate(disputed):
        stand_in.double(f"disputes/{dispute}/close", status="lost" if number % 2 else "won")
    deadline = time.monotonic() + QUIET_SECONDS
    while why := _restless(world):
        if time.monotonic() > deadline:
            message = f"It does not come to rest: {why}"
            raise RuntimeError(message)
        move_on(dt.timedelta(days=2))
        now = clock.now()
        sweep_cases(now=now)
        sweep_work(now=now)
        payments.push_outbox(now=now)
        payments.take_events(now=now)
        payments.catch_up(now=now)
        payments.fetch_balance(now=now)


def _restless(world: worlds.World) -> str:
    with acting(STAFF):
        found = {
            "windows": Assignment.objects.filter(~Q(next_due_at=None)).count(),
            "cases": Case.objects.open().count(),
            "calls": OutboxCall.objects.filter(state=CallState.WAITING).count(),
            "events": StripeEvent.objects.filter(handled_at=None).count(),
            "projects": Project.objects.filter(id__in=world.projects)
            .exclude(state=ProjectState.CLOSED)
            .count(),
        }
    return ", ".join(f"{count} {name}" for name, count in found.items() if count)


def statements(world: worlds.World) -> list[str]:
    """Each contributor's lines are what the ledger has booked to them, in every currency."""
    with acting(STAFF):
        lines = dict(
            EarningLine.objects.order_by().values_list("contributor_id").annotate(total=Sum("net"))
        )
        booked = dict(
            Account.objects.filter(purpose="payable")
            .order_by()
            .values_list("holder_id")
            .annotate(total=Sum("credits_posted"))
        )
    return [
        f"{person}: lines {lines.get(person, 0)}, ledger {booked.get(person, 0)}"
        for person in world.people
        if lines.get(person, 0) != booked.get(person, 0)
    ]


def main() -> None:
    operations, clients, seed = map(int, sys.argv[1:4])
    world = worlds.build()
    say("ready")
    tally = hammer(world, operations=operations, clients=clients, seed=seed)
    say("the clients have ended")
    wind_up(world)
    report = {
        "operations": tally.total,
        "done": tally.done,
        "refused": tally.refused,
        "faults": tally.faults[:5],
        "statements": statements(world),
    }
    connection.close()
    say(json.dumps(report))


if __name__ == "__main__":
    main()
