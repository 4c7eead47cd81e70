"""A contributor's own scores: how good, how sure, from which answers, and what would change it."""

import uuid

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.views.decorators.http import require_safe

from apps.core.errors import NotThere
from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.core.tables import Column, Table
from apps.work.queries import gold, lift, scores

PROJECTS = Table(Column("joined", "Joined", "created_at"), sort="-joined", size=10, is_long=False)
ANSWERS = Table(
    Column("what", "Your answer"),
    Column("label", "The label"),
    Column("others", "The others"),
    Column("when", "Answered", "submitted_at"),
    sort="-when",
    size=25,
)


class AnswersForm(forms.Form):
    show = forms.ChoiceField(
        required=False,
        label="Answers",
        choices=[
            ("", "Other than the label"),
            ("known", "Other than a known answer"),
            ("all", "All that are decided"),
        ],
        help_text="The label is what all answers to an item together say.",
    )


@login_required
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Every project that this person has joined, with its scores."""
    page = PROJECTS.page(request, scores.enrolments(request.actor))
    context = {"page": page, "rows": scores.own(page.rows, request.actor, request.now)}
    return render(request, "work/scores.html", context)


@login_required
@require_safe
def project(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """One project: the scores week by week, and the answers behind them."""
    joined = scores.enrolments(request.actor).filter(project_id=project_id).first()
    if joined is None:
        raise NotThere("You have not joined this project.")
    form = AnswersForm(request.GET)
    show = form.cleaned_data["show"] if form.is_valid() else ""
    missed = gold.missed(request.actor, request.now, project_id)
    found = scores.answers(
        project_id,
        request.actor,
        is_off=show == "",
        only=missed.keys() if show == "known" else None,
    )
    page = ANSWERS.page(request, found)
    (own,) = scores.own([joined], request.actor, request.now)
    context = {
        "own": own,
        "project": joined.project,
        "weeks": scores.weeks(project_id, request.actor, request.now),
        "page": page,
        "form": form,
        "show": show,
        "missed": len(missed),
        "has_lift": lift.has_lift(joined.project),
        "items": scores.items(page.rows, request.now, missed),
    }
    return render(request, "work/score.html", context)
