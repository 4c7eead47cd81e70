"""A contributor's own scores, what they rest on, and what would change them.

What says how often known answers were met is shown for weeks that are over: shown after each run
it would tell, by one more in the count, which item's right answer was known. A known answer that
was missed is told when that can no longer happen: `queries.gold`.
"""

import datetime as dt
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from apps.core.tenancy import Actor
from apps.projects.enums import ProjectState
from apps.projects.models import Project
from apps.projects.rules import MEANINGS
from apps.scoring.rules import Share, share_of
from apps.tasktypes import registry
from apps.work.enums import AssignmentState
from apps.work.models import DECIDED, Enrolment, OnlineScore, RepeatScore, Score, Submission
from apps.work.queries import online
from apps.work.queries.gold import Missed

WEEKS = 26
HALF = 0.5


@dataclass(frozen=True, slots=True)
class Gold:
    """Of the last week that is over: shares of 1, with the two-sided 90% interval."""

    score: Score

    @property
    def share(self) -> Share:
        row = self.score
        return Share(row.gold_correct, row.gold_count, row.gold_mean, row.gold_low, row.gold_high)

    @property
    def is_over_the_bar(self) -> bool:
        return self.score.more_right == 0

    @property
    def marks(self) -> list[tuple[float, str]]:
        return [(float(self.score.bar), "bar of the bonus")]

    @property
    def sentence(self) -> str:
        """What would change it, from the formula itself."""
        row = self.score
        bar = f"{row.bar.normalize():f}"
        if row.more_right is None:
            return f"The bar of {bar} is too far away for a number of answers to say."
        if row.more_right == 0:
            return (
                f"Your lower bound, {row.gold_lower:.3f}, is over the bar of {bar} that the "
                "quality bonus asks for."
            )
        answers = "answer" if row.more_right == 1 else "answers"
        missing = row.gold_minimum - row.gold_count
        least = f" At least {row.gold_minimum} are asked for, {missing} more than you have." * (
            missing > 0
        )
        return (
            f"{row.more_right} more right {answers} to known items, and none wrong, would lift "
            f"your lower bound from {row.gold_lower:.3f} over the bar of {bar}.{least}"
        )


@dataclass(frozen=True, slots=True)
class Own:
    """One project as its contributor reads it; None where no run has said anything yet."""

    enrolment: Enrolment
    newest: Score | None
    gold: Gold | None
    since: OnlineScore | None = None
    repeats: RepeatScore | None = None

    @property
    def project(self) -> Project:
        return self.enrolment.project

    @property
    def signals(self) -> list[tuple[str, bool]]:
        """What each signal says of this person, and whether it does; those that speak first."""
        found = self.newest.signals if self.newest else {}
        said = [(MEANINGS[name], speaks) for name, speaks in found.items() if name in MEANINGS]
        return sorted(said, key=lambda each: (not each[1], each[0]))

    @property
    def speaking(self) -> int:
        return sum(speaks for _, speaks in self.signals)

    @property
    def label(self) -> Share | None:
        """Answers equal to the label, of those to items that have one; 90% interval."""
        row = self.newest
        return share_of(row.agreed, row.labelled) if row and row.labelled else None


@dataclass(frozen=True, slots=True)
class Item:
    """An answer that was decided. `others` says in words how many of the others gave the same."""

    submission: Submission
    answer: str
    is_label: bool | None
    others: str
    can_appeal: bool
    missed: Missed | None = None


def monday(now: dt.datetime) -> dt.date:
    """The Monday, UTC, of the week that runs."""
    day = now.astimezone(dt.UTC).date()
    return day - dt.timedelta(days=day.weekday())


def enrolments(actor: Actor) -> QuerySet[Enrolment]:
    """The projects that this person has joined."""
    return Enrolment.objects.of_contributor(actor).select_related("project")


def own(rows: Iterable[Enrolment], actor: Actor, now: dt.datetime) -> list[Own]:
    """Those projects with their scores; four queries whatever their number."""
    joined = list(rows)
    ids = [row.project_id for row in joined]
    newest = {score.project_id: score for score in _latest(actor, ids)}
    over = {score.project_id: score for score in _latest(actor, ids, before=monday(now))}
    since = online.of_contributor(actor, ids)
    twice = RepeatScore.objects.of_contributor(actor).filter(project_id__in=ids)
    repeats = {score.project_id: score for score in twice}
    return [
        Own(
            enrolment=row,
            newest=newest.get(row.project_id),
            gold=_gold(row, newest.get(row.project_id), over.get(row.project_id)),
            since=since.get(row.project_id),
            repeats=repeats.get(row.project_id),
        )
        for row in joined
    ]


def _gold(row: Enrolment, newest: Score | None, over: Score | None) -> Gold | None:
    # Nothing more is asked of a closed project, so nothing can be told.
    score = newest if row.project.state == ProjectState.CLOSED else over
    return Gold(score) if score is not None and score.gold_count else None


def _latest(
    actor: Actor, projects: Sequence[uuid.UUID], before: dt.date | None = None
) -> QuerySet[Score]:
    found = Score.objects.of_contributor(actor).filter(project_id__in=projects)
    if before is not None:
        found = found.filter(week__lt=before)
    return found.order_by("project_id", "-week").distinct("project_id")


def weeks(project_id: uuid.UUID, actor: Actor, now: dt.datetime) -> list[tuple]:
    """Points of a line: (week, posterior mean, low, high) of weeks that are over, in order."""
    rows = Score.objects.of_contributor(actor).filter(
        project_id=project_id, week__lt=monday(now), gold_count__gt=0
    )
    return [
        (f"{row.week:%-d %b}", row.gold_mean, row.gold_low, row.gold_high)
        for row in reversed(rows.order_by("-week")[:WEEKS])
    ]


def answers(
    project_id: uuid.UUID,
    actor: Actor,
    *,
    is_off: bool,
    only: Collection[uuid.UUID] | None = None,
) -> QuerySet[Submission]:
    """Own decided answers; with `is_off` those that are not what the label says, with `only` those
    of these assignments.
    """
    rows = (
        Submission.objects.of_contributor(actor)
        .filter(project_id=project_id, undone_at=None, assignment__state__in=DECIDED)
        .select_related("assignment__criteria", "item")
    )
    if only is not None:
        return rows.filter(assignment_id__in=only)
    return rows.filter(scores__label=False) if is_off else rows


def items(
    rows: Iterable[Submission], now: dt.datetime, missed: Mapping[uuid.UUID, Missed]
) -> list[Item]:
    """`missed` are the known answers that may be told, by assignment."""
    return [_item(row, now, missed.get(row.assignment_id)) for row in rows]


def _item(row: Submission, now: dt.datetime, missed: Missed | None) -> Item:
    task = row.assignment.criteria.body["task"]
    due = row.assignment.appeal_due_at
    label = row.scores.get("label")
    return Item(
        submission=row,
        answer=registry.get(task["type"]).describe(task["config"], row.answer),
        is_label=label if isinstance(label, bool) else None,
        others=_others(row.scores.get("agreement")),
        can_appeal=row.assignment.state == AssignmentState.REJECTED
        and row.assignment.held_until is None
        and due is not None
        and now <= due,
        missed=missed,
    )


def _others(agreement: object) -> str:
    """In words: of how many the share was would tell known items from others."""
    if not isinstance(agreement, int | float):
        return "Nobody else has answered it"
    if agreement == 1:
        return "All others gave the same"
    if agreement == 0:
        return "Nobody else gave the same"
    return "Most others gave the same" if agreement > HALF else "At most half gave the same"
