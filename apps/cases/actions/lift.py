"""Contests of a lift figure: the run is repeated over the rows as they are now, and settles it.

The seed is the same, so the same rows give the same figures: a contest wins where rows were missing
or wrong, not by another draw. What is won is paid from what is left of the pool, else by the
platform out of its fees.
"""

import datetime as dt
import uuid

from django.db import transaction

from apps.accounts.queries import staff_ids
from apps.cases import rules
from apps.cases.actions import records
from apps.cases.enums import CaseKind, CaseState
from apps.cases.errors import AlreadyOpen, TooLate
from apps.cases.models import Case
from apps.core.errors import Conflict, NotAllowed, NotThere
from apps.core.tenancy import Actor
from apps.projects.models import Project
from apps.work import actions as work
from apps.work.queries import lift


def contest_lift(*, project_id: uuid.UUID, reason: str, by: Actor, now: dt.datetime) -> Case:
    """Say that the run at the close got one's own lift wrong; until the published day."""
    with transaction.atomic():
        person = by.person_id
        project = Project.objects.filter(id=project_id).first()
        own = lift.own(project, by) if project and project.criteria_id else None
        if project is None or own is None:
            raise NotThere("There is no lift of yours here.")
        if not own.is_last:
            raise Conflict("Only the run at the close pays, so only its figure can be contested.")
        if not own.can_contest(now):
            raise TooLate(f"It could be contested until {own.contest_until:%d %B %Y, %H:%M} UTC.")
        cases = Case.objects.filter(kind=CaseKind.LIFT_CONTEST, contributor_id=person)
        if cases.filter(project_id=project_id).exists():
            raise AlreadyOpen("You have contested this figure already.")
        text = records.written(
            reason, field="reason", minimum=rules.REASON_MINIMUM, what="The reason of a contest"
        )
        case = records.opened(
            Case(
                kind=CaseKind.LIFT_CONTEST,
                contributor_id=person,
                org_id=own.score.org_id,
                project_id=project_id,
                opened_by_id=person,
                opened_at=now,
                reason=text,
                due_at=rules.decision_due(own.windows, now),
            ),
            by=by,
            now=now,
        )
        body = "The run is repeated over the rows as they are now; that settles it."
        records.tell(case, records.buyers_of(case), "A lift figure is contested", body, now=now)
        records.tell(case, staff_ids(), "A contest of lift waits for a decision", body, now=now)
        return case


def repeat_lift(*, case_id: uuid.UUID, by: Actor, now: dt.datetime) -> bool:
    """Keep the pool and have the run repeated, once a case; called by the sweep."""
    if not by.is_system:
        raise NotAllowed("Runs for contests are repeated by the marketplace itself.")
    with transaction.atomic():
        case = records.locked(case_id, by)
        if case.state != CaseState.OPEN or case.project_id is None:
            return False
        return work.repeat_for_contest(
            project_id=case.project_id, since=case.opened_at, until=case.due_at, by=by, now=now
        )


def is_repeated(case: Case) -> bool:
    """Whether the run that settles it is over, also where it has no figure of this person."""
    return work.is_repeated(_project_of(case), since=case.opened_at)


def carry_out(case: Case, *, is_granted: bool, by: Actor, now: dt.datetime) -> uuid.UUID | None:
    """Pay the difference of the repeated run. Raises Conflict while it is not there, or when a
    decision says something else than it does.
    """
    if not is_repeated(case):
        raise Conflict("The repeated run is not there yet; it settles the contest.")
    again = work.repeated(_project_of(case), case.contributor_id, since=case.opened_at)
    if not is_granted:
        if again is not None and work.has_lift_difference(again):
            raise Conflict("The repeated run gives more than was paid, so the contest is granted.")
        return None
    paid = work.pay_lift_difference(again, base=case.id, by=by, now=now) if again else None
    if paid is None:
        raise Conflict("The repeated run gives no more than was paid, so the figure stands.")
    return paid


def carry_out_silence(case: Case, *, by: Actor, now: dt.datetime) -> uuid.UUID | None:
    """The run decides alone."""
    again = work.repeated(_project_of(case), case.contributor_id, since=case.opened_at)
    return work.pay_lift_difference(again, base=case.id, by=by, now=now) if again else None


def _project_of(case: Case) -> uuid.UUID:
    if case.project_id is None:
        raise NotThere("This case is about no project.")
    return case.project_id
