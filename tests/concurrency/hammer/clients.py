"""What the clients do: one of many actions, on rows that others are changing at the same moment.

A refusal (`WagefileError`) is an answer. Anything else that is raised is a fault of the product.
"""

import datetime as dt
import random
import threading
import traceback
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from django.db import connection
from django.db.models import Sum

from apps.accounts.models import User
from apps.cases import actions as cases
from apps.cases.enums import CaseKind
from apps.cases.models import Case
from apps.core import clock
from apps.core.errors import WagefileError
from apps.core.tenancy import Actor, acting, system
from apps.organizations.queries import actor_of
from apps.pages import gateway as stand_in
from apps.pages.management import staging
from apps.payments import actions as payments
from apps.payments.enums import DisputeState, FundingState
from apps.payments.models import Dispute, Funding
from apps.projects.rules import Kind
from apps.work import actions as work
from apps.work.enums import AssignmentState
from apps.work.models import Assignment, EarningLine, Submission
from tests.concurrency.hammer.world import World

S = AssignmentState
SMALL = 60_00  # minor units: payments that banks ask back
NOTE = (
    "This answer was picked by a seeded chance; the note is as long as a real one has to be, and "
    "it cites the one line of the rubric."
)


@dataclass(slots=True)
class Tally:
    """What happened, over all clients."""

    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, counter: Counter[str], key: str) -> int:
        with self.lock:
            counter[key] += 1
            return self.total

    @property
    def total(self) -> int:
        return self.done.total() + self.refused.total() + len(self.faults)


@dataclass(slots=True)
class Client:
    """One of the clients; its choices follow from its seed, their outcome from the others."""

    world: World
    chance: random.Random
    tally: Tally
    stopped: threading.Event
    operations: int

    def run(self, ready: threading.Barrier, progress: Callable[[int], None]) -> None:
        names = list(WEIGHTS)
        weights = list(WEIGHTS.values())
        try:
            connection.ensure_connection()
            ready.wait(timeout=60)
            for _ in range(self.operations):
                if self.stopped.is_set():
                    return
                (name,) = self.chance.choices(names, weights)
                progress(self._do(name))
        finally:
            connection.close()

    def _do(self, name: str) -> int:
        try:
            getattr(self, name)(clock.now())
        except WagefileError as refusal:
            return self.tally.note(self.tally.refused, f"{name}: {type(refusal).__name__}")
        except stand_in.StandInAway as away:
            return self.tally.note(self.tally.refused, f"{name}: {away.sentence[:60]}")
        except Exception:  # noqa: BLE001 -- reported with its trace, and fails the test
            with self.tally.lock:
                self.tally.faults.append(f"{name}\n{traceback.format_exc()}")
            return self.tally.total
        return self.tally.note(self.tally.done, name)

    # ── Contributors ────────────────────────────────────────────────────────────────────────────
    def _person(self) -> Actor:
        return staging.person(self.chance.choice(self.world.people))

    def _project(self) -> uuid.UUID:
        return self.chance.choices(self.world.projects, [4, 1])[0]

    def claim(self, now: dt.datetime) -> None:
        with acting(self._person()) as by:
            work.claim(project_id=self._project(), by=by, now=now)

    def _one[T](self, rows: list[T]) -> T:
        if not rows:
            raise NothingHere("There is no such row now.")
        return self.chance.choice(rows)

    def _work(self, *states: S) -> tuple[uuid.UUID, Actor]:
        """Somebody's work that is in one of these states, or was a moment ago, and that person."""
        with acting(self.world.system):
            rows = Assignment.objects.filter(state__in=states).order_by("-claimed_at")
            row, person = self._one(list(rows.values_list("id", "contributor_id")[:40]))
        return row, staging.person(person)

    def submit(self, now: dt.datetime) -> None:
        row, person = self._work(S.CLAIMED, S.REWORK)
        answer = {"choice": self.chance.choice(["yes", "no"])}
        with acting(person) as by:
            work.submit(assignment_id=row, answer=answer, by=by, now=now)

    def give_back(self, now: dt.datetime) -> None:
        row, person = self._work(S.CLAIMED)
        with acting(person) as by:
            work.give_back(assignment_id=row, reason="skip", note="", by=by, now=now)

    def appeal(self, now: dt.datetime) -> None:
        row, person = self._work(S.REJECTED)
        with acting(person) as by:
            cases.appeal(assignment_id=row, reason=NOTE, by=by, now=now)

    def dispute(self, now: dt.datetime) -> None:
        with acting(self._person()) as by:
            lines = EarningLine.objects.filter(contributor_id=by.user_id, kind="base")
            line = self._one(list(lines.values_list("id", flat=True)[:20]))
            cases.dispute(line_id=line, reason=NOTE, amount=5, by=by, now=now)

    def payout(self, now: dt.datetime) -> None:
        amount = self.chance.choice([None, 600, 700])
        person = self._person()
        if self.chance.random() < 0.7:
            # Few have the least that can be withdrawn; most attempts are made by them.
            with acting(self.world.system):
                earned = EarningLine.objects.values("contributor_id").annotate(net=Sum("net"))
                rich = earned.filter(net__gte=600).order_by("contributor_id")
                person = staging.person(
                    self._one(list(rich.values_list("contributor_id", flat=True)))
                )
        with acting(person) as by:
            payments.request_payout(by=by, now=now, amount=amount)

    # ── The buyer ───────────────────────────────────────────────────────────────────────────────
    def _reviewer(self) -> Actor:
        return actor_of(User.objects.get(id=self.chance.choice(self.world.reviewers)))

    def _owner(self) -> Actor:
        return actor_of(User.objects.get(id=self.world.owner))

    def _submitted(self) -> uuid.UUID:
        rows = Submission.objects.filter(
            project_id=self._project(),
            kind=Kind.WORK,
            undone_at=None,
            assignment__state=S.SUBMITTED,
        ).order_by("submitted_at")
        return self._one(list(rows.values_list("id", flat=True)[:60]))

    def accept(self, now: dt.datetime) -> None:
        with acting(self._reviewer()) as by:
            work.accept(submission_id=self._submitted(), by=by, now=now)

    def reject(self, now: dt.datetime) -> None:
        with acting(self._reviewer()) as by:
            work.reject(
                submission_id=self._submitted(), criterion="accuracy", note=NOTE, evidence=NOTE,
                by=by, now=now,
            )  # fmt: skip

    def ask_rework(self, now: dt.datetime) -> None:
        with acting(self._reviewer()) as by:
            work.ask_rework(
                submission_id=self._submitted(), criterion="accuracy", note=NOTE, by=by, now=now
            )

    def refund(self, now: dt.datetime) -> None:
        with acting(self._owner()) as by:
            amount = self.chance.choice([1_00, 15_00, 400_00])
            payments.refund_unspent(org_id=self.world.org, amount=amount, by=by, now=now)

    def fund(self, now: dt.datetime) -> None:
        with acting(self._owner()) as by:
            amount = self.chance.choice([20_00, SMALL])
            funding = payments.fund(org_id=self.world.org, amount=amount, by=by, now=now)
        outcome = self.chance.choice(["paid", "paid", "paid", "declined"])
        stand_in.double(f"checkout/{funding.session_id}/pay", outcome=outcome, available=True)

    def look(self, now: dt.datetime) -> None:
        """The buyer comes back from Checkout while the event may be on its way, or lost."""
        with acting(system(self.world.org)) as by:
            rows = Funding.objects.filter(state=FundingState.OPEN).values_list("id", flat=True)
            payments.check_funding(funding_id=self._one(list(rows)), by=by, now=now)

    # ── Banks ───────────────────────────────────────────────────────────────────────────────────
    def chargeback(self, _now: dt.datetime) -> None:
        with acting(self.world.system):
            rows = Funding.objects.filter(state=FundingState.PAID, amount__lte=SMALL, disputes=None)
            intent = self._one(list(rows.values_list("payment_intent_id", flat=True)))
        stand_in.double("disputes", payment_intent=intent, status="needs_response", withdraw=True)

    def bank(self, now: dt.datetime) -> None:
        """The bank decides; whoever asks twice hears that it has.

        Half of the time somebody looks at once. Left to events alone, which wait behind hundreds of
        others, the money would be frozen as long as the machine is slow, and nothing else happen.
        """
        with acting(self.world.system):
            rows = Dispute.objects.filter(state=DisputeState.OPEN)
            dispute = self._one(list(rows.values_list("stripe_id", flat=True)))
        stand_in.double(f"disputes/{dispute}/close", status=self.chance.choice(["won", "lost"]))
        if self.chance.random() < 0.5:
            payments.check_dispute(stripe_id=dispute, now=now)

    # ── Administrators ──────────────────────────────────────────────────────────────────────────
    def decide(self, now: dt.datetime) -> None:
        by = Actor(kind="staff", user_id=self.chance.choice(self.world.administrators))
        with acting(by):
            rows = Case.objects.open().filter(kind__in=[CaseKind.APPEAL, CaseKind.DISPUTE])
            case = self._one(list(rows.values_list("id", flat=True)))
            is_granted = self.chance.random() < 0.5
            cases.decide(case_id=case, is_granted=is_granted, decision=NOTE, by=by, now=now)


class NothingHere(WagefileError):
    """Another client was quicker, or it is too early."""


WEIGHTS = {
    "claim": 24,
    "submit": 24,
    "give_back": 3,
    "accept": 12,
    "reject": 5,
    "ask_rework": 5,
    "appeal": 6,
    "decide": 6,
    "dispute": 1,
    "payout": 4,
    "refund": 3,
    "fund": 3,
    "look": 3,
    "chargeback": 0.4,
    "bank": 3,
}
