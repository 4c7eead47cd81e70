"""The demo's clock is moved, and everything whose moment passes is carried out, in order.

The way is cut into stops: each midnight, each moment of the calendar (Monday's settlement), the
hours in which somebody is reminded of a deadline, the target. At a stop the clock and the stand-in
for Stripe show that moment, and all sweeps run until nothing is due; then what the calendar has for
that moment; then the sweeps again; then reminders are told and mailed. So a settlement counts what
was decided before its Monday, and nothing that a later stop decides, and whoever a move takes past
a deadline was reminded of it first.

A move is a row. Whatever dies on the way, the next ring of `pages.keep_time` goes on from the last
finished stop.
"""

import datetime as dt
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from celery import current_app
from django.conf import settings
from django.db import IntegrityError, connection, transaction

from apps.cases import actions as cases
from apps.cases.tasks import remind_all as remind_of_cases
from apps.cases.tasks import sweep_all as sweep_cases
from apps.core import clock, ratelimit
from apps.core.errors import Conflict, Invalid, NotThere
from apps.core.models import ClockMove
from apps.core.tasks import enqueue, one_at_a_time, pairs
from apps.core.tenancy import Actor, acting, system
from apps.exports import actions as exports
from apps.pages import gateway
from apps.pages.actions.happened import happened
from apps.payments import actions as payments
from apps.scoring import actions as scoring
from apps.scoring.enums import RunState
from apps.scoring.models import ScoringRun
from apps.work import actions as work
from apps.work.tasks import remind_all as remind_of_work
from apps.work.tasks import request_all, settle_at, take_all
from apps.work.tasks import sweep_all as sweep_work

log = logging.getLogger(__name__)

STEPS = {
    "1h": ("+1 h", dt.timedelta(hours=1)),
    "72h": ("+72 h", dt.timedelta(hours=72)),
    "14d": ("+14 d", dt.timedelta(days=14)),
}
TO_MONDAY = "monday"
MOVES_AN_HOUR = 60
MOST_ROUNDS = 50
# Stops that are there for a reminder; beyond these it comes with the next midnight, which is still
# before the deadline: reminders come a day before it or earlier.
MOST_REMINDERS = 24
MOST_FAILURES = 3
PATIENCE_SECONDS = 120.0  # for scores that another worker computes
WEBHOOK_SECONDS = 10
# While a move is under way these sweeps are its own: beat's find the lock taken and do nothing.
OWN = ("work.sweep", "cases.sweep", "payments.push_outbox", "payments.take_events")
# Tasks of beat that a round does itself, or that have nothing to do with the time of the demo.
DONE_IN_ROUNDS = frozenset(
    {
        *OWN,
        "work.request_scores",
        "work.take_scores",
        "work.remind",
        "cases.remind",
        "scoring.requeue",
        "pages.keep_time",
    }
)
UNDER_WAY = "The clock is being moved already; wait until it has arrived."


def ask(*, step: str, by: Actor, now: dt.datetime) -> ClockMove:
    """Begin a move; a worker carries it out. Anybody who has the demo open may.

    NotThere outside a demo, Conflict while another move is under way.
    """
    if not settings.DEMO:
        raise NotThere("There is no such page.")
    ratelimit.check("clock", by=by, limit=MOVES_AN_HOUR)
    label, target = _target(step, now)
    try:
        with transaction.atomic():
            move = ClockMove.objects.create(
                asked_at=clock.real_now(), label=label, begins=now, target=target, reached=now
            )
    except IntegrityError as error:
        raise Conflict(UNDER_WAY) from error
    enqueue("pages.keep_time")
    return move


def _target(step: str, now: dt.datetime) -> tuple[str, dt.datetime]:
    if step == TO_MONDAY:
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return "To Monday", midnight + dt.timedelta(days=7 - now.weekday())
    if step not in STEPS:
        raise Invalid("The clock is moved by 1 hour, 72 hours, 14 days, or to the next Monday.")
    label, span = STEPS[step]
    return label, now + span


def keep_time() -> int:
    """Carry on the move that is under way, or what the calendar has for now; how many stops."""
    if not settings.DEMO:
        return 0
    with one_at_a_time("pages.keep_time") as is_mine:
        if not is_mine:
            return 0
        move = ClockMove.objects.filter(is_open=True).first()
        if move is None:
            return _keep_calendar(clock.now())
        try:
            with _sweeps_are_mine():
                return _carry_on(move)
        except Exception:
            log.exception("the move of the clock to %s", move.target)
            _failed(move)
            return 0


@contextmanager
def _sweeps_are_mine() -> Iterator[None]:
    """Wait for beat's sweeps to end, and keep new ones from beginning. A session may take its own
    lock twice, so the sweeps called from here go through.
    """
    with ExitStack() as stack:
        for key in OWN:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [key])
            stack.callback(_unlock, key)
        yield


def _unlock(key: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [key])


def _carry_on(move: ClockMove) -> int:
    if clock.kept_until() is None:
        clock.keep_until(move.begins)
    # Answers that are in now are scored before time passes, as they would be while it does.
    _say(move, "scores of what is in")
    _score(clock.now())
    count = reminders = 0
    while move.reached < move.target:
        moment = stops(after=move.reached, until=move.target)[0]
        if reminders < MOST_REMINDERS and (hour := _reminders_hour(move.reached, moment)):
            moment, reminders = hour, reminders + 1
        _stop(move, moment)
        move.reached = moment
        move.save(update_fields=["reached"])
        count += 1
    _say(move, "figures")
    _others(log_name="the last stop")
    _finish(move)
    return count


def _failed(move: ClockMove) -> None:
    """Twice it is tried again; then the clock stands where it is, and says so."""
    move.refresh_from_db()
    move.failures += 1
    if move.failures >= MOST_FAILURES:
        move.is_open, move.doing = False, ""
        move.found = [["failed", 1, "it stopped on the way; the worker's log says why"]]
    move.save()


def _finish(move: ClockMove) -> None:
    move.found = [list(row) for row in happened(after=move.begins, until=clock.now())]
    move.is_open, move.doing = False, ""
    move.save(update_fields=["found", "is_open", "doing"])


def _say(move: ClockMove, doing: str) -> None:
    move.doing = doing
    move.save(update_fields=["doing"])


# ── Stops ───────────────────────────────────────────────────────────────────────────────────────


def stops(*, after: dt.datetime, until: dt.datetime) -> list[dt.datetime]:
    """Each midnight (UTC) and each moment of the calendar on the way, and the target itself."""
    first = after.replace(hour=0, minute=0, second=0, microsecond=0) + dt.timedelta(days=1)
    days = max(0, (until - first).days + 1)
    found = {first + dt.timedelta(days=day) for day in range(days)}
    found |= {moment for moment, _ in calendar(after=after, until=until)}
    return sorted(moment for moment in found | {until} if after < moment <= until)


def _reminders_hour(after: dt.datetime, until: dt.datetime) -> dt.datetime | None:
    """The end of the first hour in between in which somebody is to be reminded, if there is one.

    Asked anew at each stop: what one decides has deadlines of its own.
    """
    with acting(Actor(kind="staff")):
        found = [
            each(after=after, until=until) for each in (work.next_reminder, cases.next_reminder)
        ]
    first = min((moment for moment in found if moment), default=None)
    if first is None:
        return None
    hour = first.replace(minute=0, second=0, microsecond=0)
    hour += dt.timedelta(hours=1) if hour < first else dt.timedelta()
    return hour if after < hour < until else None


def calendar(*, after: dt.datetime, until: dt.datetime) -> list[tuple[dt.datetime, str]]:
    """(moment, task) of settings.CALENDAR after `after` until `until`, in order."""
    found = []
    for entry in settings.CALENDAR.values():
        moment = _next(entry["schedule"], after)
        while moment <= until:
            found.append((moment, entry["task"]))
            moment = _next(entry["schedule"], moment)
    return sorted(found)


def _next(schedule: object, after: dt.datetime) -> dt.datetime:
    begin, span, _ = schedule.remaining_delta(after, tz=dt.UTC)  # type: ignore[attr-defined]
    return begin + span


def _stop(move: ClockMove, moment: dt.datetime) -> None:
    where = f"{moment:%a %d %b, %H:%M} UTC"
    _say(move, f"{where}: the stand-in for Stripe")
    clock.reach(moment)
    _reach_at_stripe(moment)
    _say(move, f"{where}: what is due")
    _rounds(moment)
    if _keep_calendar(moment, say=lambda task: _say(move, f"{where}: {task}")):
        _rounds(clock.now())
    _say(move, f"{where}: notices")
    remind_of_work(now=clock.now())
    remind_of_cases(now=clock.now())
    _others(only_notices=True, log_name=where)


def _keep_calendar(until: dt.datetime, *, say: Callable[[str], None] | None = None) -> int:
    """Do what the calendar has since it was last kept; how many entries."""
    since = clock.kept_until()
    if since is None:
        clock.keep_until(until)
        return 0
    due = calendar(after=since, until=until)
    for moment, task in due:
        if say:
            say(task)
        _at(moment, task)
        clock.keep_until(moment)
    if due or until - since > dt.timedelta(hours=1):
        clock.keep_until(until)
    return len(due)


def _reconcile(night: dt.datetime) -> None:
    payments.fetch_balance(now=clock.now())
    payments.reconcile(now=night, is_fetching=False)


# What the calendar writes stands for the moment it was due at, whenever it is carried out: the
# settlement for its Monday, the comparison of the books for its night, the papers for their month.
_AT: dict[str, Callable[[dt.datetime], object]] = {
    "work.settle_all": lambda moment: settle_at(now=moment),
    "payments.weekly": lambda moment: payments.pay_weekly(by=system(), now=moment),
    "payments.reconcile": _reconcile,
    "payments.watch_holds": lambda moment: payments.watch_holds(now=moment),
    "exports.issue_statements": lambda moment: exports.issue_statements(by=system(), now=moment),
    "exports.issue_invoices": lambda moment: exports.issue_invoices(by=system(), now=moment),
}


def _at(moment: dt.datetime, task: str) -> None:
    if task in _AT:
        _AT[task](moment)
    else:
        current_app.tasks[task].run()


def _reach_at_stripe(moment: dt.datetime) -> None:
    """The stand-in's clock follows; what it tells on the way is delivered before we go on."""
    behind = int(moment.timestamp()) - gateway.double_now()
    if behind > 0:
        gateway.double("clock", advance_seconds=behind)
    gateway.double("webhooks/drain", seconds=WEBHOOK_SECONDS)


# ── Sweeps ──────────────────────────────────────────────────────────────────────────────────────


def _rounds(now: dt.datetime) -> None:
    """All sweeps, in order, until one round finds nothing left to do."""
    for _ in range(MOST_ROUNDS):
        moved = payments.take_events(now=now)
        moved += _score(now)
        moved += sweep_cases(now=now)
        moved += sweep_work(now=now)
        pushed = payments.push_outbox(now=clock.now())
        if pushed:
            gateway.double("webhooks/drain", seconds=WEBHOOK_SECONDS)
        if not moved + pushed:
            return
    log.warning("the sweeps at %s found something new %s times", now, MOST_ROUNDS)


def _score(now: dt.datetime) -> int:
    """Runs over what no run has seen, computed here unless a worker is at it; how many taken."""
    request_all(now=now)
    for run_id, org_id in pairs("scoring_due", clock.real_now() - scoring.STALE):
        scoring.run(run_id=run_id, by=system(org_id))
    _wait_for_scores()
    return take_all(now=now)


def _wait_for_scores() -> None:
    """A worker of queue gpu may have been quicker; then its scores are waited for."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        with acting(Actor(kind="staff")):
            if not ScoringRun.objects.filter(state=RunState.RUNNING).exists():
                return
        time.sleep(0.2)


def _others(*, log_name: str, only_notices: bool = False) -> None:
    """The rest of what beat rings: notices at each stop, everything at the end."""
    current_app.loader.import_default_modules()
    calendar_tasks = {entry["task"] for entry in settings.CALENDAR.values()}
    for entry in settings.CELERY_BEAT_SCHEDULE.values():
        name = entry["task"]
        if name in DONE_IN_ROUNDS | calendar_tasks or (
            only_notices and not name.startswith("notices.")
        ):
            continue
        try:
            current_app.tasks[name].run()
        except Exception:
            # Beat rings it again; a mail server that is away must not stop the clock.
            log.exception("%s at %s", name, log_name)
