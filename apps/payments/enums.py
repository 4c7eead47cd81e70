"""States of money on its way from and to Stripe."""

from django.db import models


class FundingState(models.TextChoices):
    OPEN = "open"
    PAID = "paid"
    FAILED = "failed"
    EXPIRED = "expired"


FUNDING_TRANSITIONS: dict[str, frozenset[str]] = {
    FundingState.OPEN: frozenset({FundingState.PAID, FundingState.FAILED, FundingState.EXPIRED}),
    # A bank debit can fail first and be paid at a second try of the same session.
    FundingState.FAILED: frozenset({FundingState.PAID}),
    FundingState.EXPIRED: frozenset(),
    FundingState.PAID: frozenset(),
}


class PayoutState(models.TextChoices):
    REQUESTED = "requested"  # reserved in the ledger, call in the outbox
    TRANSFERRED = "transferred"  # at the connected account; booked
    PAID = "paid"  # at the bank; can still turn failed
    FAILED = "failed"  # the bank sent it back to the connected account
    REFUSED = "refused"  # Stripe refused the transfer; the money is payable again


PAYOUT_TRANSITIONS: dict[str, frozenset[str]] = {
    PayoutState.REQUESTED: frozenset({PayoutState.TRANSFERRED, PayoutState.REFUSED}),
    PayoutState.TRANSFERRED: frozenset({PayoutState.PAID, PayoutState.FAILED}),
    PayoutState.PAID: frozenset({PayoutState.FAILED}),
    PayoutState.FAILED: frozenset({PayoutState.PAID}),
    PayoutState.REFUSED: frozenset(),
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
