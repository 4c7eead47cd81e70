"""What lies in an account, as staff sees it."""

import uuid

from apps.core.tenancy import Actor, acting
from apps.ledger.enums import Purpose
from apps.ledger.queries import find_account

STAFF = Actor(kind="staff")


def payable(user_id: uuid.UUID) -> int:
    with acting(STAFF):
        return find_account(Purpose.PAYABLE, currency="USD", holder=user_id).balance


def held(org_id: uuid.UUID, project_id: uuid.UUID) -> tuple[int, int]:
    """Balance and what of it is reserved."""
    with acting(STAFF):
        account = find_account(Purpose.HELD, currency="USD", holder=org_id, scope=project_id)
        return account.balance, account.debits_pending


def wallet(org_id: uuid.UUID) -> int:
    with acting(STAFF):
        return find_account(Purpose.WALLET, currency="USD", holder=org_id).balance
