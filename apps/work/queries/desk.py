"""What a contributor has in hand: the assignment, its editor, its clock, what it earns now."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings

from apps.core.errors import NotThere
from apps.core.tenancy import Actor
from apps.projects import rules
from apps.projects.models import Asset
from apps.projects.queries import criteria, pictures
from apps.projects.rules import AS_WORK
from apps.tasktypes import registry
from apps.work.enums import AssignmentState
from apps.work.models import Assignment, Enrolment, Submission

# In these the answer can still be written.
WRITABLE = frozenset({AssignmentState.CLAIMED, AssignmentState.REWORK})


@dataclass(frozen=True, slots=True)
class ClockView:
    """The server's measure. Seconds; `expires_at` is when the hold ends without a heartbeat."""

    active_seconds: int
    idle_seconds: int
    cap_seconds: int
    expires_at: dt.datetime

    @property
    def is_capped(self) -> bool:
        return self.active_seconds >= self.cap_seconds


@dataclass(frozen=True, slots=True)
class EarnsNow:
    """Minor units, net. `lines` make up an acceptance.

    `floor` is what the time counted so far is worth at the floor.
    """

    lines: Sequence[rules.Line]
    accepted: int
    fee: int
    rejected: int
    floor: int
    bonus_max: int
    currency: str

    @property
    def gross(self) -> int:
        return self.accepted + self.fee

    @property
    def above_pay(self) -> int:
        """By how much the floor on this item's time is above its pay."""
        return max(0, self.floor - self.accepted)


@dataclass(frozen=True, slots=True)
class Editor:
    """What the editor of a task type is drawn from; the same for every kind of item."""

    task_type: str
    template: str
    config: dict
    payload: dict
    answer: dict
    is_readonly: bool


def assignment_of(assignment_id: uuid.UUID, actor: Actor) -> Assignment:
    """The contributor's own assignment, or NotThere."""
    found = (
        Assignment.objects.of_contributor(actor)
        .select_related("project", "criteria", "item")
        .filter(id=assignment_id)
        .first()
    )
    if found is None:
        raise NotThere("There is no such assignment of yours.")
    return found


def handed_out(assignment: Assignment) -> Assignment:
    """What an action has just given its contributor, with the criteria to show it by."""
    assignment.criteria = criteria.kept(assignment.criteria_id)
    return assignment


def open_assignment(project_id: uuid.UUID, actor: Actor) -> Assignment | None:
    """What is claimed and not yet submitted in this project: at most one."""
    return (
        Assignment.objects.of_contributor(actor)
        .filter(project_id=project_id, state=AssignmentState.CLAIMED)
        .first()
    )


def in_hand(actor: Actor) -> list[Assignment]:
    """Claimed or sent back for rework, in every project; the most urgent first."""
    return list(
        Assignment.objects.of_contributor(actor)
        .filter(state__in=WRITABLE)
        .select_related("project")
        .order_by("next_due_at", "id")
    )


def enrolment_of(project_id: uuid.UUID, actor: Actor) -> Enrolment | None:
    return (
        Enrolment.objects.of_contributor(actor)
        .select_related("project__criteria")
        .filter(project_id=project_id)
        .first()
    )


def undoable(project_id: uuid.UUID, actor: Actor, now: dt.datetime) -> list[Submission]:
    """Submissions that can still be taken back, the last one first."""
    return list(
        Submission.objects.of_contributor(actor)
        .filter(project_id=project_id, undone_at=None, undo_until__gt=now)
        .filter(assignment__state=AssignmentState.SUBMITTED, round=1)
        .order_by("-submitted_at", "-id")
    )


def last_answer(assignment: Assignment) -> dict:
    """The draft if there is one, else the answer given last, else nothing."""
    if assignment.draft is not None:
        return assignment.draft
    if assignment.state == AssignmentState.CLAIMED:
        # Nothing was handed in: an answer that was taken back is the draft.
        return {}
    answer = (
        assignment.submissions.order_by("-submitted_at", "-id")
        .values_list("answer", flat=True)
        .first()
    )
    return answer or {}


def editor(assignment: Assignment, *, answer: dict | None = None) -> Editor:
    """`answer` is what was just sent and refused; it goes before the draft."""
    task = assignment.criteria.body["task"]
    kind = registry.get(task["type"])
    return Editor(
        task_type=task["type"],
        template=kind.editor_template,
        config=task["config"],
        payload=_with_links(assignment),
        answer=last_answer(assignment) if answer is None else answer,
        is_readonly=assignment.state not in WRITABLE,
    )


def _with_links(assignment: Assignment) -> dict:
    """The payload, the names of its pictures replaced by signed links."""
    payload = dict(assignment.item.payload)
    kind = registry.get(assignment.criteria.body["task"]["type"])
    names = kind.assets(payload)
    if not names:
        return payload
    hashes = dict(
        Asset.objects.filter(project_id=assignment.project_id, name__in=names).values_list(
            "name", "sha256"
        )
    )
    # The file's name stays inside: it may say what the picture shows.
    links = {
        name: pictures.link(sha256=hashes[name], subject=assignment.id) if name in hashes else ""
        for name in names
    }
    return {
        key: links.get(value, value) if isinstance(value, str) else value
        for key, value in payload.items()
    }


def clock(assignment: Assignment) -> ClockView:
    windows = assignment.criteria.body["windows"]
    return ClockView(
        active_seconds=assignment.active_seconds,
        idle_seconds=assignment.idle_seconds,
        cap_seconds=assignment.cap_seconds,
        expires_at=min(
            assignment.last_beat_at + dt.timedelta(minutes=windows["hold_minutes"]),
            assignment.claimed_at + dt.timedelta(hours=windows["hold_hours_max"]),
        ),
    )


def is_first(assignment: Assignment) -> bool:
    """Whether the time for the instructions is booked to this one, and nothing was done yet."""
    usual = assignment.criteria.body["pay"]["paid_seconds_max"]
    return (
        assignment.rounds == 1 and assignment.cap_seconds > usual and assignment.active_seconds == 0
    )


def earns_now(assignment: Assignment) -> EarnsNow:
    """What this assignment pays if it is accepted or rejected, and the floor on its time so far."""
    terms = criteria.terms(assignment.criteria_id)
    accepted = rules.earn(terms, assignment.open_facts, rules.Outcome.ACCEPTED)
    return EarnsNow(
        lines=accepted,
        accepted=sum(line.net for line in accepted),
        fee=sum(line.fee for line in accepted),
        rejected=rules.guaranteed_pay(terms, assignment.open_facts),
        floor=terms.floor_for(min(assignment.active_seconds, assignment.cap_seconds)),
        bonus_max=terms.bonus_max if assignment.kind in AS_WORK else 0,
        currency=terms.currency,
    )


def heartbeat_seconds() -> int:
    return settings.WAGEFILE["heartbeat_seconds"]


@dataclass(frozen=True, slots=True)
class Marked:
    """One item of a qualification with its feedback. `is_left_out`: a miss that does not count,
    since its known answer was taken back.
    """

    assignment: Assignment
    answer: str
    is_correct: bool
    explanation: str
    net: int
    is_left_out: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """The last attempt of a qualification. `passed` is None while items are left to do."""

    number: int
    items: Sequence[Marked]
    correct: int
    of: int
    passed: bool | None
    net: int


def attempt_of(enrolment: Enrolment, actor: Actor) -> Attempt | None:
    """The result as it was written when the last item was marked; None before the first one."""
    result = enrolment.result
    if not result:
        return None
    marked = {uuid.UUID(item["assignment"]): item for item in result["items"]}
    rows = (
        Assignment.objects.of_contributor(actor)
        .filter(id__in=marked)
        .select_related("criteria")
        .prefetch_related("submissions", "lines")
        .order_by("claimed_at", "id")
    )
    items = [_marked(row, marked[row.id]) for row in rows]
    return Attempt(
        number=result["attempt"],
        items=items,
        correct=result.get("correct", sum(item.is_correct for item in items)),
        of=result.get("of", len(items)),
        passed=result.get("passed"),
        net=sum(item.net for item in items),
    )


def _marked(row: Assignment, item: dict) -> Marked:
    task = row.criteria.body["task"]
    given = list(row.submissions.all())
    return Marked(
        assignment=row,
        answer=registry.get(task["type"]).describe(task["config"], given[-1].answer)
        if given
        else "",
        is_correct=item["correct"],
        explanation=item["explanation"],
        net=sum(line.net for line in row.lines.all()),
        is_left_out=item.get("is_left_out", False),
    )
