"""What lift runs say: to a contributor of the own answers, to the buyer of everybody's."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import QuerySet

from apps.core.tenancy import Actor
from apps.projects.models import Project
from apps.projects.queries import criteria
from apps.projects.rules import LiftTerms
from apps.scoring.enums import Grouping, LiftState, Measure, Reason
from apps.scoring.models import LiftRun
from apps.tasktypes import registry
from apps.work.models import LiftPool, LiftRound, LiftScore, Submission

RUNS = 26


# ── A contributor ───────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Example:
    """An own answer that moved a model. `size` is the change of its loss, above zero.

    `is_known`: one that no model learned from, to an item with a known answer; by so much the
    chance of the right answer changed with all of the own work, likely from `low` to `high`.
    """

    submission: Submission
    answer: str
    content: str
    is_help: bool
    size: float
    low: float | None
    high: float | None
    is_known: bool


@dataclass(frozen=True, slots=True)
class Own:
    """The last run of a project as one of its contributors reads it."""

    score: LiftScore
    terms: LiftTerms
    currency: str
    windows: Mapping[str, int]

    @property
    def is_above(self) -> bool:
        return self.score.significant == "positive"

    @property
    def is_below(self) -> bool:
        return self.score.significant == "negative"

    @property
    def is_chance(self) -> bool:
        """The interval lies above zero, and shuffled answers often do as well."""
        return not self.is_above and self.score.low is not None and self.score.low > 0

    @property
    def percent(self) -> Decimal:
        """Of the pool."""
        return (Decimal(100 * self.score.part) / self.terms.pool).quantize(Decimal("0.01"))

    @property
    def confidence(self) -> int:
        return self.terms.confidence_percent

    @property
    def is_last(self) -> bool:
        return self.score.reason == Reason.CLOSE

    @property
    def contest_until(self) -> dt.datetime | None:
        """A person can contest what the run at the close said; nothing else is paid."""
        if not self.is_last:
            return None
        return self.score.at + dt.timedelta(days=self.terms.contest_days)

    def can_contest(self, now: dt.datetime) -> bool:
        return self.contest_until is not None and now < self.contest_until

    @property
    def command(self) -> str:
        return command(self.score.facts["params"], self.score.facts["seed"])


def own(project: Project, actor: Actor) -> Own | None:
    """None while no run has said anything of this person's answers."""
    score = _of(project, actor).first()
    body = criteria.kept(project.criteria_in_force_id).body
    terms = LiftTerms.of(body)
    return Own(score, terms, body["currency"], body["windows"]) if score and terms else None


def _of(project: Project, actor: Actor) -> QuerySet[LiftScore]:
    """Own figures, the latest first; a repeat for somebody's contest changes what nobody reads."""
    rows = LiftScore.objects.of_contributor(actor).filter(project=project)
    return rows.exclude(reason=Reason.CONTEST)


def has_lift(project: Project) -> bool:
    return LiftTerms.of(criteria.kept(project.criteria_in_force_id).body) is not None


def trend(project: Project, actor: Actor) -> list[LiftScore]:
    """Own figures of the last runs, the oldest first."""
    return list(reversed(_of(project, actor)[:RUNS]))


def examples(score: LiftScore, actor: Actor) -> list[Example]:
    """Those of the run that are this person's own, with the answer in words."""
    ids = [uuid.UUID(row["submission"]) for row in score.examples]
    found = (
        Submission.objects.of_contributor(actor)
        .select_related("item", "assignment__criteria")
        .in_bulk(ids)
    )
    return [
        _example(found[uuid.UUID(row["submission"])], row)
        for row in score.examples
        if uuid.UUID(row["submission"]) in found
    ]


def _example(row: Submission, figures: Mapping) -> Example:
    task = row.assignment.criteria.body["task"]
    task_type = registry.get(task["type"])
    content = task_type.lift_input(task["config"], row.item.payload)
    return Example(
        submission=row,
        answer=task_type.describe(task["config"], row.answer),
        content=content.get("text") or row.item.external_id,
        is_help=figures["effect"] == "helped",
        size=figures["size"],
        low=figures.get("low"),
        high=figures.get("high"),
        is_known=figures.get("is_known", False),
    )


def command(params: Mapping, seed: int) -> str:
    """What anyone runs over the two files of a release to get the same figures."""
    words = [
        "python -m gpu_jobs lift lift-train.parquet --test lift-test.parquet",
        "--answer answer --group group",
    ]
    if params["recipe"] == "tabular":
        words.append("--columns features")
    words += [
        f"--{name} {params[key]}"
        for name, key in (
            ("recipe", "recipe"), ("encoder", "encoder"), ("metric", "metric"),
            ("positive", "positive"),
            ("method", "method"), ("rows", "rows"), ("min-rows", "min_rows"), ("seeds", "seeds"),
            ("chance", "chance"),
        )
        if key in params
    ]  # fmt: skip
    return " ".join([*words, f"--seed {seed} --out lift.json"])


# ── The buyer ───────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Group:
    """One group of a run, in units of the metric; None where the run gives none."""

    name: str
    rows: int
    value: float | None
    low: float | None
    high: float | None
    significant: str

    @property
    def is_above(self) -> bool:
        return self.significant == "positive"

    @property
    def is_below(self) -> bool:
        return self.significant == "negative"


@dataclass(frozen=True, slots=True)
class Spent:
    """Computing of a project: minor units and seconds. `left` is what runs may still use now."""

    seconds: float
    seconds_max: int
    charged: int
    most: int
    price_per_hour: int


def groups_of(run: LiftRun, names: Mapping[str, str]) -> list[Group]:
    """By falling value; `names` are what groups are called on the page."""
    return [
        Group(
            name=names.get(row["group"], row["group"]),
            rows=row["n"],
            value=row["value"],
            low=row["low"],
            high=row["high"],
            significant=row["significant"] or "",
        )
        for row in (run.result or {}).get("groups", [])
    ]


def runs(project: Project, actor: Actor) -> QuerySet[LiftRun]:
    """Of lift, the latest first."""
    return every_run(project, actor).filter(kind=Measure.LIFT)


def every_run(project: Project, actor: Actor) -> QuerySet[LiftRun]:
    """Whatever is computed, metered and capped together."""
    return LiftRun.objects.visible_to(actor).filter(project=project)


def latest_done(project: Project, actor: Actor) -> dict[Grouping, LiftRun]:
    """The last finished run of each grouping."""
    rows = runs(project, actor).filter(state=LiftState.DONE).exclude(reason=Reason.CONTEST)
    found = rows.order_by("grouping", "-created_at").distinct("grouping")
    return {Grouping(run.grouping): run for run in found}


def finished(project: Project, actor: Actor) -> list[LiftRun]:
    """Finished runs by contributor, the oldest first: what the trend is drawn from."""
    rows = runs(project, actor).filter(state=LiftState.DONE, grouping=Grouping.CONTRIBUTOR)
    return list(reversed(rows.exclude(reason=Reason.CONTEST)[:RUNS]))


def open_runs(project: Project, actor: Actor) -> list[LiftRun]:
    """What is being measured now."""
    states = (LiftState.QUEUED, LiftState.RUNNING)
    return list(runs(project, actor).filter(state__in=states).order_by("grouping"))


def rounds(project: Project, actor: Actor) -> QuerySet[LiftRound]:
    """Of lift, the latest first."""
    return LiftRound.objects.visible_to(actor).filter(project=project).exclude(reason=Reason.MORE)


def pool(project: Project, actor: Actor) -> LiftPool | None:
    """None before the close."""
    return LiftPool.objects.visible_to(actor).filter(project=project).first()


def spent(project: Project, terms: LiftTerms, actor: Actor) -> Spent:
    rows: Sequence[tuple[int, int]] = list(
        every_run(project, actor).filter(payer="buyer").values_list("milliseconds", "charged")
    )
    return Spent(
        seconds=sum(milliseconds for milliseconds, _ in rows) / 1000,
        seconds_max=terms.seconds_max,
        charged=sum(charged for _, charged in rows),
        most=terms.compute,
        price_per_hour=terms.price_per_hour,
    )
