"""Close a project for good: what goes back, and who is paid in place of notice, said before."""

import uuid

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from apps.core.http import HttpRequest
from apps.core.money import written
from apps.projects.enums import ProjectState
from apps.projects.models import Project
from apps.projects.views.gates import managed
from apps.projects.views.running import RUNNING, Step, confirmation
from apps.work import actions as work


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def close(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    project = managed(request, project_id)
    if project.state == ProjectState.DRAFT:
        return redirect("projects:detail", project.id)

    def consequences(project: Project, funds: dict) -> list[str]:
        owed = work.owed_at_close(project, now=request.now) if project.state in RUNNING else []
        return _consequences(project, funds, owed)

    step = Step(
        title="Close the project",
        button="Close for good",
        done="The project is closing; open windows run out.",
        allowed=RUNNING,
        is_dangerous=True,
        consequences=consequences,
        carry_out=_carry_out,
    )
    form = forms.Form(request.POST if request.method == "POST" else None)
    return confirmation(request, project, step, form)


def _carry_out(project: Project, request: HttpRequest, _: dict) -> object:
    return work.begin_close(project_id=project.id, by=request.actor, now=request.now)


def _consequences(project: Project, funds: dict, owed: list[work.Owed]) -> list[str]:
    def said(amount: int) -> str:
        return written(amount, project.currency)

    people = len({each.last.contributor_id for each in owed})
    in_place_of_notice = (
        f"Its work is not done: {people} contributor{'s' * (people != 1)} who worked on it "
        f"lately get {said(sum(each.line.net for each in owed))} in place of notice, at once, "
        "from what is free here, else from the wallet."
        if owed
        else "Nobody is paid in place of notice."
    )
    return [
        "Nobody can claim a new item, ever again. This cannot be undone.",
        in_place_of_notice,
        (
            f"{said(funds['reserved'])} stays reserved until the last review and appeal window is "
            "over; what is due from it is paid."
        ),
        (
            f"What is left then goes back to the wallet; {said(funds['free'])} is free now, and "
            f"{said(funds['seats'])} is left for qualification seats."
        ),
    ]
