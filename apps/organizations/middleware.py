"""Every view runs as somebody: the actor is built from the sign-in and told to PostgreSQL."""

from collections.abc import Callable
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from allauth.core.exceptions import ImmediateHttpResponse, ReauthenticationRequired
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpResponse
from django.utils import timezone

from apps.accounts import actions as accounts
from apps.core import clock
from apps.core.http import HttpRequest
from apps.core.tenancy import ANONYMOUS, Actor, acting, current_actor
from apps.core.zones import zones
from apps.organizations.queries import actor_of, with_roles

# These are answers, not breakage; allauth's middleware turns the last two into redirects.
ANSWERS = (Http404, PermissionDenied, ImmediateHttpResponse, ReauthenticationRequired)


class ActorMiddleware:
    """`request.actor` and `request.now`, and one transaction around the view."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.now = clock.now()
        user = request.user
        if not user.is_authenticated or user.is_staff:
            return self._as(actor_of(user) if user.is_authenticated else ANONYMOUS, request)
        with acting(Actor(kind="person", user_id=user.id)) as person:
            return self._as(with_roles(person) if user.is_member else person, request)

    def _as(self, actor: Actor, request: HttpRequest) -> HttpResponse:
        request.actor = actor
        # Contributors hold no roles: what PostgreSQL was told already is all there is to tell.
        if actor == current_actor():
            return self._there(request)
        with acting(actor):
            return self._there(request)

    def _there(self, request: HttpRequest) -> HttpResponse:
        with timezone.override(_zone(request)):
            return self.get_response(request)

    def process_exception(self, _request: HttpRequest, error: Exception) -> None:
        """Django turns the error into a page; what the view had half done must not be kept."""
        if not isinstance(error, ANSWERS):
            transaction.set_rollback(True)


# Set by site.js from the browser's own clock; it says where somebody is and nothing else.
ZONE_COOKIE = "wagefile_zone"
# What programs read is in UTC, wherever their person is.
PROGRAMS = "/api/"


def _zone(request: HttpRequest) -> ZoneInfo:
    """Where the reader is: as they chose, else as the browser says, else UTC.

    What the browser says of a signed-in person is kept, so that e-mails show the same times.
    """
    if request.path.startswith(PROGRAMS):
        return ZoneInfo("UTC")
    told = unquote(request.COOKIES.get(ZONE_COOKIE, ""))
    told = told if told in zones() else ""
    user = request.user
    if not user.is_authenticated:
        return ZoneInfo(told or "UTC")
    if told and not user.is_zone_chosen and told != user.time_zone:
        accounts.take_zone(name=told, by=request.actor)
        user.time_zone = told
    return ZoneInfo(user.time_zone or "UTC")
