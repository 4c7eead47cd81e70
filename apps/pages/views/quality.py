"""The buyer's page of quality: who agrees with whom, what is taken for what, since when, at what
cost. Each number with its interval and with how many it rests on.
"""

import datetime as dt
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
from apps.core.money import half_even
from apps.organizations.enums import Permission
from apps.organizations.permissions import can
from apps.pages.views import attention, labelling, watched, wrong
from apps.pages.views.buyer import band
from apps.projects import permissions
from apps.projects.enums import ProjectState
from apps.projects.models import Project
from apps.projects.rules import overlap_of, repeats_of
from apps.projects.views.gates import seen
from apps.scoring import queries as scoring
from apps.scoring.enums import RunState
from apps.scoring.models import ScoringRun
from apps.scoring.rules import Z_95, Share, share_of
from apps.work.models import OverlapPlan
from apps.work.queries import cited, human, online, progress
from apps.work.queries import gold as golds
from apps.work.views.buyer import pseudonym

POINTS = 12


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its bounds; None where the run did not compute them."""

    value: float
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, slots=True)
class Row:
    """Answers to items whose right class is `name`; `cells` in the order of the classes given."""

    name: str
    n: int
    cells: Sequence["Cell"]


@dataclass(frozen=True, slots=True)
class Cell:
    name: str
    share: Share
    is_right: bool


@dataclass(frozen=True, slots=True)
class Confusion:
    """`against` is what is taken for right: the labels, or gold."""

    against: str
    key: str
    names: Sequence[str]
    rows: Sequence[Row]
    right: Share


@dataclass(frozen=True, slots=True)
class Point:
    """One run: known answers met, over all of them and over those that were new in it."""

    at: dt.datetime
    answers: int
    gold: Share | None
    new: Share | None
    alpha: Interval | None


@dataclass(frozen=True, slots=True)
class Cost:
    """Minor units. `each` is what was booked, divided by the labels that are sure enough.

    `right` says how many of those are right where the answer is known, `each_right` what a right
    one costs by that share, `low` and `high` at the ends of its interval; None where none is right.
    """

    booked: int
    items: int
    of: int
    bar: float
    each: int | None
    right: Share | None
    each_right: int | None
    low: int | None
    high: int | None


@login_required
@require_safe
def project_quality(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """What the last finished run says; read by everybody of the organization."""
    project = seen(request, project_id)
    if project.state == ProjectState.DRAFT:
        return redirect("projects:detail", project.id)
    newest = scoring.latest(project.id, request.actor)
    run = newest
    if newest is not None and newest.state != RunState.DONE:
        run = scoring.latest_done(project.id, request.actor)
    context: dict = {"project": project, "currency": project.currency, "run": run, "newest": newest}
    context["human"] = human.of_project(project, request.actor)
    context["can_manage"] = permissions.can_manage(request.actor, project)
    context["sees_gold"] = can(request.actor, Permission.SEE_ANSWERS, org_id=project.org_id)
    if run is not None:
        context |= _figures(request, project, run, sees_gold=context["sees_gold"])
        context["line"] = _line(context["points"])
        context["attention"] = attention.points_of(_read(project, context))
        context["sections"] = _sections(context)
    return render(request, "pages/quality.html", context)


def _figures(
    request: HttpRequest, project: Project, run: ScoringRun, *, sees_gold: bool
) -> dict[str, Any]:
    figures = run.result or {}
    names = _names(project)
    counts = progress.of_project(project)
    of_people = _of(figures, "scores").get("submissions", run.input_rows)
    return {
        "alpha": _alpha(figures.get("agreement")),
        "alpha_reason": _of(figures, "agreement").get("reason") or "",
        "band": band(_of(figures, "agreement").get("alpha")),
        "alpha_marks": [
            (float(settings.WAGEFILE["alpha_tentative"]), "tentative"),
            (float(settings.WAGEFILE["alpha_reliable"]), "reliable"),
        ],
        "gold": _gold(figures.get("gold")),
        "people": _people(project, _of(figures, "people", "matrices")),
        "confusions": _confusions(_of(figures, "confusion", "matrices"), names),
        "cost": _cost(counts, _of(figures, "reliable", "matrices")),
        "points": _points(project, request),
        "overlap": overlap_of(project.criteria_in_force.body),
        "plan": OverlapPlan.objects.visible_to(request.actor).filter(project=project).first(),
        # Runs that do not say how many answers people gave had no others.
        "of_people": of_people,
        "of_machines": run.input_rows - of_people,
        "method": labelling.method_of(_of(figures, "labels")),
        "intra": _intra(_of(figures, "intra", "agreement")),
        **_oneself(project, request),
        "signals": watched.signals_of(_of(figures, "anomalies")),
        "flagged": watched.flagged(project, run),
        "machines": watched.machines_of(figures, names),
        "since": online.of_project(project, request.actor),
        "complete": _complete(counts.get("completeness")),
        "cited": cited.lines(project),
        "errors": wrong.errors_of(project, request.actor, names, sees_items=sees_gold),
        "standing": golds.standing(project) if sees_gold else None,
    }


def _read(project: Project, context: Mapping[str, Any]) -> attention.Read:
    alpha, cost = context["alpha"], context["cost"]
    has_interval = alpha is not None and alpha.low is not None and alpha.high is not None
    return attention.Read(
        project=project,
        newest=context["newest"],
        method=context["method"],
        alpha=(alpha.value, alpha.low, alpha.high, alpha.n) if has_interval else None,
        met=context["gold"],
        bar=cost.bar if cost else None,
        right=cost.right if cost else None,
        plan=context["plan"] if context["overlap"].is_dynamic else None,
        cited=context["cited"],
        errors=context["errors"],
        flagged=context["flagged"],
        complete=context["complete"],
        standing=context["standing"],
        can_manage=context["can_manage"],
    )


def _sections(context: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Place on the page → its heading, of those that are there; in their order."""
    about = context["human"]
    every = [
        ("wrong", wrong.title_of(context["errors"]), True),
        ("cited", "Rubric lines cited", bool(context["cited"])),
        ("agreement", "Agreement", True),
        ("labels", "Labels and their cost", True),
        ("need", "Answers by need", context["overlap"].is_dynamic),
        ("complete", "Complete and valid", True),
        ("oneself", "Agreement with oneself", bool(context["oneself"] or context["repeats"].is_on)),
        ("time", "Over time", True),
        ("signals", "Signals", True),
        ("machines", "Models and functions", bool(context["machines"])),
        ("human", "Was the human needed?", bool(about.has_models or about.done)),
    ]
    return [(place, title) for place, title, is_there in every if is_there]


def _of(figures: Mapping, name: str, stage: str = "") -> Mapping:
    """A part of the figures; empty in runs from before it was computed."""
    part = (figures.get(stage) or {}) if stage else figures
    return part.get(name) or {}


def _names(project: Project) -> dict[str, str]:
    """Answer → its label, for tasks with choices."""
    config = project.criteria_in_force.body["task"]["config"]
    return {choice["key"]: choice["label"] for choice in config.get("choices", [])}


def _alpha(agreement: Mapping | None) -> Interval | None:
    if not agreement or agreement.get("alpha") is None:
        return None
    return Interval(
        agreement["alpha"], agreement.get("low"), agreement.get("high"), agreement.get("units", 0)
    )


def _gold(gold: Mapping | None) -> Share | None:
    if not gold or not gold.get("gold_answers"):
        return None
    return share_of(gold["correct"], gold["gold_answers"])


def _intra(found: Mapping) -> Interval | None:
    """Agreement of people with themselves; None where nobody was given an item twice."""
    if found.get("agreement") is None:
        return None
    return Interval(found["agreement"], found["low"], found["high"], found["units"])


def _oneself(project: Project, request: HttpRequest) -> dict:
    """Agreement of people with themselves, from repeats; `oneself` None before the first one."""
    found = scoring.latest_repeats(project.id, request.actor)
    figures = _of((found.result or {}) if found else {}, "agreement")
    return {
        "repeats": repeats_of(project.criteria_in_force.body),
        "repeat_run": found,
        "oneself": _intra(figures),
        "oneself_people": figures.get("workers", 0),
    }


def _complete(found: Mapping | None) -> dict[str, Share]:
    """Items, wanted answers and valid answers as shares; what was not counted is left out."""
    if not found:
        return {}
    parts = {
        "items": (found["complete"], found["items"]),
        "answers": (found["filled"], found["wanted"]),
        "valid": (found["valid"], found["checked"]),
    }
    return {name: share_of(part, n, Z_95) for name, (part, n) in parts.items() if n}


def _people(project: Project, found: Mapping) -> dict:
    """Names and pairs for the map: (place, place, kappa, low, high, shared items)."""
    pairs = found.get("pairs") or []
    if not pairs:
        return {}
    names = [
        pseudonym(project.id, uuid.UUID(worker)).removeprefix("Contributor ")
        for worker in found["workers"]
    ]
    return {"names": names, "pairs": [tuple(pair) for pair in pairs], "count": len(names)}


def _confusions(found: Mapping, names: Mapping[str, str]) -> list[Confusion]:
    if not found:
        return []
    classes = [names.get(key, key) for key in found["classes"]] + ["all others"]
    every = [
        _confusion(against, key, classes, found[key])
        for against, key in (("known answers", "gold"), ("labels", "labels"))
    ]
    return [each for each in every if each is not None]


def _confusion(
    against: str, key: str, classes: Sequence[str], counts: Sequence[Sequence[int]]
) -> Confusion | None:
    total = sum(map(sum, counts))
    if not total:
        return None
    # The last place holds what is no class of its own; it is drawn only where there is something.
    used = [
        place
        for place in range(len(classes))
        if sum(counts[place]) or sum(row[place] for row in counts)
    ]
    rows = [
        Row(
            classes[place],
            sum(counts[place]),
            [
                Cell(
                    classes[given],
                    share_of(counts[place][given], sum(counts[place]), Z_95),
                    is_right=place == given,
                )
                for given in used
            ],
        )
        for place in used
        if sum(counts[place])
    ]
    # Among all others right and given class may be two, so only classes with a name count.
    right = sum(counts[place][place] for place in range(len(classes) - 1))
    return Confusion(
        against, key, [classes[place] for place in used], rows, share_of(right, total, Z_95)
    )


def _cost(counts: Mapping, found: Mapping) -> Cost | None:
    """counts: those of `progress`."""
    if not found:
        return None
    booked, items = counts["net"] + counts["fee"], found["items"]
    right = share_of(found["right"], found["gold"], Z_95) if found["gold"] else None
    each_right = low = high = None
    if right is not None and items and right.low > 0:
        each_right = half_even(booked * right.n, items * right.right)
        low, high = round(booked / (items * right.high)), round(booked / (items * right.low))
    return Cost(
        booked=booked,
        items=items,
        of=found["of"],
        bar=found["bar"],
        each=half_even(booked, items) if items else None,
        right=right,
        each_right=each_right,
        low=low,
        high=high,
    )


def _points(project: Project, request: HttpRequest) -> list[Point]:
    """Some of the finished runs, evenly spread, the last one among them; in order of time."""
    runs = scoring.history(project.id, request.actor)
    step = max(1, -(-len(runs) // POINTS))
    chosen = runs[::step][:POINTS][::-1]
    points, before = [], (0, 0)
    for run in chosen:
        gold = run["gold"] or {}
        counts = (gold.get("correct", 0), gold.get("gold_answers", 0))
        right, n = counts[0] - before[0], counts[1] - before[1]
        points.append(
            Point(
                at=run["finished_at"],
                answers=(run["agreement"] or {}).get("answers", run["input_rows"]),
                gold=_gold(gold),
                # Answers can leave a run, when they are rejected; then nothing is said of the rest.
                new=share_of(right, n) if 0 <= right <= n and n else None,
                alpha=_alpha(run["agreement"]),
            )
        )
        before = counts
    return points


def _line(points: Sequence[Point]) -> list[tuple[str, float, float, float]]:
    shown = [point for point in points if point.gold is not None]
    is_short = len({point.at.date() for point in shown}) < len(shown)
    return [
        (
            f"{point.at:%-d %b %H:%M}" if is_short else f"{point.at:%-d %b}",
            point.gold.value,
            point.gold.low,
            point.gold.high,
        )
        for point in shown
        if point.gold is not None
    ]
