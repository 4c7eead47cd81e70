"""Pages of a person's own account, and staff's pages about people."""

import uuid

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts import actions as accounts
from apps.accounts import permissions, queries
from apps.accounts.forms import (
    CredentialForm,
    DecisionForm,
    DescriptionForm,
    NameForm,
    ProfileForm,
    ZoneForm,
)
from apps.accounts.models import ContributorProfile, Credential
from apps.accounts.views.lists import PEOPLE, people_asked
from apps.core import ratelimit
from apps.core.errors import WagefileError
from apps.core.forms import show_refusal, status_of
from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.core.regions import COUNTRIES, LANGUAGES


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def show_settings(request: HttpRequest) -> HttpResponse:
    """Everything about the account with one line each and the page that changes it."""
    name = request.user.name if request.user.is_authenticated else ""
    form = NameForm(request.POST or None, initial={"name": name})
    if request.method == "POST" and form.is_valid():
        accounts.rename(name=form.cleaned_data["name"], by=request.actor, now=request.now)
        messages.success(request, "Your name is saved.")
        return redirect("people:settings")
    factors = set(Authenticator.objects.filter(user=request.user).values_list("type", flat=True))
    context = {
        "form": form,
        "zone_form": _zone_form(request),
        "address": EmailAddress.objects.get_primary(request.user),
        "sessions": UserSession.objects.filter(user=request.user).count(),
        "has_totp": Authenticator.Type.TOTP in factors,
        "has_codes": Authenticator.Type.RECOVERY_CODES in factors,
        "passkeys": Authenticator.objects.filter(
            user=request.user, type=Authenticator.Type.WEBAUTHN
        ).count(),
        "profile": queries.own_profile(request.actor),
        "credentials": queries.own_credentials(request.actor).count(),
        "description": queries.own_description(request.actor),
    }
    return render(request, "accounts/settings.html", context, status=status_of(form))


def _zone_form(request: HttpRequest, data: QueryDict | None = None) -> ZoneForm:
    user = request.user
    if not user.is_authenticated:
        return ZoneForm(data)
    chosen = user.time_zone if user.is_zone_chosen else ""
    told = "" if user.is_zone_chosen else user.time_zone
    return ZoneForm(data, initial={"time_zone": chosen}, told=told)


@login_required
@require_POST
def choose_zone(request: HttpRequest) -> HttpResponse:
    form = _zone_form(request, request.POST)
    if form.is_valid():
        name = form.cleaned_data["time_zone"]
        accounts.choose_zone(name=name, by=request.actor, now=request.now)
        messages.success(request, "Times are shown in this zone from now on.")
    else:
        messages.error(request, "Choose a time zone of the list.")
    return redirect("people:settings")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    permissions.check_person(request.actor)
    found = queries.own_profile(request.actor)
    initial = {"region": found.region, "languages": found.languages} if found else {}
    form = ProfileForm(request.POST or None, initial=initial, is_confirmed=found is not None)
    if request.method == "POST" and form.is_valid():
        sent = form.cleaned_data
        try:
            accounts.save_profile(
                region=sent["region"],
                languages=sent["languages"],
                is_adult=sent.get("is_adult", False),
                by=request.actor,
                now=request.now,
            )
        except WagefileError as error:
            show_refusal(form, error)
        else:
            messages.success(request, "Your profile is saved; offers follow it from now on.")
            return redirect("people:profile")
    return render(
        request, "accounts/profile.html", {"form": form, "profile": found}, status=status_of(form)
    )


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def describe(request: HttpRequest) -> HttpResponse:
    """What one says of oneself, if one likes; read by nobody else."""
    permissions.check_person(request.actor)
    found = queries.own_description(request.actor)
    initial = {name: getattr(found, name) for name in DescriptionForm.base_fields} if found else {}
    form = DescriptionForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        made = accounts.describe(**form.cleaned_data, by=request.actor, now=request.now)
        messages.success(request, "Saved." if made else "Nothing is kept of it.")
        return redirect("people:describe")
    context = {"form": form, "description": found}
    return render(request, "accounts/description.html", context, status=status_of(form))


@login_required
@require_POST
def undescribe(request: HttpRequest) -> HttpResponse:
    permissions.check_person(request.actor)
    accounts.withdraw_description(by=request.actor, now=request.now)
    messages.success(request, "Removed. Files that are written from now on are without it.")
    return redirect("people:describe")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def credentials(request: HttpRequest) -> HttpResponse:
    permissions.check_person(request.actor)
    form = CredentialForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            ratelimit.check("credential", by=request.actor, limit=20)
            accounts.submit_credential(**form.cleaned_data, by=request.actor, now=request.now)
        except WagefileError as error:
            show_refusal(form, error)
        else:
            messages.success(request, "Sent. An administrator checks it and you get a notice.")
            return redirect("people:credentials")
    rows = queries.own_credentials(request.actor)
    return render(
        request, "accounts/credentials.html", {"form": form, "rows": rows}, status=status_of(form)
    )


@login_required
@require_safe
def staff_list(request: HttpRequest) -> HttpResponse:
    form, rows = people_asked(request)
    context = {
        "form": form,
        "page": PEOPLE.page(request, rows),
        "waiting": queries.credentials_waiting(request.actor)[:50],
    }
    return render(request, "accounts/staff_list.html", context)


@login_required
@require_safe
def staff_person(request: HttpRequest, user_id: uuid.UUID) -> HttpResponse:
    person = accounts.look_up(user_id=user_id, by=request.actor, now=request.now)
    profile_row = (
        ContributorProfile.objects.visible_to(request.actor).filter(user_id=user_id).first()
    )
    context = {
        "person": person,
        "profile": profile_row,
        "country": COUNTRIES.get(profile_row.region) if profile_row else None,
        "languages": [LANGUAGES.get(code, code) for code in profile_row.languages]
        if profile_row
        else [],
        "credentials": Credential.objects.visible_to(request.actor)
        .filter(user_id=user_id)
        .select_related("decided_by")
        .order_by("created_at"),
    }
    return render(request, "accounts/staff_person.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def decide_credential(request: HttpRequest, credential_id: uuid.UUID) -> HttpResponse:
    permissions.check_staff(request.actor)
    rows = Credential.objects.visible_to(request.actor).select_related("user", "decided_by")
    credential = get_object_or_404(rows, id=credential_id)
    form = DecisionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            accounts.decide_credential(
                credential_id=credential.id,
                is_verified=request.POST.get("decision") == "verify",
                note=form.cleaned_data["note"],
                by=request.actor,
                now=request.now,
            )
        except WagefileError as error:
            show_refusal(form, error)
        else:
            messages.success(request, "Decided; the person has a notice.")
            return redirect("people:staff-list")
    context = {"form": form, "credential": credential}
    return render(request, "accounts/decide_credential.html", context, status=status_of(form))
