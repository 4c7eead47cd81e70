"""Tenants and their people."""

import datetime as dt

from apps.accounts.models import User
from apps.core.ids import uuid7
from apps.core.tenancy import Actor, acting
from apps.organizations.enums import Role
from apps.organizations.models import Membership, Organization


def organization(
    name: str, *, owner: User, now: dt.datetime, currency: str = "USD"
) -> Organization:
    """A tenant; its owner is the person who made it."""
    org_id = uuid7()
    with acting(Actor(kind="person", user_id=owner.id, roles={org_id: Role.OWNER})):
        made = Organization.objects.create(
            id=org_id,
            name=name.capitalize(),
            slug=name,
            country="US",
            currency=currency,
            owners=f"{owner.name} owns all of it.",
            created_at=now,
            created_by=owner,
        )
        Membership.objects.create(org=made, user=owner, role=Role.OWNER, since=now)
    return made


def member(org: Organization, user: User, role: str, *, by: Actor, now: dt.datetime) -> Membership:
    with acting(by):
        return Membership.objects.create(org=org, user=user, role=role, since=now)
