"""Lift of a contributor's own answers; and what the buyer and administrators ask for."""

import uuid

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from apps.audit.views import Seen, staff_only
from apps.core.errors import Invalid, NotThere, WagefileError
from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.projects.views.gates import managed
from apps.work import actions as work
from apps.work.queries import lift, scores
from apps.work.views.steps import taken

PAGE = "pages:project-lift"


@login_required
@require_safe
def own(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """How much better a model is by this person's answers, how sure that is, and what it paid."""
    joined = scores.enrolments(request.actor).filter(project_id=project_id).first()
    if joined is None or not lift.has_lift(joined.project):
        raise NotThere("There is no lift of yours here.")
    found = lift.own(joined.project, request.actor)
    context: dict = {"project": joined.project, "own": found}
    if found is not None:
        context |= {
            "points": [
                (f"{row.at:%-d %b %Y}", row.value, row.low, row.high)
                for row in lift.trend(joined.project, request.actor)
            ],
            "examples": lift.examples(found.score, request.actor),
            "can_contest": found.can_contest(request.now),
        }
    return render(request, "work/lift.html", context)


@login_required
@require_POST
def ask(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    project = managed(request, project_id)

    def step() -> str:
        work.ask_lift(project_id=project.id, by=request.actor, now=request.now)
        return "Lift is being measured; this page shows how far it is."

    return taken(request, project, step, page=PAGE)


@login_required
@require_POST
def cancel(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    project = managed(request, project_id)

    def step() -> str:
        work.cancel_lift(project_id=project.id, by=request.actor, now=request.now)
        return "Cancelled. What was computed until now is on the bill."

    return taken(request, project, step, page=PAGE)


class InviteForm(forms.Form):
    to = forms.UUIDField(label="Project")


@login_required
@require_POST
def invite(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    project = managed(request, project_id)
    form = InviteForm(request.POST)

    def step() -> str:
        if not form.is_valid():
            raise Invalid("Choose the project that they are invited to.", field="to")
        people = work.invite_by_lift(
            project_id=project.id, to_id=form.cleaned_data["to"], by=request.actor, now=request.now
        )
        return f"{people} contributor{'s' * (people != 1)} invited."

    return taken(request, project, step, page=PAGE)


class AgainForm(forms.Form):
    seed = forms.IntegerField(
        min_value=0,
        max_value=2**31,
        required=False,
        help_text="The same one gives the same figures.",
    )


@require_POST
@staff_only
def again(request: HttpRequest, seen: Seen, project_id: uuid.UUID) -> HttpResponse:
    """An administrator repeats the run over a pool, at the platform's cost."""
    form = AgainForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Give a seed of 0 or more.")
        return redirect("pages:staff-lift")
    seed = form.cleaned_data["seed"] or 0
    try:
        asked = work.ask_again(project_id=project_id, seed=seed, by=request.actor, now=request.now)
    except NotThere:
        raise
    except WagefileError as refusal:
        messages.error(request, refusal.sentence)
    else:
        seen.add("project", asked.project_id, asked.org_id)
        messages.success(request, "The run is asked for.")
    return redirect("pages:staff-lift")
