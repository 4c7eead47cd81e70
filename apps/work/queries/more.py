"""Before buying more data: what the last runs say of it, and what it would cost."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Count, Exists, OuterRef

from apps.core.tenancy import Actor
from apps.projects import rules
from apps.projects.enums import ProjectState
from apps.projects.models import GoldAnswer, Project
from apps.projects.queries import criteria
from apps.projects.queries.lifts import recipes
from apps.projects.rules import Facts, Kind, LiftTerms, Outcome, Stage, Terms
from apps.scoring.enums import Grouping, LiftState, Measure, Reason
from apps.scoring.models import LiftRun
from apps.work.enums import PAID_AS_ACCEPTED
from apps.work.models import Assignment, LiftRound
from apps.work.queries.lift import every_run

UNNAMED = "(none)"
"""Items without a kind, as the file of a run calls them."""
LEAST = 40
"""Accepted answers below which there is no curve; `gpu_jobs.lift.curve.LEAST` (a test compares)."""


def refusal(project: Project) -> str:
    """Why nothing can be measured here now, in one sentence; empty where it can."""
    body = criteria.kept(project.criteria_in_force_id).body
    terms = LiftTerms.of(body)
    if terms is None:
        if not recipes(body["task"]):
            return (
                "No model here reads what this project asks about, so it cannot be said what more "
                "of it would gain."
            )
        return (
            "The criteria of this project have no lift: no known answers were held out to measure "
            "models on, and no money was set apart for computing. Switch lift on when you publish "
            "the next project."
        )
    if rules.EFFORTS[terms.recipe].is_trained:
        return (
            "The model of this project would be trained anew for every point of a curve, which "
            "takes more computing than the cap holds; of the other models it can be measured."
        )
    if project.state == ProjectState.CLOSED:
        return "This project is closed, and what was set apart for computing went back."
    accepted = _accepted(project).filter(is_known=False).count()
    if accepted < LEAST:
        return (
            f"A learning curve needs {LEAST} accepted answers besides those to known items; there "
            f"are {accepted}."
        )
    return ""


def _accepted(project: Project) -> Any:
    known = GoldAnswer.objects.filter(item=OuterRef("item"), demoted_at=None)
    rows = Assignment.objects.filter(project=project, kind=Kind.WORK, state__in=PAID_AS_ACCEPTED)
    return rows.annotate(is_known=Exists(known))


# ── What it costs ───────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class Paid:
    """Accepted answers of a group: `gross` is what they all cost by the criteria in force."""

    gross: int = 0
    bonus: int = 0
    trained: int = 0

    def add(self, count: int, gross: int, bonus: int, *, is_known: bool) -> None:
        self.gross += count * gross
        self.bonus += count * bonus
        self.trained += 0 if is_known else count


class Prices:
    """What more answers of a group cost, by the pay rules: as those that were accepted of it.

    Base, the premiums that held, and the fee; known answers are mixed in and paid, and teach
    nothing. `bonus` is the most that quality bonuses add.
    """

    def __init__(self, project: Project) -> None:
        terms = criteria.terms(project.criteria_in_force_id)
        self._whole = Paid()
        self._groups: dict[tuple[Grouping, str], Paid] = {}
        bonus = terms.bonus_max + terms.fee_reserve(terms.bonus_max)
        rows = (
            _accepted(project)
            .order_by()
            .values_list("item__kind", "tier", "triggers", "is_known")
            .annotate(count=Count("id"))
        )
        for kind, tier, triggers, is_known, count in rows:
            gross = _gross(terms, triggers)
            for paid in (
                self._whole, self._of(Grouping.KIND, kind or UNNAMED), self._of(Grouping.TIER, tier)
            ):  # fmt: skip
                paid.add(count, gross, bonus, is_known=is_known)

    def _of(self, grouping: Grouping, name: str) -> Paid:
        return self._groups.setdefault((grouping, name), Paid())

    def of(self, grouping: Grouping, name: str | None, further: int) -> tuple[int, int] | None:
        """(price, the most that bonuses add) of so many; name None for all groups together. None
        where no answer of it is accepted any more.
        """
        paid = self._whole if name is None else self._groups.get((grouping, name), Paid())
        if not paid.trained:
            return None
        return (
            rules.price_ahead(paid.gross, paid.trained, further),
            rules.price_ahead(paid.bonus, paid.trained, further),
        )


def _gross(terms: Terms, triggers: Iterable[str]) -> int:
    facts = Facts(
        kind=Kind.WORK,
        stage=Stage.OPEN,
        cap_seconds=terms.paid_seconds_max,
        triggers=frozenset(triggers),
    )
    return sum(line.gross for line in rules.earn(terms, facts, Outcome.ACCEPTED))


# ── What the runs say ───────────────────────────────────────────────────────────────────────────


SAID = {
    "helps": "more of it helps",
    "little to gain": "little to gain",
    "cannot tell": "too uncertain to say",
    "too few rows": f"fewer than {LEAST} answers",
    "not reached": "not reached",
}


@dataclass(frozen=True, slots=True)
class Gain:
    """A group: where its model stands, and what the next answers would gain, with 95% intervals.

    Figures are of the metric, amounts minor units; None where the run or the interval says
    nothing. `cost` is for a hundredth of the metric; `cost_high` is None where it has no upper end.
    """

    name: str
    rows: int
    is_whole: bool
    says: str
    points: tuple[Mapping[str, Any], ...]
    gain: float | None
    low: float | None
    high: float | None
    is_far: bool
    is_held: bool | None
    price: int | None
    bonus: int | None
    cost: int | None
    cost_low: int | None
    cost_high: int | None

    @property
    def now(self) -> Mapping[str, Any] | None:
        return self.points[-1] if self.points else None

    @property
    def said(self) -> str:
        return SAID[self.says]

    @property
    def is_help(self) -> bool:
        return self.says == "helps"

    @property
    def is_unsure(self) -> bool:
        return self.says == "cannot tell"


def gains(run: LiftRun, prices: Prices, names: Mapping[str, str]) -> list[Gain]:
    """Of a finished curve, the largest gain first; `names` are what groups are called."""
    curves = (run.result or {}).get("curves", [])
    return [_gain(row, Grouping(run.grouping), prices, names) for row in curves]


def _gain(
    row: Mapping[str, Any], grouping: Grouping, prices: Prices, names: Mapping[str, str]
) -> Gain:
    found = prices.of(grouping, None if row["whole"] else row["group"], row["next"])
    price, bonus = found or (None, None)
    is_help = row["says"] == "helps"

    def cost(gain: float | None) -> int | None:
        if price is None or gain is None or not is_help:
            return None
        return rules.point_cost(price, Decimal(repr(gain)))

    return Gain(
        name="All together" if row["whole"] else names.get(row["group"], row["group"]),
        rows=row["rows"],
        is_whole=row["whole"],
        says=row["says"],
        points=tuple(row["points"]),
        gain=row["gain"],
        low=row["low"],
        high=row["high"],
        is_far=row["far"],
        is_held=row["held"],
        price=price,
        bonus=bonus,
        cost=cost(row["gain"]),
        cost_low=cost(row["high"]),
        cost_high=cost(row["low"]),
    )


def runs(project: Project, actor: Actor) -> Any:
    """The latest first."""
    return every_run(project, actor).filter(reason=Reason.MORE)


def latest_done(project: Project, actor: Actor) -> dict[tuple[Measure, Grouping], LiftRun]:
    """The last finished run of each kind and grouping."""
    rows = runs(project, actor).filter(state=LiftState.DONE)
    found = rows.order_by("kind", "grouping", "-created_at").distinct("kind", "grouping")
    return {(Measure(run.kind), Grouping(run.grouping)): run for run in found}


def open_runs(project: Project, actor: Actor) -> list[LiftRun]:
    states = (LiftState.QUEUED, LiftState.RUNNING)
    return list(runs(project, actor).filter(state__in=states).order_by("kind", "grouping"))


def last_round(project: Project, actor: Actor) -> LiftRound | None:
    rows = LiftRound.objects.visible_to(actor).filter(project=project, reason=Reason.MORE)
    return rows.first()


def failed(project: Project, round_: LiftRound, actor: Actor) -> list[LiftRun]:
    """Those of this round that came to nothing."""
    rows = runs(project, actor).filter(round=round_.id, state=LiftState.FAILED)
    return list(rows.order_by("kind", "grouping"))
