"""The terms: the version in force, all versions with what changed, accepting, publishing."""

import datetime as dt

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_safe

from apps.accounts import actions as accounts
from apps.accounts import queries
from apps.accounts.forms import AcceptForm, PublishTermsForm
from apps.accounts.models import TermsAcceptance, TermsVersion
from apps.audit.views import Seen, staff_only
from apps.core.errors import WagefileError
from apps.core.forms import show_refusal, status_of
from apps.core.htmx import render
from apps.core.http import HttpRequest


@require_safe
def current(request: HttpRequest) -> HttpResponse:
    found = queries.terms_in_force(request.now)
    if found is None:
        raise Http404("No terms are in force yet.")
    return _page(request, found)


@require_safe
def version(request: HttpRequest, number: int) -> HttpResponse:
    return _page(request, get_object_or_404(TermsVersion, number=number))


def _page(request: HttpRequest, shown: TermsVersion) -> HttpResponse:
    in_force = queries.terms_in_force(request.now)
    accepted = None
    if request.actor.user_id:
        own = TermsAcceptance.objects.visible_to(request.actor)
        accepted = own.filter(user_id=request.actor.user_id, version=shown).first()
    context = {
        "version": shown,
        "in_force": in_force,
        "is_in_force": in_force == shown,
        "is_upcoming": shown.effective_at > request.now,
        "upcoming": TermsVersion.objects.filter(effective_at__gt=request.now)
        .order_by("number")
        .first(),
        "accepted": accepted,
        "waits": in_force == shown
        and queries.terms_to_accept(request.user, request.now) is not None,
    }
    return render(request, "accounts/terms.html", context)


@require_safe
def versions(request: HttpRequest) -> HttpResponse:
    context = {"rows": queries.terms_versions(request.actor, request.now)}
    return render(request, "accounts/terms_versions.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def accept(request: HttpRequest) -> HttpResponse:
    """Read what changed, accept, and go back to what one was about to do."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    if not url_has_allowed_host_and_scheme(target, allowed_hosts=None):
        target = ""
    waiting = queries.terms_to_accept(request.user, request.now)
    if waiting is None:
        return redirect(target or "terms:current")
    form = AcceptForm(request.POST or None, number=waiting.number)
    if request.method == "POST" and form.is_valid():
        try:
            accounts.accept_terms(
                number=form.cleaned_data["terms"], by=request.actor, now=request.now
            )
        except WagefileError as error:
            form = AcceptForm({"terms": waiting.number}, number=waiting.number)
            form.full_clean()
            form.errors.pop("has_accepted", None)
            show_refusal(form, error)
        else:
            messages.success(request, "Thank you. Now do again what you were about to do.")
            return redirect(target or "home")
    rows = queries.terms_versions(request.actor, request.now)
    shown = next(row for row in rows if row.is_in_force)
    has_accepted_before = any(row.accepted_at for row in rows)
    context = {
        "form": form,
        "row": shown,
        "next": target,
        "has_accepted_before": has_accepted_before,
    }
    return render(request, "accounts/terms_accept.html", context, status=status_of(form))


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only
def publish(request: HttpRequest, seen: Seen) -> HttpResponse:
    """The next version begins as the text of the last one."""
    last = TermsVersion.objects.order_by("-number").first()
    days = settings.WAGEFILE["terms_notice_days"]
    initial = {
        "body": last.body if last else "",
        "effective_at": request.now + dt.timedelta(days=days + 1),
    }
    form = PublishTermsForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            made = accounts.publish_terms(**form.cleaned_data, by=request.actor, now=request.now)
        except WagefileError as error:
            show_refusal(form, error)
        else:
            seen.add("terms", made.id)
            messages.success(request, "Published. Everybody has a notice.")
            return redirect("terms:version", made.number)
    context = {"form": form, "last": last, "days": days}
    return render(request, "accounts/terms_publish.html", context, status=status_of(form))
