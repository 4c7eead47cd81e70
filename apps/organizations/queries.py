"""Reads about tenants."""

import uuid
from dataclasses import replace

from django.db import connection
from django.db.models import Case, IntegerField, QuerySet, Value, When

from apps.accounts.models import User
from apps.core.tenancy import Actor, acting
from apps.organizations.enums import ROLE_PERMISSIONS, InvitationState, Role
from apps.organizations.models import Invitation, Membership, Organization


def actor_of(user: User) -> Actor:
    """The actor behind a signed-in user: staff, or a person with a role in some organizations."""
    if user.is_staff:
        return Actor(kind="staff", user_id=user.id)
    person = Actor(kind="person", user_id=user.id)
    with acting(person):
        return with_roles(person)


def with_roles(person: Actor) -> Actor:
    """The person with the roles held; while acting as this person, who may read them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT org_id, role FROM organizations_roles()")
        roles = dict(cursor.fetchall())
    return replace(person, roles=roles) if roles else person


def people_with(permission: str, *, org_id: uuid.UUID) -> list[uuid.UUID]:
    """Members who hold a permission: whom to tell."""
    roles = [role for role, held in ROLE_PERMISSIONS.items() if permission in held]
    with connection.cursor() as cursor:
        cursor.execute("SELECT organizations_members(%s, %s)", [org_id, roles])
        return [row[0] for row in cursor.fetchall()]


def members(org_id: uuid.UUID) -> QuerySet[Membership]:
    """Who belongs to it, owners first as the roles are listed, then by time."""
    rows = Membership.objects.filter(org_id=org_id).select_related("user")
    place = Case(
        *(When(role=role, then=Value(number)) for number, role in enumerate(Role.values)),
        output_field=IntegerField(),
    )
    return rows.order_by(place, "since")


def invitation_to(actor: Actor, invitation_id: uuid.UUID) -> Invitation | None:
    """An invitation made out to the acting person's own address, whatever its state."""
    if actor.user_id is None:
        return None
    address = User.objects.values_list("email", flat=True).get(id=actor.user_id)
    return Invitation.objects.filter(id=invitation_id, email__iexact=address).first()


def open_invitations_to(actor: Actor) -> list[Invitation]:
    """Invitations that wait for the acting person, each with its organization."""
    if actor.user_id is None:
        return []
    address = User.objects.values_list("email", flat=True).get(id=actor.user_id)
    rows = Invitation.objects.filter(email__iexact=address, state=InvitationState.OPEN)
    found = list(rows.order_by("created_at"))
    for invitation in found:
        invitation.org = inviting_organization(actor, invitation)
    return found


def inviting_organization(actor: Actor, invitation: Invitation) -> Organization:
    """Whoever is invited may read who invites, before being a member."""
    with acting(actor.with_role(invitation.org_id, invitation.role)):
        return Organization.objects.get(id=invitation.org_id)
