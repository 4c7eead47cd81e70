"""A button of a project's page: do what it says, say so or why not, and show the page again."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect

from apps.core.errors import NotThere, WagefileError
from apps.core.http import HttpRequest
from apps.projects.models import Project


def taken(
    request: HttpRequest, project: Project, step: Callable[[], str], *, page: str
) -> HttpResponse:
    """step: gives the sentence that says what was done. page: the name of the page's address."""
    try:
        said = step()
    except NotThere:
        raise
    except WagefileError as refusal:
        messages.error(request, refusal.sentence)
    else:
        messages.success(request, said)
    return redirect(page, project.id)
