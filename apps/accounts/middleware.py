"""New terms are accepted before the next action that binds, and before nothing else.

The addresses that bind stand in `settings.TERMS_BIND`. Reading, submitting, appealing and being
paid never wait for an acceptance: what was agreed before goes on as agreed.
"""

from collections.abc import Callable
from typing import Any, cast
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib.auth import middleware
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django_htmx.http import HttpResponseClientRedirect

from apps.accounts.adapters import SessionStore, signed_in_by
from apps.accounts.queries import terms_to_accept

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class AuthenticationMiddleware(middleware.AuthenticationMiddleware):
    """Django's; the person was read with the session."""

    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        request.user = cast("Any", SimpleLazyObject(lambda: _user(request)))


def _user(request: HttpRequest) -> Any:
    with signed_in_by(cast("SessionStore", request.session)):
        return middleware.get_user(request)


class SeeOther(HttpResponseRedirect):
    """Go there with GET: what was posted is not sent along."""

    status_code = 303


class TermsMiddleware:
    """Sends a person who has not accepted the version in force to it, and back again after."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, _view: Callable, _args: tuple, _kwargs: dict
    ) -> HttpResponse | None:
        match = request.resolver_match
        if request.method in SAFE or match is None or match.view_name not in settings.TERMS_BIND:
            return None
        now = getattr(request, "now", None)
        waiting = terms_to_accept(request.user, now) if now else None
        if waiting is None:
            return None
        address = reverse("terms:accept")
        if request.path.startswith("/api/"):
            sentence = (
                f"Version {waiting.number} of the terms is in force; accept it at "
                f"{settings.SITE_URL}{address} first."
            )
            return JsonResponse({"detail": sentence}, status=409)
        # Back to the page that the form stood on: what is sent here is not kept.
        page = urlsplit(request.headers.get("Referer", ""))
        came_from = page.path if page.netloc == request.get_host() else ""
        target = f"{address}?{urlencode({'next': came_from})}" if came_from else address
        if request.headers.get("HX-Request") == "true":
            return HttpResponseClientRedirect(target)
        return SeeOther(target)
