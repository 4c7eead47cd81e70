"""The last answers of a project as stored, for a replay under criteria that are not published."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from apps.core.tenancy import Actor
from apps.projects import rules
from apps.projects.models import Project
from apps.projects.queries import criteria, draft_body
from apps.projects.rules import Answered, GoldScore, Kind, Mark, Outcome, Replay, Version
from apps.work.enums import UNSUBMITTED, AssignmentState, VerdictOutcome
from apps.work.models import Assignment, Enrolment, Submission, Verdict

S = AssignmentState
LAST = 1_000
_REFUSED = frozenset({S.REJECTED, S.FINAL})
_UNDECIDED = frozenset({S.CLAIMED, S.SUBMITTED, S.REWORK})


@dataclass(frozen=True, slots=True)
class Replayed:
    """A replay, and how far what it compares is what was paid.

    `earlier` answers were claimed under a version before the one in force; `capped` ones used up
    all the time that could be paid.
    """

    replay: Replay
    number: int
    earlier: int
    capped: int


def of_draft(project: Project, actor: Actor, *, last: int = LAST) -> Replayed | None:
    """The last answers under the criteria in force and under the draft.

    None where the draft cannot be worked out yet. Rows of the actor only, read by their ids.
    """
    in_force = project.criteria_in_force
    body = draft_body(project)
    if body["pay"]["base"] <= 0:
        return None
    before = Version.of(in_force.body, number=in_force.number)
    after = Version.of(body, number=in_force.number + 1)
    rows = answers(project, actor, last=last)
    assignments = [row.assignment for row in rows]
    cited = _cited(assignments, actor)
    enrolments = Enrolment.objects.visible_to(actor).filter(
        project=project, contributor_id__in={row.contributor_id for row in assignments}
    )
    people = list(enrolments)
    found = rules.replay(
        before,
        after,
        [_answered(row, cited) for row in rows],
        marks=_marks(people),
        gold={row.contributor_id: GoldScore(row.gold_count, row.gold_lower) for row in people},
        undecided=sum(row.state in _UNDECIDED for row in assignments),
    )
    return Replayed(
        replay=found,
        number=in_force.number + 1,
        earlier=sum(row.criteria_id != in_force.id for row in assignments),
        capped=sum(row.active_seconds >= row.cap_seconds for row in assignments),
    )


def answers(project: Project, actor: Actor, *, last: int = LAST) -> list[Submission]:
    """Answers that were not taken back, the last first; of two rounds the later one."""
    own = Submission.objects.visible_to(actor)
    # First which: with what is joined to them PostgreSQL would read the whole project. Twice as
    # many, since rework is asked for once and each may have an earlier round behind it.
    newest = own.filter(project=project, undone_at=None).order_by("-submitted_at", "-id")
    ids = list(newest.values_list("id", flat=True)[: 2 * last])
    rows = own.filter(id__in=ids).prefetch_related("assignment", "item")
    found: dict[uuid.UUID, Submission] = {}
    for row in sorted(rows, key=lambda row: (row.submitted_at, row.id), reverse=True):
        if row.assignment.state not in UNSUBMITTED:
            found.setdefault(row.assignment_id, row)
    return list(found.values())[:last]


def _cited(rows: Sequence[Assignment], actor: Actor) -> dict[uuid.UUID, str]:
    """Assignment → the rubric line that its rejection cites."""
    refused = [row.id for row in rows if row.state in _REFUSED]
    verdicts = Verdict.objects.visible_to(actor).filter(
        assignment_id__in=refused, outcome=VerdictOutcome.REJECTED
    )
    return dict(verdicts.order_by("decided_at").values_list("assignment_id", "criterion"))


def _answered(row: Submission, cited: dict[uuid.UUID, str]) -> Answered:
    assignment = row.assignment
    own = criteria.terms(assignment.criteria_id).paid_seconds_max
    return Answered(
        id=row.id,
        person=row.contributor_id,
        kind=Kind(assignment.kind),
        outcome=_outcome(assignment),
        rounds=row.round,
        tier=assignment.tier,
        named=frozenset(row.item.triggers),
        claimed_at=assignment.claimed_at,
        seconds=assignment.active_seconds if assignment.is_time_counted else 0,
        spare_seconds=max(0, assignment.cap_seconds - own * assignment.rounds),
        criterion=cited.get(assignment.id, ""),
    )


def _outcome(row: Assignment) -> Outcome:
    if row.state not in _REFUSED:
        return Outcome.ACCEPTED
    return Outcome.BAD_FAITH if row.is_bad_faith else Outcome.REJECTED


def _marks(people: Sequence[Enrolment]) -> list[Mark]:
    return [
        Mark(row.contributor_id, row.tier, row.result["correct"], row.result["of"])
        for row in people
        if "correct" in row.result and row.result.get("of")
    ]
