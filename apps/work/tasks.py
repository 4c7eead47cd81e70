"""Celery entry points of work: sweeps that find what is due, and one action each."""

import datetime as dt
import uuid
from collections import defaultdict

from celery import shared_task

from apps.core import clock
from apps.core.tasks import enqueue, one_at_a_time, pairs, tenant_task
from apps.core.tenancy import Actor, acting, system
from apps.payments.models import Dispute
from apps.work import actions as work

BATCH = 200
# So long after the close of a project its last run is still looked into.
AFTER_CLOSE = dt.timedelta(days=7)


@shared_task(name="work.sweep")
def sweep() -> int:
    """Let every deadline that has passed decide, organization by organization, in batches."""
    return sweep_all(now=clock.now())


def sweep_all(*, now: dt.datetime) -> int:
    """As the task, at a given time (the replay's clock); how many rows were looked at."""
    total = 0
    with one_at_a_time("work.sweep") as mine:
        while mine:
            due = pairs("work_due", now, BATCH)
            if not due:
                break
            by_org: dict[uuid.UUID, list[uuid.UUID]] = defaultdict(list)
            for assignment_id, org_id in due:
                by_org[org_id].append(assignment_id)
            moved = 0
            for org_id, ids in by_org.items():
                with acting(system(org_id)) as actor:
                    moved += work.lapse(assignment_ids=ids, by=actor, now=now)
            total += moved
            if moved == 0:
                # All rows are locked by people's own actions, which settle them.
                break
    for project_id, org_id in pairs("projects_with_work"):
        # One part a sweep: the deadlines of all others come first, and the next sweep goes on.
        with acting(system(org_id)) as actor:
            work.close_when_done(project_id=project_id, by=actor, now=now, most=work.PEOPLE_AT_ONCE)
    return total


@shared_task(name="work.settle")
def settle(*, id: str, org_id: str, monday: str) -> None:  # noqa: A002
    """Settle a project for this Monday. A message that comes again goes on where it was stopped."""
    settle_project(uuid.UUID(id), uuid.UUID(org_id), now=dt.datetime.fromisoformat(monday))


def settle_project(
    project_id: uuid.UUID,
    org_id: uuid.UUID,
    *,
    now: dt.datetime,
    most: int = work.PEOPLE_AT_ONCE,
) -> int:
    """Part by part, each in a transaction of its own; how many people got a settlement row."""
    settled, last, is_more = 0, None, True
    while is_more:
        with acting(system(org_id)) as actor:
            part = work.settle_part(project_id=project_id, by=actor, now=now, after=last, most=most)
        settled, last, is_more = settled + part.settled, part.last, part.last is not None
    return settled


@shared_task(name="work.settle_all")
def settle_all() -> int:
    """Monday 00:00 UTC: every project with something to settle. The message names the Monday."""
    now = clock.now()
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    monday = today - dt.timedelta(days=today.weekday())
    due = pairs("work_to_settle")
    for project_id, org_id in due:
        enqueue("work.settle", id=project_id, org_id=org_id, monday=monday.isoformat())
    return len(due)


def settle_at(*, now: dt.datetime) -> int:
    """As the task, here and at a given time (the Monday that a moved clock passes)."""
    due = pairs("work_to_settle")
    for project_id, org_id in due:
        settle_project(project_id, org_id, now=now)
    return len(due)


@shared_task(name="work.request_scores")
def request_scores() -> int:
    """A scoring run for each project with answers that no run has seen."""
    return request_all(now=clock.now())


def request_all(*, now: dt.datetime) -> int:
    """As the task, at a given time; how many projects were looked at."""
    due = pairs("work_unscored_projects", now)
    for project_id, org_id in due:
        with acting(system(org_id)) as actor:
            work.request_scores(project_id=project_id, by=actor, now=now)
    return len(due)


@shared_task(name="work.take_scores")
def take_scores() -> int:
    """Finished runs that nobody has taken yet (an upward need is a row)."""
    return take_all(now=clock.now())


def take_all(*, now: dt.datetime) -> int:
    """As the task, at a given time; how many runs were taken."""
    due = pairs("scoring_unhandled")
    for run_id, org_id in due:
        with acting(system(org_id)) as actor:
            work.take_scores(run_id=run_id, by=actor, now=now)
    return len(due)


@tenant_task("work.plan_overlap")
def plan_overlap(*, id: uuid.UUID, by: Actor, now: dt.datetime) -> None:  # noqa: A002
    work.plan_overlap(run_id=id, by=by, now=now)


@shared_task(name="work.plan_all")
def plan_all() -> int:
    """A plan for each last run that has none, on the workers that compute."""
    due = pairs("work_unplanned_runs")
    for run_id, org_id in due:
        enqueue("work.plan_overlap", id=run_id, org_id=org_id)
    return len(due)


@tenant_task("work.analyse_errors")
def analyse_errors(*, id: uuid.UUID, by: Actor, now: dt.datetime) -> None:  # noqa: A002
    work.analyse_errors(run_id=id, by=by, now=now)


@shared_task(name="work.analyse_all")
def analyse_all() -> int:
    """The errors of each last run that nobody has looked into, on the workers that compute."""
    due = pairs("work_unanalysed_runs", clock.now() - AFTER_CLOSE)
    for run_id, org_id in due:
        enqueue("work.analyse_errors", id=run_id, org_id=org_id)
    return len(due)


@tenant_task("work.measure_repeats")
def measure_repeats(*, id: uuid.UUID, by: Actor, now: dt.datetime) -> None:  # noqa: A002
    work.measure_repeats(project_id=id, by=by, now=now)


@shared_task(name="work.measure_all")
def measure_all() -> int:
    """How far people agree with themselves, where a repeat is new, on the workers that compute."""
    due = pairs("work_repeats_due", clock.now())
    for project_id, org_id in due:
        enqueue("work.measure_repeats", id=project_id, org_id=org_id)
    return len(due)


@tenant_task("work.count_online_of")
def count_online_of(*, id: uuid.UUID, by: Actor, now: dt.datetime) -> int:  # noqa: A002
    return work.count_online(project_id=id, by=by, now=now)


@shared_task(name="work.count_online")
def count_online() -> int:
    """Answers that no full run has seen, into the scores since the last one; a task a project, so
    that none waits for another.
    """
    due = pairs("work_online_due", clock.now())
    for project_id, org_id in due:
        enqueue("work.count_online_of", id=project_id, org_id=org_id)
    return len(due)


@tenant_task("work.begin_lift")
def begin_lift(*, id: uuid.UUID, by: Actor, now: dt.datetime) -> None:  # noqa: A002
    work.begin_lift(round_id=id, by=by, now=now)


@shared_task(name="work.take_lift")
def take_lift() -> int:
    """Rounds of lift that nobody has begun, and runs that are over and that nobody has taken."""
    return take_lift_all(now=clock.now())


def take_lift_all(*, now: dt.datetime) -> int:
    """As the task, at a given time; how many rows were looked at."""
    rounds, runs = pairs("work_lift_rounds"), pairs("scoring_lift_unhandled")
    for round_id, org_id in rounds:
        with acting(system(org_id)) as actor:
            work.begin_lift(round_id=round_id, by=actor, now=now)
    for run_id, org_id in runs:
        with acting(system(org_id)) as actor:
            work.take_lift(run_id=run_id, by=actor, now=now)
    return len(rounds) + len(runs)


@shared_task(name="work.sweep_lift")
def sweep_lift() -> int:
    """Lift pools of closed projects: the run that is missing, and the rest that is due."""
    return sweep_lift_all(now=clock.now())


def sweep_lift_all(*, now: dt.datetime) -> int:
    """As the task, at a given time; how many pools moved."""
    moved = 0
    for project_id, org_id in pairs("work_lift_pools"):
        with acting(system(org_id)) as actor:
            moved += work.sweep_pool(project_id=project_id, by=actor, now=now)
    return moved


@shared_task(name="work.figures")
def figures() -> int:
    """Counters of projects with work, for the buyer's page and for the offers."""
    now = clock.now()
    due = pairs("projects_with_work")
    for project_id, org_id in due:
        with acting(system(org_id)) as actor:
            work.refresh_figures(project_id=project_id, by=actor, now=now)
    return len(due)


@shared_task(name="work.remind")
def remind() -> int:
    """Tell of deadlines that come near, of retakes and of new offers."""
    return remind_all(now=clock.now())


def remind_all(*, now: dt.datetime) -> int:
    """As the task, at a given time; how many rows were looked at."""
    with one_at_a_time("work.remind") as mine:
        due = work.due_reminders(now=now) if mine else []
        for what, row_id, org_id in due:
            with acting(system(org_id)) as actor:
                work.remind(what=what, id=row_id, by=actor, now=now)
    return len(due)


@shared_task(name="work.tell_frozen")
def tell_frozen() -> int:
    """Chargebacks that contributors were not told of yet (an upward need is a row)."""
    now = clock.now()
    with acting(system()):
        waiting = list(Dispute.objects.filter(workers_told_at=None).order_by("opened_at"))
    for dispute in waiting:
        with acting(system(dispute.org_id)) as actor:
            work.tell_frozen(dispute=dispute, by=actor, now=now)
    return len(waiting)
