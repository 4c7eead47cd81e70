"""Money that moves only when two administrators say so: one proposes, another one decides.

A correction is a transfer of its own, never an edit of an earlier one. Earned money is out of
reach: the ledger lets it leave towards its owner's bank only.
"""

import datetime as dt
import uuid

from django.db import IntegrityError, transaction
from django.urls import reverse

from apps.accounts.queries import staff_ids
from apps.audit import actions as audit
from apps.core.errors import Conflict, IllegalTransition, Invalid, NotAllowed, NotThere
from apps.core.ids import derived
from apps.core.money import written
from apps.core.tasks import enqueue
from apps.core.tenancy import Actor
from apps.ledger import actions as ledger
from apps.ledger.enums import Purpose, TransferKind
from apps.notices import actions as notices
from apps.notices.enums import Kind as Notices
from apps.organizations.enums import Permission
from apps.organizations.models import Organization
from apps.organizations.queries import people_with
from apps.payments.actions import refunds
from apps.payments.enums import (
    CORRECTION_TRANSITIONS,
    CorrectionKind,
    CorrectionState,
    PayoutState,
)
from apps.payments.models import Correction, OutboxCall, Payout
from apps.payments.permissions import check_can_move_money, check_is_administrator
from apps.payments.queries import owed_after_chargebacks
from apps.payments.rules import CORRECTION_WORDS

GROUNDS_MINIMUM = 20
# Whose money, and so what has to be named.
OF_BUYER = frozenset(
    {CorrectionKind.CREDIT_BUYER, CorrectionKind.CHARGE_BUYER, CorrectionKind.WRITE_OFF}
)


def ask_for_refund(*, org_id: uuid.UUID, amount: int, by: Actor, now: dt.datetime) -> Correction:
    """A refund over the limit: two administrators look first. Nothing is reserved until then."""
    asker = check_can_move_money(by, org_id=org_id)
    with transaction.atomic():
        org = Organization.objects.visible_to(by).filter(id=org_id).first()
        if org is None:
            raise NotThere("There is no such organization.")
        if org.frozen_at is not None:
            raise Conflict(refunds.FROZEN)
        refunds.split(org, amount)
        row = Correction(
            kind=CorrectionKind.REFUND,
            state=CorrectionState.ASKED,
            org=org,
            amount=amount,
            currency=org.currency,
            asked_by_id=asker,
            created_at=now,
        )
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError as error:
            raise Conflict("A refund over the limit waits already; one at a time.") from error
        _record(row, "asked", by=by, now=now)
        _tell_staff(row, but=None, now=now)
    return row


def propose(
    *,
    kind: str,
    amount: int,
    reason: str,
    evidence: str,
    by: Actor,
    now: dt.datetime,
    org_id: uuid.UUID | None = None,
    user_id: uuid.UUID | None = None,
    payout_id: uuid.UUID | None = None,
    currency: str = "USD",
) -> Correction:
    """One administrator writes down what should move, why, and where that can be checked."""
    proposer = check_is_administrator(by)
    if kind not in CorrectionKind.values or kind == CorrectionKind.REFUND:
        raise Invalid("Choose what is corrected.", field="kind")
    if amount <= 0:
        raise Invalid("A correction is more than nothing.", field="amount")
    _check_grounds(reason, evidence)
    row = Correction(
        kind=kind,
        amount=amount,
        currency=currency,
        reason=reason.strip(),
        evidence=evidence.strip(),
        proposed_by_id=proposer,
        created_at=now,
        proposed_at=now,
    )
    _name_subject(row, org_id=org_id, user_id=user_id, payout_id=payout_id)
    _check_not_own(row, proposer)
    with transaction.atomic():
        row.save(force_insert=True)
        _record(row, "proposed", by=by, now=now)
        _tell_staff(row, but=proposer, now=now)
    return row


def _check_grounds(reason: str, evidence: str) -> None:
    for field, text in (("reason", reason), ("evidence", evidence)):
        if len(text.strip()) < GROUNDS_MINIMUM:
            raise Invalid(
                f"Write at least {GROUNDS_MINIMUM} characters: another administrator has to be "
                "able to check it.",
                field=field,
            )


def _name_subject(
    row: Correction,
    *,
    org_id: uuid.UUID | None,
    user_id: uuid.UUID | None,
    payout_id: uuid.UUID | None,
) -> None:
    if row.kind in OF_BUYER:
        org = Organization.objects.filter(id=org_id).first() if org_id else None
        if org is None:
            raise Invalid("Name the organization by its address.", field="whom")
        row.org, row.currency = org, org.currency
    elif row.kind == CorrectionKind.CREDIT_CONTRIBUTOR:
        if user_id is None:
            raise Invalid("Name the contributor by the e-mail address.", field="whom")
        row.user_id = user_id
    else:
        payout = Payout.objects.filter(id=payout_id).first() if payout_id else None
        if payout is None or not payout.transfer_id:
            raise Invalid("Name a payout that Stripe has transferred.", field="whom")
        if row.amount > payout.amount - payout.taken_back:
            raise Invalid("More than the payout has left.", field="amount")
        row.payout, row.user_id, row.currency = payout, payout.user_id, payout.currency


def _check_not_own(row: Correction, staff_id: uuid.UUID) -> None:
    if staff_id in (row.user_id, row.asked_by_id):
        raise NotAllowed("Nobody corrects their own money.")


def back_refund(
    *, correction_id: uuid.UUID, reason: str, evidence: str, by: Actor, now: dt.datetime
) -> Correction:
    """The first administrator proposes what a buyer has asked for; a second one decides."""
    proposer = check_is_administrator(by)
    _check_grounds(reason, evidence)
    with transaction.atomic():
        row = _locked(correction_id, by)
        _check_not_own(row, proposer)
        row.reason, row.evidence = reason.strip(), evidence.strip()
        row.proposed_by_id, row.proposed_at = proposer, now
        _move(row, CorrectionState.PROPOSED, by=by, now=now)
        _tell_staff(row, but=proposer, now=now)
    return row


def decide(
    *, correction_id: uuid.UUID, is_approved: bool, decision: str, by: Actor, now: dt.datetime
) -> Correction:
    """The second administrator. PostgreSQL refuses the one who proposed it."""
    decider = check_is_administrator(by)
    if len(decision.strip()) < GROUNDS_MINIMUM:
        raise Invalid(f"Write at least {GROUNDS_MINIMUM} characters.", field="decision")
    with transaction.atomic():
        row = _locked(correction_id, by)
        _check_not_own(row, decider)
        if row.proposed_by_id == decider:
            raise NotAllowed("Another administrator decides what you have proposed.")
        if is_approved and row.state == CorrectionState.ASKED:
            raise Conflict("An administrator has to propose it first.")
        row.decided_by_id, row.decided_at, row.decision = decider, now, decision.strip()
        if not is_approved:
            _move(row, CorrectionState.REFUSED, by=by, now=now)
        elif row.kind == CorrectionKind.REVERSAL:
            _move(row, CorrectionState.APPROVED, by=by, now=now)
            _ask_stripe(row, now=now)
        else:
            _move(row, CorrectionState.DONE, by=by, now=now)
            _carry_out(row, by=by, now=now)
    return row


def _carry_out(row: Correction, *, by: Actor, now: dt.datetime) -> None:
    if row.kind == CorrectionKind.REFUND:
        org = Organization.objects.get(id=row.buyer_id)
        parts = refunds.split(org, row.amount)
        refunds.send_back(org, parts, asked_by=row.asked_by_id, by=by, now=now)
        return
    if row.kind == CorrectionKind.WRITE_OFF:
        owed = owed_after_chargebacks(row.buyer_id).get(row.currency, 0)
        if row.amount > owed:
            raise Conflict(f"They owe {written(owed, row.currency)} only.")
    capital = ledger.account(Purpose.CAPITAL, currency=row.currency)
    purpose = {
        CorrectionKind.CREDIT_CONTRIBUTOR: Purpose.PAYABLE,
        CorrectionKind.WRITE_OFF: Purpose.RECEIVABLE,
    }.get(CorrectionKind(row.kind), Purpose.WALLET)
    other = ledger.account(purpose, currency=row.currency, holder=row.org_id or row.user_id)
    is_charge = row.kind == CorrectionKind.CHARGE_BUYER
    ledger.post(
        [
            ledger.Entry(
                id=derived(row.id, "moved"),
                kind=TransferKind.POSTED,
                code="correction",
                at=now,
                amount=row.amount,
                currency=row.currency,
                debit=other if is_charge else capital,
                credit=capital if is_charge else other,
                subject=row.id,
            )
        ]
    )


def _ask_stripe(row: Correction, *, now: dt.datetime) -> None:
    payout = Payout.objects.select_for_update(of=("self",), no_key=True).get(
        id=row.payout_taken_back_id
    )
    if payout.state in {PayoutState.REQUESTED, PayoutState.REFUSED, PayoutState.REVERSED}:
        raise Conflict("Stripe holds nothing of this payout that could be taken back.")
    booked = derived(row.id, "reversal")
    OutboxCall.objects.create(
        kind="reversal",
        subject_id=row.id,
        ledger_transfer_id=booked,
        idempotency_key=f"trr:{booked}:1",
        params={
            "transfer": payout.transfer_id,
            "amount": row.amount,
            "currency": row.currency,
            "metadata": {"correction": str(row.id), "payout": str(payout.id)},
        },
        next_try_at=now,
        created_at=now,
    )
    enqueue("payments.push_outbox")


def finish(row: Correction, *, by: Actor, now: dt.datetime) -> None:
    """Stripe has done what was approved. The row is locked by the caller."""
    _move(row, CorrectionState.DONE, by=by, now=now)


def fail(row: Correction, why: str, *, by: Actor, now: dt.datetime) -> None:
    """Stripe has refused it. The row is locked by the caller."""
    _move(row, CorrectionState.FAILED, by=by, now=now, why=why)


def _locked(correction_id: uuid.UUID, by: Actor) -> Correction:
    rows = Correction.objects.visible_to(by).select_for_update(of=("self",), no_key=True)
    row = rows.filter(id=correction_id).first()
    if row is None:
        raise NotThere("There is no such correction.")
    return row


def _move(
    row: Correction, target: CorrectionState, *, by: Actor, now: dt.datetime, why: str = ""
) -> None:
    if target not in CORRECTION_TRANSITIONS[row.state]:
        raise IllegalTransition(f"A correction that is {row.state} cannot become {target}.")
    row.state = target
    row.save()
    _record(row, str(target), by=by, now=now)
    if target not in (CorrectionState.PROPOSED, CorrectionState.APPROVED):
        _tell_concerned(row, why, now=now)


def _tell_staff(row: Correction, *, but: uuid.UUID | None, now: dt.datetime) -> None:
    notices.tell(
        [person for person in staff_ids() if person != but],
        kind=Notices.STAFF_CORRECTION,
        title=f"{row.get_kind_display()}: {written(row.amount, row.currency)}",
        body=f"{CORRECTION_WORDS[row.state]}.",
        url=reverse("payments:staff_money"),
        now=now,
    )


def _tell_concerned(row: Correction, why: str, *, now: dt.datetime) -> None:
    amount, words = written(row.amount, row.currency), CORRECTION_WORDS[row.state].lower()
    title = f"{row.get_kind_display()}, {amount}: {words}."
    body = why or row.decision
    if row.org_id:
        notices.tell(
            people_with(Permission.MOVE_MONEY, org_id=row.org_id),
            kind=Notices.REFUND,
            title=title,
            body=body,
            url=reverse("payments:wallet", args=[row.org_id]),
            now=now,
        )
    elif row.user_id and row.state == CorrectionState.DONE and row.payout_id is None:
        notices.tell(
            [row.user_id],
            kind=Notices.PAYOUT_WAITING,
            title=f"{amount} was credited to you by a correction.",
            body=row.reason,
            url=reverse("payments:payouts"),
            now=now,
        )
    if row.state == CorrectionState.FAILED:
        _tell_staff(row, but=None, now=now)


def _record(row: Correction, what: str, *, by: Actor, now: dt.datetime) -> None:
    data = {"kind": row.kind, "amount": row.amount, "currency": row.currency}
    event = audit.Event(f"correction.{what}", ("correction", row.id), row.org_id, data)
    audit.record(event, by=by, now=now)
