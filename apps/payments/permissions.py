"""Who may move or see money. `check_…` raises NotAllowed, `can_…` asks."""

import uuid

from apps.core.errors import NotAllowed
from apps.core.tenancy import Actor
from apps.organizations import permissions as organizations
from apps.organizations.enums import Permission


def can_move_money(actor: Actor, *, org_id: uuid.UUID) -> bool:
    return organizations.can(actor, Permission.MOVE_MONEY, org_id=org_id)


def check_can_move_money(actor: Actor, *, org_id: uuid.UUID) -> uuid.UUID:
    """The person who moves it: somebody's name stands behind every payment and refund."""
    organizations.check(actor, Permission.MOVE_MONEY, org_id=org_id)
    if actor.user_id is None:
        raise NotAllowed("Only a person moves money in or out.")
    return actor.user_id


def check_can_see_money(actor: Actor, *, org_id: uuid.UUID) -> None:
    """Staff looks after every wallet; members need the permission."""
    if not actor.is_staff:
        organizations.check(actor, Permission.SEE_MONEY, org_id=org_id)


def check_can_be_paid(actor: Actor) -> uuid.UUID:
    """The person: money goes only to whoever did the work, deactivated or not."""
    if actor.kind != "person" or actor.user_id is None:
        raise NotAllowed("Only the person who did the work is paid.")
    return actor.user_id


def check_is_system(actor: Actor) -> None:
    if not actor.is_system:
        raise NotAllowed("Only the marketplace itself does this.")


def check_is_administrator(actor: Actor) -> uuid.UUID:
    """The administrator: a correction has two names under it."""
    if not actor.is_staff or actor.user_id is None:
        raise NotAllowed("Only an administrator of the platform corrects the books.")
    return actor.user_id
