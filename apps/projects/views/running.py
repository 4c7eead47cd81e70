"""Pause, resume, top up, extend: each says in money what it does before it is done."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from apps.core.errors import WagefileError
from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.core.money import written
from apps.projects import actions, queries, rules
from apps.projects.enums import ProjectState
from apps.projects.forms.pages import ExtendForm, TopUpForm
from apps.projects.models import Project
from apps.projects.views.gates import managed


@dataclass(frozen=True, slots=True)
class Step:
    """A confirm page: `consequences` are sentences with the amounts of this project."""

    title: str
    button: str
    done: str
    allowed: frozenset[str]
    is_dangerous: bool
    consequences: Callable[[Project, dict], list[str]]
    carry_out: Callable[..., object]


def _money(project: Project) -> dict:
    account = queries.funds(project)
    return {
        "held": account.balance,
        "reserved": account.reserved,
        "free": account.free,
        "seats": account.seats.available,
        "wallet": queries.wallet(project.org, project.currency).available,
    }


def _said(project: Project, amount: int) -> str:
    return written(amount, project.currency)


def _pausing(project: Project, funds: dict) -> list[str]:
    return [
        "Nobody can claim a new item. What people have in hand they can finish, and it is paid.",
        (
            f"{_said(project, funds['reserved'])} stays reserved for open work and open windows; "
            f"review deadlines go on, and silence still accepts."
        ),
        f"{_said(project, funds['free'])} stays held for this project; nothing goes back.",
    ]


def _resuming(project: Project, funds: dict) -> list[str]:
    return [
        "The offer takes new claims at once; each reserves its own maximum.",
        f"{_said(project, funds['free'])} of the held funds is free for them.",
    ]


def _topping_up(project: Project, funds: dict) -> list[str]:
    return [
        (
            f"The amount moves at once from the wallet ({_said(project, funds['wallet'])}) "
            "to the held funds of this project."
        ),
        (
            f"{_said(project, funds['held'])} is held now, {_said(project, funds['free'])} of it "
            "free for work."
        ),
        "It can be spent on this project only, until the project closes.",
    ]


def _extending(project: Project, funds: dict) -> list[str]:
    if project.criteria is None:
        return []
    terms = queries.terms(project.criteria_in_force_id)
    per_item = rules.earn(
        terms,
        rules.Facts(
            kind=rules.Kind.WORK, stage=rules.Stage.OPEN, cap_seconds=terms.paid_seconds_max
        ),
        rules.Outcome.ACCEPTED,
    )
    gross = sum(line.gross for line in per_item)
    covered = funds["free"] // gross if gross else 0
    return [
        "Items with fewer answers are given out again until each has that many.",
        (
            f"An accepted answer costs {_said(project, gross)} gross. Nothing moves now: a claim "
            "reserves its own maximum."
        ),
        (
            f"{_said(project, funds['free'])} is free, enough for some {covered:,} answers; "
            "when it is used up, claims stop until you top up."
        ),
    ]


def _with_id(action: Callable) -> Callable:
    def run(project: Project, request: HttpRequest, _: dict) -> object:
        return action(project_id=project.id, by=request.actor, now=request.now)

    return run


def _top_up(project: Project, request: HttpRequest, data: dict) -> object:
    return actions.top_up(
        project_id=project.id, amount=data["amount"], by=request.actor, now=request.now
    )


def _extend(project: Project, request: HttpRequest, data: dict) -> object:
    return actions.extend(
        project_id=project.id, overlap=data["overlap"], by=request.actor, now=request.now
    )


RUNNING = frozenset({ProjectState.LIVE, ProjectState.PAUSED})
STEPS: dict[str, Step] = {
    "pause": Step(
        "Pause the project", "Pause", "The project is paused.",
        frozenset({ProjectState.LIVE}), False, _pausing, _with_id(actions.pause),
    ),
    "resume": Step(
        "Resume the project", "Resume", "The project is live again.",
        frozenset({ProjectState.PAUSED}), False, _resuming, _with_id(actions.resume),
    ),
    "top-up": Step(
        "Top up the budget", "Move the money", "The money is held for this project.",
        RUNNING, False, _topping_up, _top_up,
    ),
    "extend": Step(
        "Ask for more answers an item", "Extend", "More answers can be claimed now.",
        RUNNING, False, _extending, _extend,
    ),
}  # fmt: skip


def _form(name: str, request: HttpRequest, project: Project) -> forms.Form:
    data = request.POST if request.method == "POST" else None
    if name == "top-up":
        return TopUpForm(data, currency=project.currency)
    if name == "extend" and project.criteria is not None:
        return ExtendForm(data, initial={"overlap": project.criteria.body["overlap"] + 1})
    return forms.Form(data)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, project_id: uuid.UUID, name: str) -> HttpResponse:
    step = STEPS.get(name)
    if step is None:
        raise Http404("There is no such step.")
    project = managed(request, project_id)
    if project.state == ProjectState.DRAFT:
        return redirect("projects:detail", project.id)
    return confirmation(request, project, step, _form(name, request, project))


def confirmation(
    request: HttpRequest, project: Project, step: Step, form: forms.Form
) -> HttpResponse:
    """The page of a step of a published project: what it does, in money, then the button."""
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                step.carry_out(project, request, form.cleaned_data)
            except WagefileError as refusal:
                form.add_error(
                    refusal.field if refusal.field in form.fields else None, refusal.sentence
                )
                status = refusal.status
            else:
                messages.success(request, step.done)
                return redirect("pages:project_live", project.id)
    funds = _money(project)
    context = {
        "project": project,
        "step": step,
        "form": form,
        "funds": funds,
        "currency": project.currency,
        "consequences": step.consequences(project, funds),
        "is_possible": project.state in step.allowed,
    }
    return render(request, "projects/confirm.html", context, status=status)
