"""The buyer asks whether people were needed beside a model; the page of quality says it."""

import uuid

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.views.decorators.http import require_POST

from apps.core.http import HttpRequest
from apps.projects.views.gates import managed
from apps.work import actions as work
from apps.work.views.steps import taken


@login_required
@require_POST
def ask(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    project = managed(request, project_id)

    def step() -> str:
        work.ask_human(project_id=project.id, by=request.actor, now=request.now)
        return "Models and people are being compared; it takes a moment."

    return taken(request, project, step, page="pages:project-quality")
