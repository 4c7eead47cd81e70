"""Pages of organizations: identity, people, roles, invitations."""

import uuid

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.core import ratelimit
from apps.core.errors import WagefileError
from apps.core.forms import show_refusal, status_of
from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.core.regions import COUNTRIES
from apps.organizations import actions as organizations
from apps.organizations import permissions, queries
from apps.organizations.enums import ROLE_PERMISSIONS, InvitationState, Permission, Role
from apps.organizations.forms import (
    ROLE_CHOICES,
    InvitationForm,
    NewOrganizationForm,
    OrganizationForm,
)
from apps.organizations.models import Invitation, Membership, Organization


def _organization(request: HttpRequest, slug: str) -> Organization:
    return get_object_or_404(Organization.objects.visible_to(request.actor), slug=slug)


@login_required
@require_safe
def show_all(request: HttpRequest) -> HttpResponse:
    rows = Organization.objects.visible_to(request.actor).order_by("name")
    found = [(org, request.actor.roles.get(org.id)) for org in rows]
    context = {"rows": found, "invitations": queries.open_invitations_to(request.actor)}
    return render(request, "organizations/list.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    form = NewOrganizationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            ratelimit.check("organization", by=request.actor, limit=10)
            org = organizations.create(**form.cleaned_data, by=request.actor, now=request.now)
        except WagefileError as error:
            show_refusal(form, error)
        else:
            messages.success(request, f"{org.name} is founded, and you are its owner.")
            return redirect("organizations:show", org.slug)
    return render(request, "organizations/new.html", {"form": form}, status=status_of(form))


@require_safe
def roles(request: HttpRequest) -> HttpResponse:
    """The role table as the permission checks read it; public, so that nobody has to guess."""
    table = [
        (permission.label, [permission in ROLE_PERMISSIONS[role] for role in Role])
        for permission in Permission
    ]
    return render(request, "organizations/roles.html", {"roles": list(Role), "table": table})


@login_required
@require_safe
def show(request: HttpRequest, slug: str) -> HttpResponse:
    org = _organization(request, slug)
    context = {
        "org": org,
        "country": COUNTRIES.get(org.country, org.country),
        "role": request.actor.roles.get(org.id),
        "members": queries.members(org.id).count(),
        "may": _may(request, org),
    }
    return render(request, "organizations/show.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def change(request: HttpRequest, slug: str) -> HttpResponse:
    org = _organization(request, slug)
    permissions.check(request.actor, Permission.MANAGE_ORGANIZATION, org_id=org.id)
    initial = {"name": org.name, "country": org.country, "owners": org.owners}
    form = OrganizationForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            organizations.change(
                org_id=org.id, **form.cleaned_data, by=request.actor, now=request.now
            )
        except WagefileError as error:
            show_refusal(form, error)
        else:
            messages.success(request, "Saved. Offers published from now on say this.")
            return redirect("organizations:show", org.slug)
    context = {"form": form, "org": org}
    return render(request, "organizations/change.html", context, status=status_of(form))


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def people(request: HttpRequest, slug: str) -> HttpResponse:
    """Members and open invitations; a POST invites."""
    org = _organization(request, slug)
    form = InvitationForm(request.POST or None)
    if request.method == "POST":
        permissions.check(request.actor, Permission.MANAGE_PEOPLE, org_id=org.id)
        if form.is_valid() and _invite(request, org, form):
            return redirect("organizations:people", org.slug)
    may_manage = permissions.can(request.actor, Permission.MANAGE_PEOPLE, org_id=org.id)
    invitations = Invitation.objects.visible_to(request.actor).filter(
        org_id=org.id, state=InvitationState.OPEN
    )
    context = {
        "org": org,
        "form": form,
        "members": queries.members(org.id),
        "invitations": invitations.order_by("created_at") if may_manage else [],
        "may_manage": may_manage,
        "role_choices": ROLE_CHOICES,
        "role": request.actor.roles.get(org.id),
    }
    return render(request, "organizations/people.html", context, status=status_of(form))


def _invite(request: HttpRequest, org: Organization, form: InvitationForm) -> bool:
    try:
        ratelimit.check("invitation", by=request.actor, limit=100)
        sent = organizations.invite(
            org_id=org.id, **form.cleaned_data, by=request.actor, now=request.now
        )
    except WagefileError as error:
        show_refusal(form, error)
        return False
    link = settings.SITE_URL + reverse("organizations:invitation", args=[sent.id])
    messages.success(request, f"Invited {sent.email} as {sent.role}. The link, if needed: {link}")
    return True


@login_required
@require_POST
def set_role(request: HttpRequest, slug: str, membership_id: uuid.UUID) -> HttpResponse:
    org = _organization(request, slug)
    member = _member(request, org, membership_id)
    try:
        organizations.set_role(
            membership_id=member.id,
            role=request.POST.get("role", ""),
            by=request.actor,
            now=request.now,
        )
    except WagefileError as error:
        return _refused(request, org, error)
    messages.success(request, "The role is set.")
    return redirect("organizations:people", org.slug)


@login_required
@require_POST
def remove(request: HttpRequest, slug: str, membership_id: uuid.UUID) -> HttpResponse:
    org = _organization(request, slug)
    member = _member(request, org, membership_id)
    try:
        organizations.remove_member(membership_id=member.id, by=request.actor, now=request.now)
    except WagefileError as error:
        return _refused(request, org, error)
    if member.user_id == request.actor.user_id:
        messages.success(request, f"You left {org.name}.")
        return redirect("organizations:list")
    messages.success(request, "The member is taken out.")
    return redirect("organizations:people", org.slug)


@login_required
@require_POST
def withdraw(request: HttpRequest, slug: str, invitation_id: uuid.UUID) -> HttpResponse:
    org = _organization(request, slug)
    rows = Invitation.objects.visible_to(request.actor).filter(org_id=org.id)
    found = get_object_or_404(rows, id=invitation_id)
    organizations.withdraw_invitation(invitation_id=found.id, by=request.actor, now=request.now)
    messages.success(request, "The invitation is withdrawn.")
    return redirect("organizations:people", org.slug)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, invitation_id: uuid.UUID) -> HttpResponse:
    """For the signed-in owner of the address alone; for everybody else there is no such page."""
    found = queries.invitation_to(request.actor, invitation_id)
    if found is None:
        raise Http404
    if request.method == "POST":
        organizations.accept_invitation(invitation_id=found.id, by=request.actor, now=request.now)
        org = queries.inviting_organization(request.actor, found)
        messages.success(request, f"You are now {found.role} of {org.name}.")
        return redirect("organizations:show", org.slug)
    context = {
        "invitation": found,
        "org": queries.inviting_organization(request.actor, found),
        "is_open": found.state == InvitationState.OPEN,
        "allowed": [p.label for p in Permission if p in ROLE_PERMISSIONS[found.role]],
    }
    return render(request, "organizations/invitation.html", context)


def _member(request: HttpRequest, org: Organization, membership_id: uuid.UUID) -> Membership:
    rows = Membership.objects.visible_to(request.actor).filter(org_id=org.id)
    return get_object_or_404(rows, id=membership_id)


def _refused(request: HttpRequest, org: Organization, error: WagefileError) -> HttpResponse:
    """A conflict is said on the page of the people; a lacking role stays a 403."""
    if error.status == 403:
        raise error
    messages.error(request, error.sentence)
    return redirect("organizations:people", org.slug)


def _may(request: HttpRequest, org: Organization) -> dict[str, bool]:
    """What to offer on the page; the actions check again."""
    return {p.name.lower(): permissions.can(request.actor, p, org_id=org.id) for p in Permission}
