"""Balances: what a project holds, and what the organization has not promised to any."""

from apps.ledger.enums import Purpose
from apps.ledger.queries import AccountRow, find_account
from apps.organizations.models import Organization
from apps.projects.models import Project


def held(project: Project) -> AccountRow:
    """The project's held funds: `balance` is what is in, `available` what is not reserved."""
    return find_account(
        Purpose.HELD, currency=project.currency, holder=project.org_id, scope=project.id
    )


def wallet(org: Organization, currency: str | None = None) -> AccountRow:
    """The organization's wallet in a currency, its own by default."""
    return find_account(Purpose.WALLET, currency=currency or org.currency, holder=org.id)
