"""Views of the staff leave evidence: whose rows were shown, to whom, when."""

import uuid
from collections import defaultdict
from collections.abc import Callable
from functools import wraps

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse

from apps.audit.actions import Event, record_all
from apps.core.errors import NotAllowed
from apps.core.http import HttpRequest
from apps.core.ids import uuid7


class Seen:
    """What a view shows of tenants and people; the decorator writes it down."""

    def __init__(self) -> None:
        self._rows: dict[uuid.UUID | None, list[str]] = defaultdict(list)

    def add(self, kind: str, row_id: object, org_id: uuid.UUID | None = None) -> None:
        self._rows[org_id].append(f"{kind}:{row_id}")

    def events(self, view: str, arguments: dict) -> list[Event]:
        """One event for each organization, so that it can read who looked at its rows.

        The aggregate is the visit itself: two administrators who look at once write two chains.
        """
        visit = ("visit", uuid7())
        shown = self._rows or {None: []}
        return [
            Event("staff.viewed", visit, org_id, {"view": view, "of": arguments, "rows": rows})
            for org_id, rows in shown.items()
        ]


def staff_only(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """For administrators only; `view(request, seen, …)` adds to `seen` the rows that it shows.

    The visit is recorded in the request's transaction, whether or not anything was added.
    """

    @login_required
    @wraps(view)
    def run(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if not request.actor.is_staff:
            raise NotAllowed("Only an administrator of the platform may see this page.")
        seen = Seen()
        response = view(request, seen, *args, **kwargs)
        arguments = {name: str(value) for name, value in kwargs.items()}
        match = request.resolver_match
        events = seen.events(match.view_name if match else "", arguments)
        record_all(events, by=request.actor, now=request.now)
        return response

    return run
