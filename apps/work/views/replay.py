"""What the next version would have paid: read before it is published."""

import uuid
from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.views.decorators.http import require_safe

from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.projects import queries as projects
from apps.projects.rules import Change
from apps.projects.views.gates import managed
from apps.work.queries import replays
from apps.work.views.buyer import pseudonym

SHOWN = 25
_RULED = {
    ("qualification", True): "The qualification would now be passed",
    ("qualification", False): "The qualification would no longer be passed",
    ("bonus", True): "The quality bonus would now be paid",
    ("bonus", False): "The quality bonus would no longer be paid",
}


@dataclass(frozen=True, slots=True)
class Person:
    """One of those whose pay differs, under the name that the review page gives them."""

    who: str
    change: Change


@dataclass(frozen=True, slots=True)
class Ruling:
    who: str
    sentence: str


@login_required
@require_safe
def replayed(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """The last answers under the draft, and below them the button that publishes it."""
    project = managed(request, project_id)
    if project.criteria is None:
        raise Http404("This project has no published criteria yet.")
    found = replays.of_draft(project, request.actor)
    problems = projects.version_problems(project, now=request.now)
    context: dict = {
        "project": project,
        "currency": project.currency,
        "number": project.criteria.number + 1,
        "in_force": project.criteria.number,
        "last": replays.LAST,
        "found": found,
        "problems": problems,
        # Worked out only from criteria that can be published.
        "for_seats": (
            0 if problems else projects.version_seats(project, projects.draft_body(project))[1]
        ),
    }
    if found is not None:
        replay = found.replay
        context |= {
            "replay": replay,
            "people": [
                Person(pseudonym(project.id, change.what), change)
                for change in replay.people[:SHOWN]
                if isinstance(change.what, uuid.UUID) and (change.net or change.gross)
            ],
            "kinds": [change for change in replay.kinds if change.before != change.after],
            "rulings": [
                Ruling(pseudonym(project.id, row.person), _RULED[row.what, row.after])
                for row in replay.ruled[:SHOWN]
            ],
            "not_shown": max(0, replay.affected - SHOWN),
        }
    return render(request, "work/replay.html", context)
