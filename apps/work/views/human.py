"""The buyer asks whether people were needed beside a model; the page of quality says it."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from apps.core.errors import NotThere, WagefileError
from apps.core.http import HttpRequest
from apps.projects.views.gates import managed
from apps.work import actions as work


@login_required
@require_POST
def ask(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    project = managed(request, project_id)
    try:
        work.ask_human(project_id=project.id, by=request.actor, now=request.now)
    except NotThere:
        raise
    except WagefileError as refusal:
        messages.error(request, refusal.sentence)
    else:
        messages.success(request, "Models and people are being compared; it takes a moment.")
    return redirect("pages:project-quality", project.id)
