"""A buyer asks what more data would gain, and takes it back."""

import uuid

from django import forms
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.views.decorators.http import require_POST

from apps.core.errors import Invalid
from apps.core.http import HttpRequest
from apps.projects.views.gates import managed
from apps.scoring.enums import Reason
from apps.work import actions as work
from apps.work.views.steps import taken

PAGE = "pages:project-more"


class MoreForm(forms.Form):
    further = forms.IntegerField(initial=settings.WAGEFILE["more_further"])


@login_required
@require_POST
def ask(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    project = managed(request, project_id)
    form = MoreForm(request.POST)

    def step() -> str:
        if not form.is_valid():
            raise Invalid("Say how many accepted answers to look ahead.", field="further")
        further = form.cleaned_data["further"]
        work.ask_more(project_id=project.id, further=further, by=request.actor, now=request.now)
        return "It is being measured; this page shows how far it is."

    return taken(request, project, step, page=PAGE)


@login_required
@require_POST
def cancel(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    project = managed(request, project_id)

    def step() -> str:
        work.cancel_lift(
            project_id=project.id, reason=Reason.MORE, by=request.actor, now=request.now
        )
        return "Cancelled. What was computed until now is on the bill."

    return taken(request, project, step, page=PAGE)
