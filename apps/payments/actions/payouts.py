"""Earned money on its way out: reserved in the ledger, sent by the outbox, followed to the bank."""

import datetime as dt
import uuid

from django.db import connection, transaction
from django.db.models import QuerySet
from django.urls import reverse

from apps.accounts.models import ContributorProfile
from apps.audit import actions as audit
from apps.core.errors import Conflict, IllegalTransition, Invalid, TooMany, WagefileError
from apps.core.ids import derived
from apps.core.money import written
from apps.core.tasks import enqueue, one_at_a_time
from apps.core.tenancy import Actor, acting
from apps.ledger import actions as ledger
from apps.ledger.enums import Purpose, TransferKind
from apps.ledger.queries import find_account
from apps.notices import actions as notices
from apps.notices.enums import Kind as Notices
from apps.payments import gateway
from apps.payments.enums import PAYOUT_TRANSITIONS, PayoutState
from apps.payments.models import OutboxCall, Payout, StripeAccount
from apps.payments.permissions import check_can_be_paid, check_is_system
from apps.payments.queries import withdrawal_minimums
from apps.payments.rules import PAYOUT_WORDS

_NOTICES = {
    PayoutState.TRANSFERRED: Notices.PAYOUT_SENT,
    PayoutState.PAID: Notices.PAYOUT_ARRIVED,
    PayoutState.FAILED: Notices.PAYOUT_FAILED,
    PayoutState.REFUSED: Notices.PAYOUT_FAILED,
    PayoutState.REVERSED: Notices.PAYOUT_FAILED,
}
STOPPED = (
    "You told us that a change of your payout account was not yours. Nothing is paid out until an "
    "administrator has looked; your money stays payable."
)
OPEN_AT_STRIPE = (PayoutState.TRANSFERRED, PayoutState.PAID, PayoutState.FAILED)


def request_payout(
    *, by: Actor, now: dt.datetime, amount: int | None = None, currency: str = "USD"
) -> Payout:
    """Reserve earned money and send it; everything that is payable unless `amount` says less.

    Once a day, from the published minimum; a deactivated person is paid without a minimum. More
    than is payable is refused by the ledger.
    """
    user_id = check_can_be_paid(by)
    with transaction.atomic():
        account = _verified(user_id, now=now)
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        asked = Payout.objects.filter(user_id=user_id, is_automatic=False, created_at__gte=today)
        if asked.exclude(state=PayoutState.REFUSED).exists():
            raise TooMany("You can ask for one payout a day; the next one tomorrow (UTC).")
        payable = find_account(Purpose.PAYABLE, currency=currency, holder=user_id).available
        amount = payable if amount is None else amount
        _check_minimum(user_id, amount, currency)
        return _reserve(account, amount, currency, is_automatic=False, by=by, now=now)


def pay_weekly(*, by: Actor, now: dt.datetime) -> int:
    """A payout for everybody over the minimum; how many were reserved.

    People who cannot be paid yet are told, and stay payable. Running twice reserves nothing twice:
    what is reserved is no longer available.
    """
    check_is_system(by)
    with one_at_a_time("payments.weekly") as is_mine:
        due = list(withdrawal_minimums().items()) if is_mine else []
        return sum(
            _pay_one(user_id, available, currency, by=by, now=now)
            for currency, minimum in due
            for user_id, available in _payable(minimum, currency)
        )


def _pay_one(
    user_id: uuid.UUID, available: int, currency: str, *, by: Actor, now: dt.datetime
) -> bool:
    """Each person in a transaction of their own: one refusal keeps nobody else waiting."""
    with acting(by):
        try:
            with transaction.atomic():
                account = _verified(user_id, now=now)
                _reserve(account, available, currency, is_automatic=True, by=by, now=now)
        except WagefileError as error:
            _tell_unpaid(user_id, available, currency, error.sentence, now=now)
            return False
    return True


def _payable(minimum: int, currency: str) -> list[tuple[uuid.UUID, int]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT user_id, available FROM payments_payable(%s, %s) ORDER BY user_id",
            [minimum, currency],
        )
        return cursor.fetchall()


def _tell_unpaid(
    user_id: uuid.UUID, amount: int, currency: str, why: str, *, now: dt.datetime
) -> None:
    notices.tell(
        [user_id],
        kind=Notices.PAYOUT_WAITING,
        title=f"{written(amount, currency)} is waiting for you.",
        body=why,
        url=reverse("payments:payouts"),
        now=now,
    )


def _verified(user_id: uuid.UUID, *, now: dt.datetime) -> StripeAccount:
    """The person's connected account, locked: it orders the payouts of one person."""
    account = (
        StripeAccount.objects.select_for_update(of=("self",), no_key=True)
        .filter(user_id=user_id)
        .first()
    )
    if account is None or not account.is_verified:
        raise Conflict("Set up payouts with Stripe first; your money stays payable until then.")
    if account.stopped_at:
        raise Conflict(STOPPED)
    if account.wait_until and account.wait_until > now:
        raise Conflict(
            "Where your payouts go was changed. Nothing is paid out before "
            f"{account.wait_until:%-d %B %Y, %H:%M} UTC; your money stays payable."
        )
    return account


def _check_minimum(user_id: uuid.UUID, amount: int, currency: str) -> None:
    minimum = withdrawal_minimums().get(currency)
    if minimum is None:
        raise Invalid(f"Payouts in {currency} are not offered.", field="amount")
    if ContributorProfile.objects.filter(user_id=user_id, deactivated_at__isnull=False).exists():
        minimum = 1
    if amount < minimum:
        least = written(minimum, currency)
        raise Invalid(f"The smallest payout is {least}; smaller sums stay yours.", field="amount")


def _reserve(
    account: StripeAccount,
    amount: int,
    currency: str,
    *,
    is_automatic: bool,
    by: Actor,
    now: dt.datetime,
) -> Payout:
    """Payout, outbox call and pending transfer in one transaction: none without the others."""
    payout = Payout.objects.create(
        user_id=account.user_id,
        amount=amount,
        currency=currency,
        is_automatic=is_automatic,
        account_id=account.account_id,
        created_at=now,
    )
    reserve = derived(payout.id, "reserve")
    OutboxCall.objects.create(
        kind="transfer",
        subject_id=payout.id,
        ledger_transfer_id=reserve,
        idempotency_key=f"tr:{reserve}:1",
        params={
            "amount": amount,
            "currency": currency,
            "destination": account.account_id,
            "transfer_group": f"payout_{payout.id}",
            "metadata": {"payout": str(payout.id), "ledger_transfer": str(reserve)},
        },
        next_try_at=now,
        created_at=now,
    )
    _record(payout, "requested", by=by, now=now)
    ledger.post(
        [
            ledger.Entry(
                id=reserve,
                kind=TransferKind.PENDING,
                code="payout",
                at=now,
                amount=amount,
                currency=currency,
                debit=ledger.account(Purpose.PAYABLE, currency=currency, holder=account.user_id),
                credit=ledger.account(Purpose.STRIPE, currency=currency),
                subject=payout.id,
            )
        ]
    )
    enqueue("payments.push_outbox")
    return payout


def post(payout: Payout, transfer_id: str, *, by: Actor, now: dt.datetime) -> None:
    """Stripe has made the transfer. The row is locked by the caller."""
    payout.transfer_id, payout.transferred_at, payout.reason = transfer_id, now, ""
    _move(payout, PayoutState.TRANSFERRED, by=by, now=now)
    ledger.post([_resolve(payout, TransferKind.POST, now=now)])


def void(payout: Payout, why: str, *, by: Actor, now: dt.datetime) -> None:
    """Stripe has refused the transfer: the money is payable again. The row is locked."""
    payout.reason = why[:300]
    _move(payout, PayoutState.REFUSED, by=by, now=now)
    ledger.post([_resolve(payout, TransferKind.VOID, now=now)])


def note_taken_back(payout: Payout, amount: int, *, by: Actor, now: dt.datetime) -> None:
    """Stripe took money of it back from the connected account. The row is locked."""
    payout.reason = (
        f"{written(amount, payout.currency)} was taken back; it is payable to you again."
    )
    if payout.taken_back == payout.amount:
        _move(payout, PayoutState.REVERSED, by=by, now=now)
        return
    payout.save(update_fields=["reason"])
    _record(payout, "taken_back", by=by, now=now)
    notices.tell(
        [payout.user_id],
        kind=Notices.PAYOUT_FAILED,
        title=f"Part of a payout of {written(payout.amount, payout.currency)} was taken back.",
        body=payout.reason,
        url=reverse("payments:payouts"),
        now=now,
    )


def _resolve(payout: Payout, kind: TransferKind, *, now: dt.datetime) -> ledger.Entry:
    return ledger.Entry(
        id=derived(payout.id, str(kind)),
        kind=kind,
        code="payout",
        at=now,
        pending=derived(payout.id, "reserve"),
    )


def take_bank_payout(
    *, bank_payout_id: str, account_id: str, by: Actor, now: dt.datetime
) -> list[Payout]:
    """Ask Stripe how a bank payout of a connected account stands; the payouts of ours it carries.

    Pending and sent bank payouts are only noted; paid and failed ones move ours, in either order.
    """
    check_is_system(by)
    seen = gateway.read_bank_payout(bank_payout_id, account_id=account_id)
    carried = _carried_ids(seen, account_id)
    with transaction.atomic():
        payouts = list(
            Payout.objects.select_for_update(of=("self",), no_key=True)
            .filter(id__in=carried, state__in=OPEN_AT_STRIPE)
            .order_by("id")
        )
        ours = [payout for payout in payouts if _is_newest(payout, seen)]
        for payout in ours:
            _follow(payout, seen, by=by, now=now)
    return payouts


def _carried_ids(seen: gateway.BankPayout, account_id: str) -> list[uuid.UUID]:
    sent = Payout.objects.filter(account_id=account_id, currency=seen.currency).exclude(
        transfer_id=""
    )
    noted = list(sent.filter(bank_payout_id=seen.id).values_list("id", flat=True))
    if seen.is_automatic:
        transfers = _transfer_ids(seen.id, account_id)
        return [*noted, *sent.filter(transfer_id__in=transfers).values_list("id", flat=True)]
    return noted or _by_amount(sent.filter(bank_payout_id=""), seen.amount)


def _transfer_ids(bank_payout_id: str, account_id: str) -> list[str]:
    """Transfers inside a bank payout, and inside the failed ones whose money it sends again."""
    transfers: list[str] = []
    seen, todo = set(), [bank_payout_id]
    while todo:
        current = todo.pop()
        if current in seen:
            continue
        seen.add(current)
        inside = gateway.contents(current, account_id=account_id)
        transfers += inside.transfer_ids
        todo += inside.returned_payout_ids
    return transfers


def _by_amount(sent: QuerySet[Payout], amount: int) -> list[uuid.UUID]:
    """A bank payout made by hand names no transfers: the oldest ones that add up to it, or none."""
    rows = list(sent.filter(state=PayoutState.TRANSFERRED).order_by("transferred_at", "id"))
    taken: list[uuid.UUID] = []
    rest = amount
    for row in rows:
        if row.amount == amount:
            return [row.id]
        if row.amount <= rest:
            taken.append(row.id)
            rest -= row.amount
    return [] if rest else taken


def _is_newest(payout: Payout, seen: gateway.BankPayout) -> bool:
    """A late event of the failed first try must not overrule the second one."""
    if payout.bank_payout_id in ("", seen.id):
        return True
    noted = gateway.read_bank_payout(payout.bank_payout_id, account_id=payout.account_id)
    return noted.created <= seen.created


def _follow(payout: Payout, seen: gateway.BankPayout, *, by: Actor, now: dt.datetime) -> None:
    payout.bank_payout_id = seen.id
    target = {
        "paid": PayoutState.PAID,
        "failed": PayoutState.FAILED,
        "canceled": PayoutState.FAILED,
    }.get(seen.status)
    if target is None or target == payout.state:
        payout.save(update_fields=["bank_payout_id"])
        return
    payout.reason = seen.failure[:300] if target == PayoutState.FAILED else ""
    payout.paid_at = now if target == PayoutState.PAID else None
    _move(payout, target, by=by, now=now)


def _move(payout: Payout, target: PayoutState, *, by: Actor, now: dt.datetime) -> None:
    if target not in PAYOUT_TRANSITIONS[payout.state]:
        raise IllegalTransition(f"A payout that is {payout.state} cannot become {target}.")
    payout.state = target
    payout.save()
    _record(payout, str(target), by=by, now=now)
    notices.tell(
        [payout.user_id],
        kind=_NOTICES[target],
        title=f"Payout of {written(payout.amount, payout.currency)}: {PAYOUT_WORDS[target]}."[:200],
        body=payout.reason,
        url=reverse("payments:payouts"),
        now=now,
    )


def _record(payout: Payout, what: str, *, by: Actor, now: dt.datetime) -> None:
    data = {"amount": payout.amount, "currency": payout.currency}
    audit.record(audit.Event(f"payout.{what}", ("payout", payout.id), data=data), by=by, now=now)
