"""Who may do what in an organization. `check_…` raises, `can_…` asks."""

import uuid

from apps.core.errors import NotAllowed
from apps.core.tenancy import Actor
from apps.organizations.enums import ROLE_PERMISSIONS, Permission


def can(actor: Actor, permission: Permission | str, *, org_id: uuid.UUID) -> bool:
    """Whether the actor's role in this organization holds the permission."""
    role = actor.roles.get(org_id)
    if role == "system":
        return actor.is_system
    return role is not None and permission in ROLE_PERMISSIONS[role]


def check(actor: Actor, permission: Permission, *, org_id: uuid.UUID) -> None:
    """Raise NotAllowed with a sentence that names what is missing."""
    if not can(actor, permission, org_id=org_id):
        raise NotAllowed(f"Your role in this organization does not let you {permission.label}.")
