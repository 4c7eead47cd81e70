"""The demo's clock: its place in the banner of every page, and a page with what it did so far."""

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import redirect
from django.shortcuts import render as django_render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from apps.core import clock
from apps.core.errors import NotThere, WagefileError
from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.core.models import ClockMove
from apps.core.tenancy import Actor
from apps.pages.actions import time_machine

SHOWN = 20
BUTTONS = [*((key, label) for key, (label, _) in time_machine.STEPS.items())]
TO_MONDAY = (time_machine.TO_MONDAY, "To Monday")
# Where there is more of it, for people and for the staff; who is not signed in sees the words.
PERSON_PAGES = {
    "silence": "work:history",
    "expired": "work:history",
    "final": "cases:mine",
    "case": "cases:mine",
    "settlement": "work:earnings",
    "earned": "work:earnings",
    "payout": "payments:payouts",
    "funding": "organizations:list",
}
STAFF_PAGES = {
    "silence": "pages:staff",
    "expired": "pages:staff",
    "final": "cases:staff",
    "case": "cases:staff",
    "settlement": "pages:books",
    "earned": "pages:books",
    "payout": "pages:books",
    "funding": "pages:books",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A move as it is told: `parts` are (text, address or "") in the order of the sentence."""

    move: ClockMove
    parts: list[tuple[str, str]]
    is_failed: bool


def shown(move: ClockMove | None, actor: Actor) -> Shown | None:
    if move is None:
        return None
    pages = STAFF_PAGES if actor.is_staff else PERSON_PAGES if actor.user_id else {}
    parts = [
        (text, reverse(pages[what]) if what in pages else "") for what, _count, text in move.found
    ]
    is_failed = any(what == "failed" for what, *_ in move.found)
    return Shown(move, parts, is_failed)


def banner(actor: Actor, *, refusal: str = "") -> dict:
    """What the banner's place for the clock needs."""
    return {
        "last_move": shown(clock.last_move(), actor),
        "buttons": [*BUTTONS, TO_MONDAY],
        "refusal": refusal,
    }


@require_http_methods(["GET", "HEAD", "POST"])
def show(request: HttpRequest) -> HttpResponse:
    """GET: how far the clock is. POST `step`: move it. htmx gets the banner's part alone."""
    if not settings.DEMO:
        raise NotThere("There is no such page.")
    refusal, status = "", 200
    if request.method == "POST":
        try:
            time_machine.ask(step=request.POST.get("step", ""), by=request.actor, now=request.now)
        except NotThere:
            raise
        except WagefileError as error:
            refusal, status = error.sentence, error.status
        else:
            if not request.headers.get("HX-Request"):
                return redirect("pages:time-machine")
    place = banner(request.actor, refusal=refusal)
    if request.headers.get("HX-Request"):
        part = {"time_machine": place}
        return django_render(request, "pages/clock.html", part, status=status)
    moves = [shown(row, request.actor) for row in ClockMove.objects.order_by("-asked_at")[:SHOWN]]
    context: dict = {"time_machine": place, "moves": moves}
    return render(request, "pages/time_machine.html", context, status=status)
