"""The page of a live project: progress, review queue, budget burn and scores, in one place."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.core.templatetags.wagefile import minutes
from apps.organizations.enums import Permission
from apps.organizations.permissions import can
from apps.projects import permissions, queries
from apps.projects.enums import ProjectState
from apps.projects.models import Project, ProjectFigures
from apps.projects.views.gates import seen
from apps.scoring.enums import RunState
from apps.scoring.models import ScoringRun
from apps.scoring.rules import wilson
from apps.work.queries import progress, seats
from apps.work.queries.offers import Figures
from apps.work.queries.progress import BINS_AN_ESTIMATE

UNFINISHED = frozenset({RunState.QUEUED, RunState.RUNNING})


@dataclass(frozen=True, slots=True)
class Funds:
    """Budget burn in minor units. `put_in` is everything ever funded: paid, reserved or free.

    `free` is for work; `for_seats` what qualifications can still reserve.
    """

    put_in: int
    held: int
    reserved: int
    free: int
    for_seats: int
    paid: int
    net: int
    fee: int
    wallet: int

    @property
    def gross(self) -> int:
        """As booked."""
        return self.net + self.fee


@dataclass(frozen=True, slots=True)
class Band:
    """What an alpha says, in the words of the published bands."""

    word: str
    tone: str
    sentence: str


@login_required
@require_safe
def project_live(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """The whole page; with htmx and `part`, the moving part: `progress` or `scores`."""
    project = seen(request, project_id)
    if project.state == ProjectState.DRAFT:
        return redirect("projects:detail", project.id)
    part = request.GET.get("part", "progress")
    part = part if part in {"progress", "scores"} else "progress"
    is_partial = request.headers.get("HX-Request") == "true"
    context: dict = {
        "project": project,
        "currency": project.currency,
        "is_moving": project.state != ProjectState.CLOSED,
        "can_manage": permissions.can_manage(request.actor, project),
        "can_add_seats": project.seats is not None
        and project.state in {ProjectState.LIVE, ProjectState.PAUSED}
        and permissions.can_add_seats(request.actor, project),
        "can_review": can(request.actor, Permission.DECIDE_VERDICTS, org_id=project.org_id),
        "can_release": can(request.actor, Permission.RELEASE, org_id=project.org_id),
    }
    counts = progress.of_project(project)
    context |= _scores(project)
    if not is_partial or part == "progress":
        context |= _progress(project, counts)
    if not is_partial or part == "scores":
        context["times"] = _times(project, counts["times"])
    return render(request, "pages/project.html", context, partial=part)


def _progress(project: Project, counts: dict) -> dict:
    funds = _funds(project, counts)
    return {
        "counts": counts,
        "taken_share": counts["taken"] / counts["answers"] if counts["answers"] else 0,
        "funds": funds,
        "rates": _rates(project),
        "answers_parts": [
            ("Accepted", counts["accepted"]),
            ("Waiting for review", counts["waiting"]),
            ("In hand", counts["open"]),
            ("In rework", counts["rework"]),
            ("Rejected", counts["rejected"]),
            ("Not begun", counts["answers"] - counts["taken"]),
        ],
        "budget_parts": _budget_parts(funds),
        "seats": seats.seats_of(project),
    }


def _rates(project: Project) -> Figures:
    """What an hour came to, as the task last counted it; empty before it first did."""
    rows = ProjectFigures.objects.filter(project=project).values_list("body", flat=True)
    return Figures.of(rows.first() or {})


def _budget_parts(funds: Funds) -> list[tuple[str, int]]:
    """What was put in, without overlap; seats have a part where there are any."""
    parts = [
        ("Paid, or back in the wallet", funds.paid),
        ("Reserved for work in progress", funds.reserved),
        ("Free for work", funds.free),
    ]
    return [*parts, ("Free for qualification seats", funds.for_seats)] if funds.for_seats else parts


def _funds(project: Project, counts: dict) -> Funds:
    account = queries.funds(project)
    return Funds(
        put_in=account.put_in,
        held=account.balance,
        reserved=account.reserved,
        free=account.free,
        for_seats=account.seats.available,
        paid=account.gone,
        net=counts["net"],
        fee=counts["fee"],
        wallet=queries.wallet(project.org, project.currency).available,
    )


def _scores(project: Project) -> dict:
    """The latest run as it stands, and the figures of the last one that finished."""
    runs = ScoringRun.objects.filter(project=project, kind="quality")
    runs = runs.order_by("-created_at", "-id")
    latest = runs.first()
    done = (
        latest
        if latest and latest.state == RunState.DONE
        else runs.filter(state=RunState.DONE).first()
    )
    figures = _figures(done.result) if done else {}
    agreement = figures.get("agreement") or {}
    alpha = agreement.get("alpha")
    return {
        "run": latest,
        "is_scoring": latest is not None and latest.state in UNFINISHED,
        "scored": done,
        "agreement": agreement,
        "alpha": _number(alpha),
        "alpha_value": alpha,
        "alpha_marks": [
            (float(settings.WAGEFILE["alpha_tentative"]), "tentative"),
            (float(settings.WAGEFILE["alpha_reliable"]), "reliable"),
        ],
        "alpha_reason": agreement.get("reason") or "",
        "band": band(alpha),
        "gold": _gold(figures.get("gold")),
        "anomalies": _named(figures.get("anomalies"), "fast", "slow", "timed"),
        "labels": _named(
            figures.get("labels"), "method", "iterations", "converged", "accuracy", "items"
        ),
    }


def _times(project: Project, counts: Sequence[int]) -> dict:
    """How long answers took, in quarters of the buyer's own estimate; the last bin is open."""
    if not counts:
        return {}
    estimate = project.criteria_in_force.body["task"]["estimate_seconds"]
    starts = [place * estimate / BINS_AN_ESTIMATE for place in range(len(counts))]
    labels = [*(f"{start:.0f} s" for start in starts[:-1]), f"{starts[-1]:.0f} s +"]
    return {
        "bins": list(zip(labels, counts, strict=True)),
        "marker": (BINS_AN_ESTIMATE, f"your estimate, {minutes(estimate)}"),
    }


def _gold(figures: Mapping | None) -> dict:
    gold = _named(figures, "gold_items", "gold_answers", "correct", "share_correct")
    if gold and gold["gold_answers"]:
        gold["share"] = gold["correct"] / gold["gold_answers"]
        gold["low"], gold["high"] = wilson(gold["correct"], gold["gold_answers"])
    return gold


def _figures(result: Mapping | None) -> Mapping:
    result = result or {}
    inner = result.get("figures")
    return inner if isinstance(inner, Mapping) else result


def _named(figures: Mapping | None, *names: str) -> dict:
    """The figures that the page shows; None for one that this run does not have."""
    if not figures:
        return {}
    values = {name: figures.get(name) for name in names}
    for share in ("share_correct", "accuracy"):
        value = values.get(share)
        if value is not None:
            values[share] = f"{100 * value:.1f}%"
    return values


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def band(alpha: float | None) -> Band | None:
    """Below the tentative band the rubric is questioned before the people (domain.md)."""
    if alpha is None:
        return None
    value = Decimal(str(alpha))
    if value >= Decimal(str(settings.WAGEFILE["alpha_reliable"])):
        return Band("reliable", "good", "People who cannot see each other's answers agree.")
    if value >= Decimal(str(settings.WAGEFILE["alpha_tentative"])):
        return Band("tentative", "warn", "Enough for tentative conclusions only.")
    return Band(
        "low", "bad", "Question the rubric and the instructions before you question the people."
    )
