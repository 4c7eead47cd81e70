"""Contact a person: writing to us, reading the answer, and the staff's queue."""

import uuid

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_safe

from apps.audit.views import Seen, staff_only
from apps.cases import actions as cases
from apps.cases import queries
from apps.cases.enums import TicketState, Topic
from apps.cases.forms import ContactForm, LetterForm, LinkForm
from apps.cases.models import Ticket
from apps.cases.views.lists import (
    TICKETS,
    TICKETS_WAITING,
    OwnTicketFilter,
    TicketFilter,
    filtered,
)
from apps.core import ratelimit
from apps.core.errors import WagefileError
from apps.core.forms import show_refusal, status_of
from apps.core.htmx import render
from apps.core.http import HttpRequest

PAGE = 50


def _check_rate(request: HttpRequest, what: str, *, email: str = "") -> None:
    """By person, or by network address; and by the address that mail would go to."""
    limit = settings.WAGEFILE["tickets_per_hour"]
    who = "" if request.actor.user_id else get_adapter().get_client_ip(request)
    ratelimit.check(what, by=request.actor, who=who, limit=limit)
    if email:
        ratelimit.check(what, by=request.actor, who=email.lower(), limit=limit)


@require_http_methods(["GET", "HEAD", "POST"])
def write(request: HttpRequest) -> HttpResponse:
    """The form, for everybody. `?topic=` chooses what it is about."""
    is_known = request.actor.user_id is not None
    topic = request.GET.get("topic", "")
    initial = {"topic": topic if topic in Topic.values else ""}
    form = ContactForm(request.POST or None, initial=initial, is_known=is_known)
    if request.method == "POST" and form.is_valid():
        sent = form.cleaned_data
        try:
            _check_rate(request, "ticket", email=sent.get("email", ""))
            ticket = cases.open_ticket(**sent, by=request.actor, now=request.now)
        except WagefileError as error:
            show_refusal(form, error)
        else:
            if is_known:
                messages.success(request, f"Sent. Your ticket has the number {ticket.number}.")
                return redirect("contact:ticket", ticket.id)
            messages.success(
                request,
                f"Sent. Your ticket has the number {ticket.number}. "
                f"A mail with the link to it goes to {ticket.email}.",
            )
            return redirect("contact:link")
    context = {"form": form, "hours": settings.WAGEFILE["ticket_answer_hours"]}
    return render(request, "contact/write.html", context, status=status_of(form))


@require_http_methods(["GET", "HEAD", "POST"])
def link(request: HttpRequest) -> HttpResponse:
    """For people without an account: the link to a ticket once more. Never says whether it fits."""
    form = LinkForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            _check_rate(request, "ticket-link", email=form.cleaned_data["email"])
            cases.ask_for_link(**form.cleaned_data)
        except WagefileError as error:
            show_refusal(form, error)
        else:
            messages.success(
                request,
                "If number and address belong together, a mail with the link follows.",
            )
            return redirect("contact:link")
    return render(request, "contact/link.html", {"form": form}, status=status_of(form))


@require_http_methods(["GET", "HEAD", "POST"])
def by_link(request: HttpRequest, link: str) -> HttpResponse:
    """The ticket of somebody without an account, behind the link in the mail."""
    view = queries.ticket_of_link(link)
    form = LetterForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            _check_rate(request, "letter")
            cases.write_again_by_link(
                link=link, **form.cleaned_data, by=request.actor, now=request.now
            )
        except WagefileError as error:
            show_refusal(form, error)
        else:
            messages.success(request, "Sent.")
            return redirect("contact:by-link", link)
    response = _page(request, view, form, side="link")
    # The address is the key: it goes into no cache and to no other site.
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@login_required
@require_safe
def mine(request: HttpRequest) -> HttpResponse:
    rows = Ticket.objects.visible_to(request.actor).filter(user_id=request.actor.person_id)
    form = OwnTicketFilter(request.GET)
    page = TICKETS.page(request, filtered(rows, form), hidden=["from"])
    return render(request, "contact/mine.html", {"page": page, "form": form})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def ticket(request: HttpRequest, ticket_id: uuid.UUID) -> HttpResponse:
    own = Ticket.objects.visible_to(request.actor).filter(user_id=request.actor.person_id)
    found = get_object_or_404(own, id=ticket_id)
    form = LetterForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            _check_rate(request, "letter")
            cases.write_again(
                ticket_id=found.id, **form.cleaned_data, by=request.actor, now=request.now
            )
        except WagefileError as error:
            show_refusal(form, error)
        else:
            messages.success(request, "Sent.")
            return redirect("contact:ticket", found.id)
    return _page(request, queries.ticket_view(found), form, side="own")


def _page(
    request: HttpRequest, view: queries.TicketView, form: LetterForm, *, side: str
) -> HttpResponse:
    context = {"view": view, "ticket": view.ticket, "form": form, "side": side}
    return render(request, "contact/ticket.html", context, status=status_of(form))


@require_safe
@staff_only
def staff_list(request: HttpRequest, seen: Seen) -> HttpResponse:
    """What waits for an answer, by the time that was promised, and what was answered lately."""
    rows = Ticket.objects.visible_to(request.actor).select_related("user")
    form = TicketFilter(request.GET)
    waiting = filtered(rows.filter(state=TicketState.WAITING), form)
    page = TICKETS_WAITING.page(request, waiting)
    answered = list(rows.filter(state=TicketState.ANSWERED).order_by("-last_at")[:PAGE])
    for row in [*page, *answered]:
        seen.add("ticket", row.id)
    context = {"page": page, "answered": answered, "form": form}
    return render(request, "contact/staff.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only
def staff_ticket(request: HttpRequest, seen: Seen, ticket_id: uuid.UUID) -> HttpResponse:
    rows = Ticket.objects.visible_to(request.actor).select_related("user")
    found = get_object_or_404(rows, id=ticket_id)
    seen.add("ticket", found.id)
    form = LetterForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            cases.answer_ticket(
                ticket_id=found.id, **form.cleaned_data, by=request.actor, now=request.now
            )
        except WagefileError as error:
            show_refusal(form, error)
        else:
            messages.success(request, f"Ticket {found.number} is answered.")
            return redirect("contact:staff")
    return _page(request, queries.ticket_view(found), form, side="staff")
