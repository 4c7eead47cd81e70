"""Money of a project: from the wallet into its held funds and its seats, and what is left back."""

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence

from django.db import transaction

from apps.core.errors import Conflict, Invalid
from apps.core.ids import derived, uuid7
from apps.core.tenancy import Actor
from apps.ledger import actions as ledger
from apps.ledger.enums import Purpose, TransferKind
from apps.ledger.errors import InsufficientFunds
from apps.ledger.queries import AccountRow
from apps.projects import permissions
from apps.projects.actions.moves import check_not_frozen, locked, record
from apps.projects.enums import ProjectState
from apps.projects.models import Project
from apps.projects.queries import Funds
from apps.projects.rules import LiftTerms

RUNNING = frozenset({ProjectState.LIVE, ProjectState.PAUSED})


def top_up(*, project_id: uuid.UUID, amount: int, by: Actor, now: dt.datetime) -> uuid.UUID:
    """More budget, from the wallet; the id of the transfer."""
    with transaction.atomic():
        project = locked(project_id, by=by)
        permissions.check_can_manage(by, project)
        if project.state not in RUNNING:
            raise Conflict("Only a live or paused project can be given more budget.")
        check_not_frozen(project)
        if amount <= 0:
            raise Invalid("The amount must be more than zero.", field="amount")
        record(project, "topped_up", by=by, now=now, amount=amount)
        entry = deposit(project, amount, step=str(uuid7()), code="top_up_project", now=now)
        post_from_wallet([entry])
        return entry.id


def add_seats(
    *, project_id: uuid.UUID, tier: str, seats: int, amount: int, by: Actor, now: dt.datetime
) -> Project:
    """More qualification seats of a tier, with the money that they need beyond what is there.

    The floor above knows which attempts are over, and so what `amount` is missing (zero: earlier
    attempts left enough).
    """
    with transaction.atomic():
        project = locked(project_id, by=by)
        permissions.check_can_add_seats(by, project)
        if project.state not in RUNNING:
            raise Conflict("Only a live or paused project can be given more seats.")
        check_not_frozen(project)
        if project.seats is None:
            raise Conflict(
                "The qualification of this project is paid from its held funds: top up the budget, "
                "and publish a version of the criteria with more seats."
            )
        if seats <= 0 or amount < 0:
            raise Invalid("Add at least one seat.", field="seats")
        project.seats = {**project.seats, tier: project.seats.get(tier, 0) + seats}
        project.save(update_fields=["seats"])
        record(project, "seats_added", by=by, now=now, tier=tier, seats=seats, amount=amount)
        if amount:
            post_from_wallet([seat_deposit(project, amount, step=str(uuid7()), now=now)])
        return project


def deposit(
    project: Project,
    amount: int,
    *,
    step: str,
    code: str,
    now: dt.datetime,
    purpose: Purpose = Purpose.HELD,
) -> ledger.Entry:
    """Wallet → held funds, or seats, of the project."""
    return ledger.Entry(
        id=derived(project.id, "fund", step),
        kind=TransferKind.POSTED,
        code=code,
        at=now,
        amount=amount,
        debit=_wallet(project),
        credit=_account(project, purpose),
        currency=project.currency,
        scope=project.id,
        subject=project.id,
    )


def seat_deposit(project: Project, amount: int, *, step: str, now: dt.datetime) -> ledger.Entry:
    """Wallet → the project's seats."""
    return deposit(
        project, amount, step=f"seats {step}", code="fund_seats", now=now, purpose=Purpose.SEATS
    )


def lift_deposits(project: Project, lift: LiftTerms, *, now: dt.datetime) -> list[ledger.Entry]:
    """Wallet → the project's lift pool, and what computing lift can cost at most."""
    return [
        deposit(project, amount, step=f"{code} publish", code=code, now=now, purpose=purpose)
        for code, purpose, amount in (
            ("fund_lift", Purpose.LIFT, lift.pool),
            ("fund_compute", Purpose.COMPUTE, lift.compute),
        )
        if amount
    ]


def post_from_wallet(entries: Sequence[ledger.Entry]) -> None:
    """Call it last: it locks the accounts."""
    try:
        ledger.post(entries)
    except InsufficientFunds as refusal:
        raise InsufficientFunds("The wallet does not hold that much: fund it first.") from refusal


def returns(project: Project, funds: Funds, *, now: dt.datetime) -> list[ledger.Entry]:
    """Everything that is free for work and qualifications → wallet, when the project closes.

    The lift pool stays until the last lift run is paid and the time to contest it is over.
    """
    return _back(project, (("return_unspent", funds.held), ("return_seats", funds.seats)), now=now)


def return_lift(
    project: Project, funds: Funds, *, is_pool_over: bool, now: dt.datetime
) -> list[ledger.Entry]:
    """What is left for computing → wallet, and of the pool once nothing of it can become due."""
    over = (("return_lift", funds.lift),) if is_pool_over else ()
    return _back(project, (("return_compute", funds.compute), *over), now=now)


def _back(
    project: Project, accounts: Iterable[tuple[str, AccountRow]], *, now: dt.datetime
) -> list[ledger.Entry]:
    return [
        ledger.Entry(
            id=derived(project.id, step),
            kind=TransferKind.POSTED,
            code=step,
            at=now,
            amount=account.available,
            debit=_account(project, Purpose(account.purpose)),
            credit=_wallet(project),
            currency=project.currency,
            scope=project.id,
            subject=project.id,
        )
        for step, account in accounts
        if account.available > 0
    ]


def _account(project: Project, purpose: Purpose) -> int:
    return ledger.account(
        purpose, holder=project.org_id, scope=project.id, currency=project.currency
    )


def _wallet(project: Project) -> int:
    return ledger.account(Purpose.WALLET, holder=project.org_id, currency=project.currency)
