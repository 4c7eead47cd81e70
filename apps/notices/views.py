"""A person's notices, what they want of them, and the demo's outbox."""

import uuid

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core import signing
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.core import ratelimit
from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.core.tables import Column, Table
from apps.core.tenancy import Actor, acting
from apps.notices import actions as notices
from apps.notices.enums import Group
from apps.notices.forms import PreferencesForm, groups_of, kinds_of
from apps.notices.gateway import read_off
from apps.notices.models import DemoMail, Notice, Preference

NOTICES = Table(Column("told", "Told", "created_at"), sort="-told", size=30)
OUTBOX = Table(
    Column("subject", "Subject", "subject"),
    Column("to", "To", "to"),
    Column("when", "When", "at"),
    sort="-when",
    size=50,
)


class ShownForm(forms.Form):
    show = forms.ChoiceField(
        required=False, choices=[("", "All"), ("new", "New ones")], help_text="Read or not."
    )


class OutboxForm(forms.Form):
    to = forms.CharField(required=False, help_text="Part of an address.")


@login_required
@require_safe
def show_all(request: HttpRequest) -> HttpResponse:
    form = ShownForm(request.GET)
    rows = Notice.objects.visible_to(request.actor).in_page()
    if form.is_valid() and form.cleaned_data["show"]:
        rows = rows.unread()
    return render(request, "notices/list.html", {"page": NOTICES.page(request, rows), "form": form})


@login_required
@require_POST
def mark_read(request: HttpRequest) -> HttpResponse:
    notices.mark_read(by=request.actor, now=request.now)
    return redirect("notices:list")


@login_required
@require_POST
def follow(request: HttpRequest, notice_id: uuid.UUID) -> HttpResponse:
    """Read it, and go where it points; only ever within this site."""
    notice = get_object_or_404(Notice.objects.visible_to(request.actor), id=notice_id)
    notices.mark_one_read(notice.id, by=request.actor, now=request.now)
    inside = url_has_allowed_host_and_scheme(notice.url, allowed_hosts=None)
    return redirect(notice.url if notice.url and inside else "notices:list")


@require_safe
def count(request: HttpRequest) -> HttpResponse:
    """How many are unread, for the header; asked again and again, hence one indexed query.

    Who is signed out meanwhile gets nothing, and is not asked again: no sign-in in a header.
    """
    unread = Notice.objects.visible_to(request.actor).number_unread()
    return render(request, "notices/count.html", {"unread_notices": unread}, partial="badge")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: HttpRequest) -> HttpResponse:
    rows = Preference.objects.visible_to(request.actor)
    form = PreferencesForm(
        request.POST or None,
        groups=groups_of(is_staff=request.actor.is_staff),
        chosen={row.group: row for row in rows},
    )
    if request.method == "POST" and form.is_valid():
        notices.choose(choices=form.choices(), by=request.actor, now=request.now)
        messages.success(request, "Saved. It holds for what you are told from now on.")
        return redirect("notices:preferences")
    status = 422 if form.errors else 200
    context = {"form": form, "always": [kind.label for kind in kinds_of(Group.DUE_PROCESS)]}
    return render(request, "notices/preferences.html", context, status=status)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def off(request: HttpRequest, token: str) -> HttpResponse:
    """Switch off what a letter was about, without signing in: the signature says whose it was.

    Mailboxes send the POST by themselves (RFC 8058), so it carries no token of a form.
    """
    try:
        user_id, groups = read_off(token)
    except (signing.BadSignature, ValueError) as error:
        raise Http404 from error
    reader = Actor(kind="person", user_id=user_id)
    ratelimit.check("notices.off", by=reader, limit=30)
    if request.method == "POST":
        with acting(reader):
            notices.switch_off(groups=groups, by=reader, now=request.now)
    context = {"groups": groups, "is_done": request.method == "POST"}
    return render(request, "notices/off.html", context)


def _check_demo() -> None:
    """A real marketplace shows nobody's mail; for it these addresses do not exist."""
    if not settings.DEMO:
        raise Http404


@require_safe
def outbox(request: HttpRequest) -> HttpResponse:
    """What the demo would have mailed, newest first."""
    _check_demo()
    to = request.GET.get("to", "").strip()
    rows = DemoMail.objects.filter(to__icontains=to) if to else DemoMail.objects.all()
    page = OUTBOX.page(request, rows.defer("text", "html"))
    return render(request, "notices/outbox.html", {"page": page, "form": OutboxForm({"to": to})})


@require_safe
def outbox_mail(request: HttpRequest, mail_id: uuid.UUID) -> HttpResponse:
    _check_demo()
    mail = get_object_or_404(DemoMail, id=mail_id)
    return render(request, "notices/outbox_mail.html", {"mail": mail})


@require_safe
def outbox_html(_request: HttpRequest, mail_id: uuid.UUID) -> HttpResponse:
    """The HTML as a mailbox would show it, without scripts, forms, pictures or our origin."""
    _check_demo()
    mail = get_object_or_404(DemoMail, id=mail_id)
    response = HttpResponse(mail.html)
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response
