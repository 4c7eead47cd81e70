"""Every view runs as somebody: the actor is built from the sign-in and told to PostgreSQL."""

from collections.abc import Callable

from allauth.core.exceptions import ImmediateHttpResponse, ReauthenticationRequired
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpResponse

from apps.core import clock
from apps.core.http import HttpRequest
from apps.core.tenancy import ANONYMOUS, acting
from apps.organizations.queries import actor_of

# These are answers, not breakage; allauth's middleware turns the last two into redirects.
ANSWERS = (Http404, PermissionDenied, ImmediateHttpResponse, ReauthenticationRequired)


class ActorMiddleware:
    """`request.actor` and `request.now`, and one transaction around the view."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.now = clock.now()
        request.actor = actor_of(request.user) if request.user.is_authenticated else ANONYMOUS
        with acting(request.actor):
            return self.get_response(request)

    def process_exception(self, _request: HttpRequest, error: Exception) -> None:
        """Django turns the error into a page; what the view had half done must not be kept."""
        if not isinstance(error, ANSWERS):
            transaction.set_rollback(True)
