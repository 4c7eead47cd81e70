"""The buyer's page of lift: whose work made a model better, how sure that is, and what it costs."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from apps.core.errors import NotThere
from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.projects import permissions
from apps.projects.enums import ProjectState, Visibility
from apps.projects.models import Project
from apps.projects.rules import Kind, LiftTerms
from apps.projects.views.gates import seen
from apps.scoring.enums import Grouping, Reason
from apps.scoring.models import LiftRun
from apps.work.actions.lift_rows import pseudonym as in_the_file
from apps.work.enums import PAID_AS_ACCEPTED
from apps.work.models import Assignment
from apps.work.queries import lift
from apps.work.queries.lift import Group
from apps.work.views.buyer import pseudonym

OTHERS = "others"
TITLES = {
    Grouping.CONTRIBUTOR: "By contributor",
    Grouping.TIER: "By tier",
    Grouping.BATCH: "By week of acceptance",
    Grouping.KIND: "By kind of item",
}
SHOWN = 30  # groups that a chart draws; the table below it has all


@dataclass(frozen=True, slots=True)
class Measured:
    """One grouping of the last finished run."""

    title: str
    run: LiftRun
    groups: Sequence[Group]
    is_pay: bool

    @property
    def metric(self) -> str:
        return (self.run.result or {})["metric"]

    @property
    def chart_title(self) -> str:
        level = self.run.params.get("confidence")
        return "Lift" if level is None else f"Lift, with its {100 * level:g}% interval"

    @property
    def points(self) -> list[tuple[str, float, float | None, float | None]]:
        known = [group for group in self.groups if group.value is not None]
        return [(g.name[:22], g.value or 0.0, g.low, g.high) for g in known[:SHOWN]]

    @property
    def above(self) -> int:
        return sum(group.is_above for group in self.groups)

    @property
    def below(self) -> int:
        return sum(group.is_below for group in self.groups)

    @property
    def result(self) -> dict:
        return self.run.result or {}


@login_required
@require_safe
def project_lift(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """The whole page; with htmx the part that moves while something is measured."""
    project = seen(request, project_id)
    if project.state == ProjectState.DRAFT:
        return redirect("projects:detail", project.id)
    terms = LiftTerms.of(project.criteria_in_force.body)
    if terms is None:
        raise NotThere("The criteria of this project have no lift.")
    is_partial = request.headers.get("HX-Request") == "true"
    can_manage = permissions.can_manage(request.actor, project)
    context: dict = {
        "project": project,
        "currency": project.currency,
        "terms": terms,
        "can_manage": can_manage,
        "spent": lift.spent(project, terms, request.actor),
        **_moving(request, project),
    }
    if is_partial:
        return render(request, "pages/lift.html", context, partial="moving")
    found = lift.latest_done(project, request.actor)
    context |= {
        "measured": [_measured(project, found[g]) for g in TITLES if g in found],
        "trend": _trend(project, request),
        "pool": lift.pool(project, request.actor),
        "next_projects": _next(project) if can_manage else [],
    }
    return render(request, "pages/lift.html", context)


def _moving(request: HttpRequest, project: Project) -> dict:
    runs = lift.open_runs(project, request.actor)
    last = lift.rounds(project, request.actor).first()
    waits = last is not None and last.begun_at is None
    failed = None
    if not runs and not waits:
        newest = lift.runs(project, request.actor).filter(grouping=Grouping.CONTRIBUTOR).first()
        failed = newest if newest and newest.state == "failed" else None
    is_asked = any(run.reason == Reason.ASKED for run in runs)
    return {
        "runs": runs,
        "round": last,
        "is_measuring": bool(runs) or waits,
        "can_cancel": is_asked or (waits and last is not None and last.reason == Reason.ASKED),
        "failed": failed,
        "can_ask": not runs and not waits and project.state != ProjectState.CLOSED,
    }


def _measured(project: Project, run: LiftRun) -> Measured:
    return Measured(
        title=TITLES[Grouping(run.grouping)],
        run=run,
        groups=lift.groups_of(run, _names(project, run)),
        is_pay=run.grouping == Grouping.CONTRIBUTOR,
    )


def _names(project: Project, run: LiftRun) -> dict[str, str]:
    """What the groups of a run are called here; contributors as in the review."""
    if run.grouping == Grouping.TIER:
        return {tier["key"]: tier["title"] for tier in project.criteria_in_force.body["tiers"]}
    others = {OTHERS: "Fewer answers each"}
    if run.grouping != Grouping.CONTRIBUTOR:
        return others
    people = (
        Assignment.objects.filter(project=project, kind=Kind.WORK, state__in=PAID_AS_ACCEPTED)
        .order_by()
        .values_list("contributor_id", flat=True)
        .distinct()
    )
    key = bytes(run.key)
    return others | {in_the_file(key, person): pseudonym(project.id, person) for person in people}


def _trend(
    project: Project, request: HttpRequest
) -> list[tuple[str, float, float | None, float | None]]:
    """How good the model of all accepted answers was, run by run."""
    return [
        (f"{run.created_at:%-d %b}", max(0.0, (run.result or {})["everybody"]), None, None)
        for run in lift.finished(project, request.actor)
    ]


def _next(project: Project) -> list[Project]:
    """Other projects of the buyer that contributors can be invited to."""
    rows = Project.objects.filter(
        org_id=project.org_id, state=ProjectState.LIVE, visibility=Visibility.PUBLIC
    )
    return list(rows.exclude(id=project.id).order_by("-published_at"))
