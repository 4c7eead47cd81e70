"""Balances: what a project holds, and what the organization has not promised to any."""

from dataclasses import dataclass

from apps.ledger.enums import Purpose
from apps.ledger.queries import AccountRow, find_account, find_accounts
from apps.organizations.models import Organization
from apps.projects.models import Project


@dataclass(frozen=True, slots=True)
class Funds:
    """The accounts of a project: what work and qualifications are paid from, and what is set apart
    for lift bonuses and for computing lift.

    The sums are minor units over all. `free` is what new work can still reserve: the money of the
    seats and of lift is not for work.
    """

    held: AccountRow
    seats: AccountRow
    lift: AccountRow
    compute: AccountRow

    @property
    def _all(self) -> tuple[AccountRow, ...]:
        return (self.held, self.seats, self.lift, self.compute)

    @property
    def put_in(self) -> int:
        return sum(account.credits_posted for account in self._all)

    @property
    def gone(self) -> int:
        """Paid, or back in the wallet."""
        return sum(account.debits_posted for account in self._all)

    @property
    def balance(self) -> int:
        return sum(account.balance for account in self._all)

    @property
    def reserved(self) -> int:
        return self.held.debits_pending + self.seats.debits_pending

    @property
    def free(self) -> int:
        return self.held.available


def funds(project: Project) -> Funds:
    """What a project has, in one query."""
    found = find_accounts(
        [Purpose.HELD, Purpose.SEATS, Purpose.LIFT, Purpose.COMPUTE],
        currency=project.currency,
        holder=project.org_id,
        scope=project.id,
    )
    return Funds(
        held=found[Purpose.HELD],
        seats=found[Purpose.SEATS],
        lift=found[Purpose.LIFT],
        compute=found[Purpose.COMPUTE],
    )


def held(project: Project) -> AccountRow:
    """The project's held funds: `balance` is what is in, `available` what is not reserved."""
    return find_account(
        Purpose.HELD, currency=project.currency, holder=project.org_id, scope=project.id
    )


def wallet(org: Organization, currency: str | None = None) -> AccountRow:
    """The organization's wallet in a currency, its own by default."""
    return find_account(Purpose.WALLET, currency=currency or org.currency, holder=org.id)
