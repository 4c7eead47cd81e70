"""States of money on its way from and to Stripe."""

from django.db import models


class FundingState(models.TextChoices):
    OPEN = "open"
    PENDING = "pending"  # a bank debit on its way: days, and nothing is booked
    PAID = "paid"
    FAILED = "failed"
    EXPIRED = "expired"


FUNDING_TRANSITIONS: dict[str, frozenset[str]] = {
    FundingState.OPEN: frozenset(
        {
            FundingState.PENDING,
            FundingState.PAID,
            FundingState.FAILED,
            FundingState.EXPIRED,
        }
    ),
    FundingState.PENDING: frozenset({FundingState.PAID, FundingState.FAILED}),
    # A bank debit can fail first and be paid at a second try of the same session.
    FundingState.FAILED: frozenset({FundingState.PAID, FundingState.PENDING}),
    FundingState.EXPIRED: frozenset(),
    FundingState.PAID: frozenset(),
}


class PayoutState(models.TextChoices):
    REQUESTED = "requested"  # reserved in the ledger, call in the outbox
    TRANSFERRED = "transferred"  # at the connected account; booked
    PAID = "paid"  # at the bank; can still turn failed
    FAILED = "failed"  # the bank sent it back to the connected account
    REFUSED = "refused"  # Stripe refused the transfer; the money is payable again
    REVERSED = "reversed"  # taken back from the connected account whole; payable again


PAYOUT_TRANSITIONS: dict[str, frozenset[str]] = {
    PayoutState.REQUESTED: frozenset({PayoutState.TRANSFERRED, PayoutState.REFUSED}),
    PayoutState.TRANSFERRED: frozenset(
        {PayoutState.PAID, PayoutState.FAILED, PayoutState.REVERSED}
    ),
    PayoutState.PAID: frozenset({PayoutState.FAILED, PayoutState.REVERSED}),
    PayoutState.FAILED: frozenset({PayoutState.PAID, PayoutState.REVERSED}),
    PayoutState.REFUSED: frozenset(),
    PayoutState.REVERSED: frozenset(),
}


class CallState(models.TextChoices):
    WAITING = "waiting"
    DONE = "done"
    REFUSED = "refused"


CALL_TRANSITIONS: dict[str, frozenset[str]] = {
    CallState.WAITING: frozenset({CallState.DONE, CallState.REFUSED}),
    CallState.DONE: frozenset(),
    CallState.REFUSED: frozenset(),
}


class DisputeState(models.TextChoices):
    """What a dispute is to us; Stripe's own word, known or not, stands beside it."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"
    CLOSED = "closed"  # an inquiry that ended, or a dispute that was prevented: no loss


DISPUTE_TRANSITIONS: dict[str, frozenset[str]] = {
    DisputeState.OPEN: frozenset({DisputeState.WON, DisputeState.LOST, DisputeState.CLOSED}),
    # A lost dispute can be appealed, and an inquiry can become a dispute after all.
    DisputeState.LOST: frozenset({DisputeState.OPEN, DisputeState.WON}),
    DisputeState.CLOSED: frozenset({DisputeState.OPEN, DisputeState.LOST}),
    DisputeState.WON: frozenset({DisputeState.OPEN, DisputeState.LOST}),
}


# Stripe refunds no payment that a bank asks back or has got back.
NOT_REFUNDABLE = (DisputeState.OPEN, DisputeState.LOST)


class CorrectionKind(models.TextChoices):
    """What two administrators decide together."""

    REFUND = "refund", "Refund over the limit"
    CREDIT_CONTRIBUTOR = "credit_contributor", "Credit a contributor"
    CREDIT_BUYER = "credit_buyer", "Credit a buyer's wallet"
    CHARGE_BUYER = "charge_buyer", "Charge a buyer's wallet"
    WRITE_OFF = "write_off", "Write off what a buyer owes after a chargeback"
    REVERSAL = "reversal", "Take a payout back from the connected account"


class CorrectionState(models.TextChoices):
    ASKED = "asked"  # by a buyer: no administrator has proposed it yet
    PROPOSED = "proposed"  # by one administrator, for another one
    APPROVED = "approved"  # decided; Stripe has still to do it
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"  # Stripe refused it; nothing was booked


CORRECTION_TRANSITIONS: dict[str, frozenset[str]] = {
    CorrectionState.ASKED: frozenset({CorrectionState.PROPOSED, CorrectionState.REFUSED}),
    CorrectionState.PROPOSED: frozenset(
        {CorrectionState.APPROVED, CorrectionState.DONE, CorrectionState.REFUSED}
    ),
    CorrectionState.APPROVED: frozenset({CorrectionState.DONE, CorrectionState.FAILED}),
    CorrectionState.DONE: frozenset(),
    CorrectionState.REFUSED: frozenset(),
    CorrectionState.FAILED: frozenset(),
}
