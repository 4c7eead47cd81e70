"""More qualification seats on a live project: what they cost is said before they are paid."""

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from apps.core.errors import WagefileError
from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.projects import permissions
from apps.projects import queries as projects
from apps.projects.enums import ProjectState
from apps.projects.models import Project
from apps.projects.views.gates import visible
from apps.work import actions as work
from apps.work.actions.seats import SEATS_MAX
from apps.work.queries import seats

RUNNING = frozenset({ProjectState.LIVE, ProjectState.PAUSED})


class SeatsForm(forms.Form):
    """`most` comes back with the amount that the page has shown."""

    def __init__(self, *args: Any, tiers: list[seats.Seats], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["tier"] = forms.ChoiceField(
            choices=[(row.tier, row.title) for row in tiers], help_text="Whose qualification."
        )
        self.fields["count"] = forms.IntegerField(
            label="Seats", min_value=1, max_value=SEATS_MAX, help_text="How many attempts more."
        )


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def add(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """First how many, then the amount with the one button that moves it."""
    project = _project(request, project_id)
    tiers = seats.seats_of(project)
    asked = request.POST if request.method == "POST" else request.GET or None
    form, status = SeatsForm(asked, tiers=tiers, initial={"count": 10}), 200
    is_valid = form.is_valid()
    if request.method == "POST":
        most = request.POST.get("most", "")
        status = 422
        if is_valid and most.isdecimal():
            try:
                work.add_seats(
                    project_id=project.id, most=int(most[:18]), by=request.actor, now=request.now,
                    **form.cleaned_data,
                )  # fmt: skip
            except WagefileError as refusal:
                form.add_error(None, refusal.sentence)
                status = refusal.status
            else:
                messages.success(request, "The seats are funded; people can begin now.")
                return redirect("pages:project_live", project.id)
    context = {
        "project": project,
        "currency": project.currency,
        "form": form,
        "tiers": tiers,
        "wallet": projects.wallet(project.org, project.currency).available,
        "is_possible": project.state in RUNNING and project.seats is not None and bool(tiers),
        **_costs(project, form, tiers),
    }
    return render(request, "work/seats.html", context, status=status)


def _project(request: HttpRequest, project_id: uuid.UUID) -> Project:
    project = visible(request).filter(id=project_id).first()
    if project is None:
        raise Http404("There is no such project.")
    permissions.check_can_add_seats(request.actor, project)
    if project.criteria is None:
        raise Http404("This project is not published yet.")
    return project


def _costs(project: Project, form: SeatsForm, tiers: list[seats.Seats]) -> dict:
    """The amounts of what was asked for; nothing while nothing is."""
    asked = getattr(form, "cleaned_data", {})
    if not {"tier", "count"} <= set(asked):
        return {}
    row = next(each for each in tiers if each.tier == asked["tier"])
    whole, amount = asked["count"] * row.cost, seats.price(project, row.tier, asked["count"])
    return {"asked": asked, "row": row, "whole": whole, "spare": whole - amount, "amount": amount}
