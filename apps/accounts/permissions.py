"""Who may look at people and decide about them. `check_…` raises."""

import uuid

from apps.core.errors import NotAllowed
from apps.core.tenancy import Actor


def check_staff(actor: Actor) -> None:
    if not actor.is_staff:
        raise NotAllowed("Only an administrator of the platform may do this.")


def check_staff_or_platform(actor: Actor) -> None:
    """A decision by a person of the staff, or the deadline's by the platform itself."""
    if not (actor.is_staff or (actor.is_system and not actor.org_ids)):
        raise NotAllowed("Only an administrator of the platform may do this.")


def check_not_oneself(actor: Actor, user_id: uuid.UUID) -> None:
    if actor.user_id == user_id:
        raise NotAllowed("Nobody decides about themselves; ask another administrator.")


def check_person(actor: Actor) -> uuid.UUID:
    """The id of the signed-in person who acts for themselves."""
    if actor.kind != "person" or actor.user_id is None:
        raise NotAllowed("Only a signed-in contributor may do this.")
    return actor.user_id
