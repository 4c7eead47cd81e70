"""The buyer's page of more data: where it would help most, and what is in what is there."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.projects import permissions
from apps.projects.enums import ProjectState
from apps.projects.models import Project
from apps.projects.rules import LiftTerms
from apps.projects.views.gates import seen
from apps.scoring.enums import Grouping, Measure
from apps.scoring.models import LiftRun
from apps.work.actions.more import FURTHER_MAX, FURTHER_MIN
from apps.work.queries import lift, more
from apps.work.queries.more import UNNAMED, Gain

TITLES = {Grouping.KIND: "By kind of item", Grouping.TIER: "By tier"}
CURVES = 3  # drawn; the table above them has all

type Point = tuple[str, float, float, float]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A curve as the chart takes it; `ahead` is what is foretold, None where nothing is."""

    title: str
    points: Sequence[Point]
    ahead: Point | None


@dataclass(frozen=True, slots=True)
class Targeting:
    """The curves of one grouping."""

    grouping: Grouping
    run: LiftRun
    gains: Sequence[Gain]

    @property
    def title(self) -> str:
        gain = f"what the next {self.further:,} answers would gain"
        is_one = all(each.is_whole for each in self.gains)
        return gain.capitalize() if is_one else f"{TITLES[self.grouping]}: {gain}"

    @property
    def result(self) -> Mapping[str, Any]:
        return self.run.result or {}

    @property
    def further(self) -> int:
        return self.run.params["further"]

    @property
    def best(self) -> Gain | None:
        """Where a hundredth of the metric costs least, of the groups that are sure to help."""
        sure = [gain for gain in self.gains if gain.cost is not None and not gain.is_whole]
        return min(sure, key=lambda gain: gain.cost or 0) if len(sure) > 1 else None

    @property
    def bars(self) -> list[tuple[str, float, float | None, float | None]]:
        known = [gain for gain in self.gains if gain.gain is not None]
        return [(gain.name[:22], gain.gain or 0.0, gain.low, gain.high) for gain in known]

    @property
    def drawn(self) -> list[Drawn]:
        ordered = sorted(self.gains, key=lambda gain: not gain.is_whole)
        return [_drawn(gain, self.further) for gain in ordered if gain.points][:CURVES]


def _drawn(gain: Gain, further: int) -> Drawn:
    points = [_point(f"{p['rows']:,}", p["value"], p["low"], p["high"]) for p in gain.points]
    ahead = None
    if gain.gain is not None and gain.low is not None and gain.high is not None:
        now = gain.points[-1]["value"]
        ahead = _point(
            f"+{further:,}", now + gain.gain, now + min(gain.low, gain.gain),
            now + max(gain.high, gain.gain),
        )  # fmt: skip
    return Drawn(gain.name, points, ahead)


def _point(label: str, value: float, low: float, high: float) -> Point:
    return (label, value, low, high)


@dataclass(frozen=True, slots=True)
class Contents:
    """What the last look at the items says."""

    run: LiftRun

    @property
    def result(self) -> Mapping[str, Any]:
        return self.run.result or {}

    @property
    def whole(self) -> Mapping[str, Any]:
        return self.result["everything"]

    @property
    def chart_title(self) -> str:
        return f"Effective number of different items, of any {self.result['size']:,}"

    @property
    def weeks(self) -> list[tuple[str, float, float | None, float | None]]:
        """Effective number at one size, week by week: what falls before a model collapses."""
        return [
            (row["name"], row["vendi_at"], row["vendi_low"], row["vendi_high"])
            for row in self.result["batches"]
            if row["vendi_at"] is not None
        ]


@login_required
@require_safe
def project_more(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """The whole page; with htmx the part that moves while something is measured."""
    project = seen(request, project_id)
    if project.state == ProjectState.DRAFT:
        return redirect("projects:detail", project.id)
    context: dict = {
        "project": project,
        "currency": project.currency,
        "can_manage": permissions.can_manage(request.actor, project),
        "further": settings.WAGEFILE["more_further"],
        "least": FURTHER_MIN,
        "most": FURTHER_MAX,
        **_moving(request, project),
    }
    if request.headers.get("HX-Request") == "true":
        return render(request, "pages/more.html", context, partial="moving")
    found = more.latest_done(project, request.actor)
    prices = more.Prices(project) if found else None
    context |= {
        "targeting": [
            _targeting(project, found[Measure.CURVE, grouping], prices)
            for grouping in TITLES
            if prices is not None and (Measure.CURVE, grouping) in found
        ],
        "contents": _contents(found.get((Measure.DIVERSITY, Grouping.BATCH))),
        "worth": settings.WAGEFILE["more_least_gain"],
    }
    return render(request, "pages/more.html", context)


def _moving(request: HttpRequest, project: Project) -> dict:
    terms = LiftTerms.of(project.criteria_in_force.body)
    runs = more.open_runs(project, request.actor)
    last = more.last_round(project, request.actor)
    waits = last is not None and last.begun_at is None
    is_over = last is not None and not waits and not runs
    return {
        "terms": terms,
        "refusal": more.refusal(project),
        "spent": lift.spent(project, terms, request.actor) if terms else None,
        "runs": runs,
        "round": last,
        "is_measuring": bool(runs) or waits,
        "failed": more.failed(project, last, request.actor) if last and is_over else [],
    }


def _targeting(project: Project, run: LiftRun, prices: more.Prices) -> Targeting:
    names = {UNNAMED: "Items without a kind"}
    if run.grouping == Grouping.TIER:
        names = {tier["key"]: tier["title"] for tier in project.criteria_in_force.body["tiers"]}
    return Targeting(Grouping(run.grouping), run, more.gains(run, prices, names))


def _contents(run: LiftRun | None) -> Contents | None:
    return None if run is None else Contents(run)
