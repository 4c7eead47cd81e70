"""Chargebacks: the buyer's money is frozen, the loss booked, the people concerned told.

What Stripe takes for a dispute stands in its own books, and is booked from there: from `receivable`
of the organization, which then owes it. What is owed is collected from the wallet and from what
projects hold unreserved, and from nothing else: accepted work stays paid, reserves stay reserved.
Money that comes back after a dispute is won goes where it was collected.
"""

import datetime as dt
import logging
import uuid
from dataclasses import replace

from django.db import connection, transaction
from django.urls import reverse

from apps.accounts.queries import staff_ids
from apps.audit import actions as audit
from apps.core.errors import IllegalTransition, WagefileError
from apps.core.ids import derived, uuid7
from apps.core.money import written
from apps.core.tenancy import Actor, acting, system
from apps.ledger import actions as ledger
from apps.ledger.enums import Purpose, TransferKind
from apps.ledger.errors import InsufficientFunds
from apps.ledger.queries import AccountRow, find_account, moves_of
from apps.notices import actions as notices
from apps.notices.enums import Kind as Notices
from apps.organizations import actions as organizations
from apps.organizations.enums import Permission
from apps.organizations.models import Organization
from apps.organizations.queries import people_with
from apps.payments import gateway
from apps.payments.actions.storing import booking, store
from apps.payments.enums import DISPUTE_TRANSITIONS, DisputeState
from apps.payments.errors import UnmatchedEventError
from apps.payments.models import Dispute, Funding
from apps.payments.permissions import check_is_system
from apps.payments.queries import owed_after_chargebacks
from apps.payments.rules import DISPUTE_ENDS, DISPUTE_WORDS
from apps.projects import actions as projects
from apps.projects.enums import ProjectState
from apps.projects.models import Project
from apps.projects.queries import funds, wallet

log = logging.getLogger(__name__)


def check_dispute(*, stripe_id: str, now: dt.datetime) -> Dispute:
    """Ask Stripe how a dispute stands and follow; in several transactions, each whole by itself.

    UnmatchedEventError while the disputed payment is none of ours, or not booked yet. Opens its own
    transactions: call it outside of one.
    """
    seen = gateway.read_dispute(stripe_id)
    with acting(system()):
        funding = Funding.objects.filter(
            payment_intent_id=seen.payment_intent_id, paid_at__isnull=False
        ).first()
    if funding is None or not seen.payment_intent_id:
        raise UnmatchedEventError("The disputed payment is not booked here.")
    with acting(system(funding.org_id)) as by:
        dispute = _follow(funding, seen, by=by, now=now)
    settle_chargebacks(org_id=funding.org_id, now=now)
    return dispute


def _follow(funding: Funding, seen: gateway.SeenDispute, *, by: Actor, now: dt.datetime) -> Dispute:
    """The row, its state, and a booking for each line of it in Stripe's books."""
    with transaction.atomic():
        dispute, is_new = Dispute.objects.select_for_update(
            of=("self",), no_key=True
        ).get_or_create(
            stripe_id=seen.id,
            defaults={
                "org_id": funding.org_id,
                "funding": funding,
                "stripe_status": seen.status[:40],
                "reason": seen.reason[:60],
                "amount": seen.amount,
                "currency": seen.currency,
                "opened_at": seen.opened_at,
                "evidence_due_at": seen.evidence_due_at,
            },
        )
        if is_new:
            _record(dispute, "opened", by=by, now=now)
            _tell(dispute, now=now)
        dispute.stripe_status = seen.status[:40]
        dispute.evidence_due_at = seen.evidence_due_at
        dispute.withdrawn = -sum(txn.net for txn in seen.txns if txn.net < 0)
        dispute.reinstated = sum(txn.net for txn in seen.txns if txn.net > 0)
        dispute.save()
        target = DisputeState(DISPUTE_ENDS.get(seen.status, DisputeState.OPEN))
        if target != dispute.state:
            _move(dispute, target, by=by, now=now)
        with acting(system()):
            store(seen.txns)
        entries = [entry for txn in seen.txns for entry in _lines(dispute, txn, now=now)]
        ledger.post(entries)
    return dispute


def _lines(dispute: Dispute, txn: gateway.Txn, *, now: dt.datetime) -> list[ledger.Entry]:
    """The organization owes what Stripe took, and no longer owes what Stripe gave back."""
    receivable = ledger.account(Purpose.RECEIVABLE, currency=txn.currency, holder=dispute.org_id)
    parts = (("amount", "chargeback", txn.amount), ("fee", "chargeback_fee", -txn.fee))
    return [
        booking(txn.id, step, code, amount, txn.currency, against=receivable, now=now)
        for step, code, amount in parts
        if amount
    ]


def settle_chargebacks(*, org_id: uuid.UUID, now: dt.datetime) -> None:
    """Freeze, collect, give back or thaw: whatever the disputes of an organization ask for now.

    Called after each news of a dispute and by the sweep. In steps that commit by themselves: the
    flag before projects are paused, since publishing holds the row of the organization meanwhile,
    so what it makes live is found; and the thaw apart from the ledger's locks, which it waits for.
    """
    with acting(system(org_id)) as by:
        _alone(org_id)
        if _is_unsettled(org_id):
            organizations.freeze(org_id=org_id, by=by, now=now)
    with acting(system(org_id)) as by:
        if Organization.objects.filter(id=org_id, frozen_at__isnull=False).exists():
            projects.freeze_projects(org_id=org_id, by=by, now=now)
    with acting(system(org_id)):
        for currency in _currencies(org_id):
            _collect(org_id, currency, now=now)
            _give_back(org_id, currency, now=now)
    with acting(system(org_id)) as by:
        _alone(org_id)
        if _is_unsettled(org_id):
            return
        Dispute.objects.filter(org_id=org_id, settled_at=None).update(settled_at=now)
        is_thawed = organizations.thaw(org_id=org_id, by=by, now=now)
    if is_thawed:
        with acting(system(org_id)) as by:
            projects.thaw_projects(org_id=org_id, by=by, now=now)
            _tell_thawed(org_id, now=now)


def _is_unsettled(org_id: uuid.UUID) -> bool:
    """A dispute is open, or its loss is still owed."""
    is_open = Dispute.objects.filter(org_id=org_id, state=DisputeState.OPEN).exists()
    return is_open or bool(owed_after_chargebacks(org_id))


def sweep_chargebacks(*, now: dt.datetime) -> None:
    """What is not settled yet: money may have come in, or be free that was reserved."""
    with acting(system()):
        unsettled = Dispute.objects.filter(settled_at=None).order_by("org_id")
        org_ids = list(unsettled.values_list("org_id", flat=True).distinct())
    for org_id in org_ids:
        try:
            settle_chargebacks(org_id=org_id, now=now)
        except WagefileError as error:
            log.warning("chargebacks of %s: %s", org_id, error.sentence)


def _currencies(org_id: uuid.UUID) -> list[str]:
    rows = Dispute.objects.filter(org_id=org_id, settled_at=None).order_by("currency")
    return list(rows.values_list("currency", flat=True).distinct())


def _alone(org_id: uuid.UUID) -> None:
    """Two who collect or give back for one organization at once would do it twice."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"chargebacks:{org_id}"]
        )


def _collect(org_id: uuid.UUID, currency: str, *, now: dt.datetime) -> None:
    """What is owed, from the wallet, then what projects hold unreserved; never from reserves."""
    with transaction.atomic():
        _alone(org_id)
        owed = owed_after_chargebacks(org_id).get(currency, 0)
        for account in _sources(org_id, currency) if owed else []:
            amount = min(account.available, owed)
            if amount <= 0:
                continue
            entry = ledger.Entry(
                id=uuid7(),
                kind=TransferKind.POSTED,
                code="chargeback_collected",
                at=now,
                amount=amount,
                currency=currency,
                debit=account.id,
                credit=ledger.account(Purpose.RECEIVABLE, currency=currency, holder=org_id),
                scope=account.scope_id,
                subject=org_id,
            )
            try:
                ledger.post([entry])
            except InsufficientFunds:
                continue  # Reserved by somebody a moment ago; the next sweep looks again.
            owed -= amount


def _sources(org_id: uuid.UUID, currency: str) -> list[AccountRow]:
    org = Organization.objects.get(id=org_id)
    found = [wallet(org, currency)]
    for project in Project.objects.filter(org_id=org_id, currency=currency).order_by("id"):
        account = funds(project)
        found += [account.held, account.seats]
    return found


def _give_back(org_id: uuid.UUID, currency: str, *, now: dt.datetime) -> None:
    """Stripe gave back more than is owed: the rest goes where it was collected, the last first.

    A project that is closed by now has no use for it, and hands it on to the wallet.
    """
    with transaction.atomic():
        _alone(org_id)
        account = find_account(Purpose.RECEIVABLE, currency=currency, holder=org_id)
        moves = moves_of(account)
        spare = sum(move.signed for move in moves)
        returned: dict[uuid.UUID | None, int] = {}
        for move in moves:
            if move.code == "chargeback_returned":
                returned[move.reverses_id] = returned.get(move.reverses_id, 0) + move.amount
        closed = set(
            Project.objects.filter(org_id=org_id, state=ProjectState.CLOSED).values_list(
                "id", flat=True
            )
        )
        entries = []
        for move in reversed(moves):
            left = move.amount - returned.get(move.id, 0)
            amount = min(spare, left) if move.code == "chargeback_collected" else 0
            if amount <= 0:
                continue
            spare -= amount
            booking = ledger.Entry(
                id=derived(move.id, "returned", returned.get(move.id, 0)),
                kind=TransferKind.POSTED,
                code="chargeback_returned",
                at=now,
                amount=amount,
                currency=currency,
                debit=account.id,
                credit=move.other_id,
                reverses=move.id,
                scope=move.scope_id,
                subject=org_id,
            )
            entries.append(booking)
            if move.scope_id in closed:
                entries.append(
                    replace(
                        booking,
                        id=derived(booking.id, "unspent"),
                        code="return_unspent",
                        debit=move.other_id,
                        credit=ledger.account(Purpose.WALLET, currency=currency, holder=org_id),
                        reverses=None,
                    )
                )
        ledger.post(entries)


def _move(dispute: Dispute, target: DisputeState, *, by: Actor, now: dt.datetime) -> None:
    if target not in DISPUTE_TRANSITIONS[dispute.state]:
        raise IllegalTransition(f"A dispute that is {dispute.state} cannot become {target}.")
    dispute.state = target
    dispute.decided_at = None if target == DisputeState.OPEN else now
    dispute.settled_at = None
    dispute.save(update_fields=["state", "decided_at", "settled_at"])
    _record(dispute, str(target), by=by, now=now)
    _tell(dispute, now=now)


def _tell(dispute: Dispute, *, now: dt.datetime) -> None:
    amount = written(dispute.amount, dispute.currency)
    title = f"Payment of {amount}: {DISPUTE_WORDS[dispute.state].split(':')[0].lower()}."
    url = reverse("payments:dispute", args=[dispute.id])
    is_open = dispute.state == DisputeState.OPEN
    body = (
        "Until it is decided the wallet and what projects hold unreserved are frozen: no new "
        "claims, refunds, top-ups or publishing. Work that is claimed goes on and stays paid."
        if is_open
        else f"{DISPUTE_WORDS[dispute.state]}."
    )
    due_at = dispute.evidence_due_at if is_open else None
    people = {
        *people_with(Permission.MOVE_MONEY, org_id=dispute.org_id),
        *people_with(Permission.MANAGE_PROJECTS, org_id=dispute.org_id),
    }
    notices.tell(
        sorted(people),
        kind=Notices.CHARGEBACK,
        title=title,
        body=body,
        url=url,
        due_at=due_at,
        now=now,
    )
    notices.tell(
        staff_ids(),
        kind=Notices.STAFF_CHARGEBACK,
        title=f"Dispute of {amount}: {dispute.stripe_status}",
        body="The evidence is given at Stripe.",
        url=url,
        due_at=due_at,
        now=now,
    )


def _tell_thawed(org_id: uuid.UUID, *, now: dt.datetime) -> None:
    people = {
        *people_with(Permission.MOVE_MONEY, org_id=org_id),
        *people_with(Permission.MANAGE_PROJECTS, org_id=org_id),
    }
    notices.tell(
        sorted(people),
        kind=Notices.CHARGEBACK,
        title="The wallet is free again.",
        body="Projects that the chargeback had paused take new work again.",
        url=reverse("payments:wallet", args=[org_id]),
        now=now,
    )


def _record(dispute: Dispute, what: str, *, by: Actor, now: dt.datetime) -> None:
    data = {"amount": dispute.amount, "currency": dispute.currency, "word": dispute.stripe_status}
    event = audit.Event(f"chargeback.{what}", ("dispute", dispute.id), dispute.org_id, data)
    audit.record(event, by=by, now=now)


def note_workers_told(*, dispute_id: uuid.UUID, by: Actor, now: dt.datetime) -> None:
    """The floor above has told the people with open work."""
    check_is_system(by)
    Dispute.objects.filter(id=dispute_id, workers_told_at=None).update(workers_told_at=now)
