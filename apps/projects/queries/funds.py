"""Balances: what a project holds, and what the organization has not promised to any."""

from dataclasses import dataclass

from apps.ledger.enums import Purpose
from apps.ledger.queries import AccountRow, find_account, find_accounts
from apps.organizations.models import Organization
from apps.projects.models import Project


@dataclass(frozen=True, slots=True)
class Funds:
    """Both accounts of a project: what work is paid from, and what qualifications are paid from.

    The sums are minor units over both. `free` is what new work can still reserve: the money of the
    seats is not for work.
    """

    held: AccountRow
    seats: AccountRow

    @property
    def put_in(self) -> int:
        return self.held.credits_posted + self.seats.credits_posted

    @property
    def gone(self) -> int:
        """Paid, or back in the wallet."""
        return self.held.debits_posted + self.seats.debits_posted

    @property
    def balance(self) -> int:
        return self.held.balance + self.seats.balance

    @property
    def reserved(self) -> int:
        return self.held.debits_pending + self.seats.debits_pending

    @property
    def free(self) -> int:
        return self.held.available


def funds(project: Project) -> Funds:
    """What a project has, in one query."""
    found = find_accounts(
        [Purpose.HELD, Purpose.SEATS],
        currency=project.currency,
        holder=project.org_id,
        scope=project.id,
    )
    return Funds(held=found[Purpose.HELD], seats=found[Purpose.SEATS])


def held(project: Project) -> AccountRow:
    """The project's held funds: `balance` is what is in, `available` what is not reserved."""
    return find_account(
        Purpose.HELD, currency=project.currency, holder=project.org_id, scope=project.id
    )


def wallet(org: Organization, currency: str | None = None) -> AccountRow:
    """The organization's wallet in a currency, its own by default."""
    return find_account(Purpose.WALLET, currency=currency or org.currency, holder=org.id)
