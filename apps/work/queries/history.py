"""Everything a contributor has done: answers, verdicts, reasons, money, deadlines."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Prefetch, QuerySet

from apps.core.tables import number_of
from apps.core.tenancy import Actor
from apps.tasktypes import registry
from apps.work.enums import AssignmentState
from apps.work.models import Assignment, EarningLine, Submission, Verdict

# What a deadline decides, in the words of the page.
_DEADLINES = {
    AssignmentState.CLAIMED: ("next_due_at", "Without a sign of you the item goes back"),
    AssignmentState.SUBMITTED: ("review_due_at", "Accepted if nobody decides before"),
    AssignmentState.REWORK: (
        "rework_due_at",
        "Your first answer is reviewed if you send no other before",
    ),
    AssignmentState.REJECTED: ("appeal_due_at", "The rejection stands if you do not appeal before"),
}
# Whether an item's right answer was known must not be told by what a contributor reads.
SHOWN_SCORES = ("agreement", "anomaly", "signals")
NOT_AVAILABLE = "not available"


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict in words."""

    verdict: Verdict
    criterion_title: str
    scores: Sequence[tuple[str, object]]


@dataclass(frozen=True, slots=True)
class Done:
    """One assignment of the history, with its answer as a sentence and its money."""

    assignment: Assignment
    answer: str
    decisions: Sequence[Decision]
    lines: Sequence[EarningLine]
    deadline: dt.datetime | None
    deadline_says: str
    can_appeal: bool

    @property
    def net(self) -> int:
        return sum(line.net for line in self.lines)

    @property
    def currency(self) -> str:
        return self.lines[0].currency if self.lines else ""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many of the contributor's own assignments are where: 17, or "1,000+"."""

    waiting: int | str = 0
    accepted: int | str = 0
    rejected: int | str = 0


def assignments(actor: Actor) -> QuerySet[Assignment]:
    """The contributor's own assignments, the latest first; 6 queries whatever their number."""
    return (
        Assignment.objects.of_contributor(actor)
        .select_related("project", "criteria", "item")
        .prefetch_related(
            Prefetch(
                "submissions",
                queryset=Submission.objects.filter(undone_at=None).order_by("round", "id"),
            ),
            Prefetch("verdicts", queryset=Verdict.objects.order_by("decided_at", "id")),
            Prefetch("lines", queryset=EarningLine.objects.order_by("at", "id")),
        )
        .order_by("-claimed_at", "-id")
    )


def counts(actor: Actor) -> Counts:
    """Over everything ever taken, whatever page of it is read; each counted up to a bound."""
    mine = Assignment.objects.of_contributor(actor)
    settled = (AssignmentState.ACCEPTED, AssignmentState.OVERTURNED)
    return Counts(
        waiting=number_of(mine.filter(state=AssignmentState.SUBMITTED)),
        accepted=number_of(mine.filter(state__in=settled)),
        rejected=number_of(mine.filter(state=AssignmentState.REJECTED)),
    )


def submissions(actor: Actor) -> QuerySet[Submission]:
    """Own submissions with verdicts and lines, for the API."""
    return (
        Submission.objects.of_contributor(actor)
        .filter(undone_at=None)
        .select_related("assignment", "project")
        .prefetch_related(
            Prefetch("verdicts", queryset=Verdict.objects.order_by("decided_at", "id")),
            Prefetch("assignment__lines", queryset=EarningLine.objects.select_related("criteria")),
        )
    )


def done(rows: Iterable[Assignment], now: dt.datetime) -> list[Done]:
    return [_done(row, now) for row in rows]


def _done(row: Assignment, now: dt.datetime) -> Done:
    task = row.criteria.body["task"]
    kind = registry.get(task["type"])
    titles = {line["key"]: line["title"] for line in row.criteria.body["rubric"]}
    given = list(row.submissions.all())
    field, says = _DEADLINES.get(AssignmentState(row.state), ("", ""))
    if row.state == AssignmentState.SUBMITTED and row.is_review_stopped(now):
        field = "review_stopped_until"
        says = "A case of bad faith is open; at the latest then the review window goes on"
    if row.held_until is not None:
        field, says = "held_until", "A case is open; without a decision it ends for you"
    return Done(
        assignment=row,
        answer=kind.describe(task["config"], given[-1].answer) if given else "",
        decisions=[
            Decision(
                verdict=verdict,
                criterion_title=titles.get(verdict.criterion, verdict.criterion),
                scores=shown_scores(verdict.scores),
            )
            for verdict in row.verdicts.all()
        ],
        lines=list(row.lines.all()),
        deadline=getattr(row, field) if field else None,
        deadline_says=says,
        can_appeal=(
            row.state == AssignmentState.REJECTED
            and row.held_until is None
            and row.appeal_due_at is not None
            and now <= row.appeal_due_at
        ),
    )


def shown_scores(scores: dict) -> list[tuple[str, object]]:
    """The scores a contributor reads; those that could not be computed say so."""
    found = []
    for name in SHOWN_SCORES:
        if name in scores:
            value = scores[name]
            found.append((name, NOT_AVAILABLE if value is None else value))
    return found
