"""The page of a live project: progress, review queue, budget burn and scores, in one place."""

import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db.models import Count, F, Min, Q, Sum
from django.db.models.functions import Least
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.core.templatetags.wagefile import minutes
from apps.organizations.enums import Permission
from apps.organizations.permissions import can
from apps.projects import permissions, queries
from apps.projects.enums import ItemPurpose, ItemState, ProjectState
from apps.projects.models import Item, Project
from apps.projects.rules import Kind
from apps.projects.views.gates import seen
from apps.scoring.enums import RunState
from apps.scoring.models import ScoringRun
from apps.work.enums import AssignmentState
from apps.work.models import Assignment, EarningLine, Enrolment
from apps.work.queries import seats

S = AssignmentState
BINS, BINS_AN_ESTIMATE = 13, 4
Z_90 = 1.6449  # of a two-sided 90% interval
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
    def spent(self) -> int:
        """Gross, as booked."""
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
    context |= _scores(project)
    if not is_partial or part == "progress":
        context |= _progress(project)
    if not is_partial or part == "scores":
        context["times"] = _times(project)
    return render(request, "pages/project.html", context, partial=part)


def _progress(project: Project) -> dict:
    work = Q(kind=Kind.WORK)
    states = Assignment.objects.filter(project=project).aggregate(
        open=Count("id", filter=work & Q(state=S.CLAIMED)),
        waiting=Count("id", filter=Q(state=S.SUBMITTED)),
        oldest=Min("review_due_at", filter=Q(state=S.SUBMITTED)),
        rework=Count("id", filter=Q(state=S.REWORK)),
        accepted=Count("id", filter=work & Q(state__in=[S.ACCEPTED, S.OVERTURNED])),
        rejected=Count("id", filter=work & Q(state__in=[S.REJECTED, S.FINAL])),
        qualification=Count("id", filter=Q(kind=Kind.QUALIFICATION, state=S.ACCEPTED)),
    )
    items = Item.objects.filter(
        project=project, purpose=ItemPurpose.WORK, state=ItemState.ACTIVE
    ).aggregate(
        items=Count("id"),
        answers=Sum("overlap", default=0),
        taken=Sum(F("overlap") - F("open_slots"), default=0),
        broken=Count("id", filter=Q(broken_reports__gt=0)),
    )
    funds = _funds(project)
    return {
        "states": states,
        "taken_share": items["taken"] / items["answers"] if items["answers"] else 0,
        "items": items,
        "people": Enrolment.objects.filter(project=project).count(),
        "funds": funds,
        "answers_parts": [
            ("Accepted", states["accepted"]),
            ("Waiting for review", states["waiting"]),
            ("In hand", states["open"]),
            ("In rework", states["rework"]),
            ("Rejected", states["rejected"]),
            ("Not begun", items["answers"] - items["taken"]),
        ],
        "budget_parts": _budget_parts(funds),
        "seats": seats.seats_of(project),
    }


def _budget_parts(funds: Funds) -> list[tuple[str, int]]:
    """What was put in, without overlap; seats have a part where there are any."""
    parts = [
        ("Paid, or back in the wallet", funds.paid),
        ("Reserved for work in progress", funds.reserved),
        ("Free for work", funds.free),
    ]
    return [*parts, ("Free for qualification seats", funds.for_seats)] if funds.for_seats else parts


def _funds(project: Project) -> Funds:
    account = queries.funds(project)
    paid = EarningLine.objects.filter(project=project).aggregate(
        net=Sum("net", default=0), fee=Sum("fee", default=0)
    )
    return Funds(
        put_in=account.put_in,
        held=account.balance,
        reserved=account.reserved,
        free=account.free,
        for_seats=account.seats.available,
        paid=account.gone,
        net=paid["net"],
        fee=paid["fee"],
        wallet=queries.wallet(project.org, project.currency).available,
    )


def _scores(project: Project) -> dict:
    """The latest run as it stands, and the figures of the last one that finished."""
    runs = ScoringRun.objects.filter(project=project).order_by("-created_at", "-id")
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


def _times(project: Project) -> dict:
    """How long answers took, in quarters of the buyer's own estimate; the last bin is open."""
    estimate = (project.criteria.body if project.criteria else {})["task"]["estimate_seconds"]
    rows = (
        Assignment.objects.filter(project=project, kind=Kind.WORK, submitted_at__isnull=False)
        .annotate(bin=Least(F("active_seconds") * BINS_AN_ESTIMATE / estimate, BINS - 1))
        .values_list("bin")
        .annotate(Count("id"))
        .order_by("bin")
    )
    counts = dict(rows)
    if not counts:
        return {}
    starts = [place * estimate / BINS_AN_ESTIMATE for place in range(BINS)]
    labels = [*(f"{start:.0f} s" for start in starts[:-1]), f"{starts[-1]:.0f} s +"]
    return {
        "bins": [(label, counts.get(place, 0)) for place, label in enumerate(labels)],
        "marker": (BINS_AN_ESTIMATE, f"your estimate, {minutes(estimate)}"),
    }


def wilson(right: int, answers: int) -> tuple[float, float]:
    """The 90% interval of a share (Wilson, 1927), answers taken as independent."""
    share, spread = right / answers, Z_90 * Z_90 / answers
    centre = share + spread / 2
    half = Z_90 * math.sqrt(share * (1 - share) / answers + spread / (4 * answers))
    return (centre - half) / (1 + spread), (centre + half) / (1 + spread)


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
