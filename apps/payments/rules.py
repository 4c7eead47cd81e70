"""Facts and plain words about payments: pure, without rows and without Stripe."""

import datetime as dt
import uuid
from decimal import Decimal

from apps.core.errors import Invalid
from apps.core.ids import derived
from apps.core.money import decimals

# Where a platform in the US, GB, EEA, CA or CH may pay contributors by itself (cross-border
# transfers, docs.stripe.com/connect/cross-border-payouts). Elsewhere needs a contract with Stripe.
# fmt: off
EEA = frozenset({
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE",
    "IS", "IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK",
})
# fmt: on
PAYABLE_COUNTRIES = frozenset({"US", "GB", "CA", "CH"}) | EEA

# Stripe charges at least 0.50 and at most eight digits of minor units.
FUNDING_MINIMUM = 100
FUNDING_MAXIMUM = 99_999_999

# Types of Stripe's balance transactions (docs.stripe.com/reports/balance-transaction-types).
CARD_CHARGES = frozenset({"charge"})
# A bank debit stands in Stripe's books, pending, from the day it is asked for; when it fails,
# a second line takes it back.
DEBITS = frozenset({"payment"})
FAILED_DEBITS = frozenset({"payment_failure_refund"})
CHARGES = CARD_CHARGES | DEBITS
REFUNDS = frozenset({"refund", "payment_refund"})
RETURNS = frozenset({"refund_failure"})
TRANSFERS = frozenset({"transfer"})
REVERSALS = frozenset({"transfer_refund", "transfer_cancel", "transfer_failure"})
# Taken and given back by disputes: their source is one.
DISPUTES = frozenset({"adjustment", "payment_reversal"})
# Money that only the operator gets or bears, and the code that it is booked under.
OPERATOR = {
    "stripe_fee": "stripe_fee",
    "stripe_fx_fee": "stripe_fee",
    "tax_fee": "stripe_fee",
    "network_cost": "stripe_fee",
    "topup": "operator_in",
    "topup_reversal": "operator_out",
    "payout": "operator_out",
    "payout_cancel": "operator_in",
    "payout_failure": "operator_in",
    # What a connected account could not bear (we bear negative balances), and what comes back.
    "connect_collection_transfer": "negative_balance",
    "reserve_transaction": "negative_balance",
    "reserved_funds": "negative_balance",
    "reserve_hold": "negative_balance",
    "reserve_release": "negative_balance",
}
BOOKINGS = uuid.uuid5(uuid.NAMESPACE_DNS, "balance-transactions.stripe.com")

# Stripe keeps an idempotency key for at least 24 hours; within a day the tries come close together.
FIRST_WAIT = dt.timedelta(seconds=10)
LONGEST_WAIT = dt.timedelta(minutes=30)
WEEKLY_DAY, WEEKLY_HOUR = 0, 6  # Monday 06:00 UTC, as CELERY_BEAT_SCHEDULE has it

FUNDING_WORDS = {
    "open": "Not paid yet",
    "pending": "A bank debit is on its way; it counts when it has arrived, which takes days",
    "paid": "In the wallet",
    "failed": "The payment failed; no money moved",
    "expired": "The checkout expired unpaid; no money moved",
}
REFUND_WORDS = {
    "waiting": "On its way to the payment method it came from",
    "done": "Refunded",
    "refused": "Refused; the money is in the wallet again",
}
PAYOUT_WORDS = {
    "requested": "Reserved for you; goes to Stripe as soon as the balance there is available",
    "transferred": "At your Stripe account; Stripe sends it to your bank",
    "paid": "Sent to your bank. A bank can still return it within five business days",
    "failed": "Your bank returned it; it waits in your Stripe account until you give a working one",
    "refused": "Stripe refused it; the money is payable to you again",
    "reversed": "Taken back from your Stripe account; the money is payable to you again",
}
DISPUTE_WORDS = {
    "open": "Disputed: the payer's bank asks for the money back, and nothing is decided",
    "won": "Decided for you; what was taken is back",
    "lost": "Decided for the payer; the money is gone",
    "closed": "Ended without a loss",
}
# Stripe's words for the end of a dispute; every other one, known or not, means that it goes on.
DISPUTE_ENDS = {
    "won": "won",
    "lost": "lost",
    "warning_closed": "closed",
    "prevented": "closed",
}
CORRECTION_WORDS = {
    "asked": "Waits for an administrator to propose it",
    "proposed": "Waits for a second administrator",
    "approved": "Approved; on its way to Stripe",
    "done": "Done",
    "refused": "Refused",
    "failed": "Stripe refused it; nothing was booked",
}
REQUIREMENT_WORDS = {
    "given_name": "your first name",
    "surname": "your last name",
    "email": "your e-mail address",
    "phone": "your phone number",
    "date_of_birth": "your date of birth",
    "address": "your address",
    "id_numbers": "an identification number",
    "documents": "an identity document",
    "external_account": "a bank account or card to be paid to",
    "terms_of_service": "your consent to Stripe's terms",
    "business_details": "details about your business",
    "relationship": "your relationship to the business",
}


def wait(tries: int) -> dt.timedelta:
    """How long after the nth try the next one comes: doubling, at most LONGEST_WAIT."""
    return min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(max(tries - 1, 0), 12))


def minor(amount: Decimal, currency: str) -> int:
    """A typed amount in minor units; more decimals than the currency has are refused."""
    scaled = amount.scaleb(decimals(currency))
    if scaled != scaled.to_integral_value():
        raise Invalid(f"{currency} has {decimals(currency)} decimals.", field="amount")
    return int(scaled)


def next_weekly(now: dt.datetime) -> dt.datetime:
    """When the next automatic payout is."""
    at = now.replace(hour=WEEKLY_HOUR, minute=0, second=0, microsecond=0)
    at += dt.timedelta(days=(WEEKLY_DAY - at.weekday()) % 7)
    return at if at > now else at + dt.timedelta(days=7)


def in_words(requirements: list[str]) -> list[str]:
    """Stripe's codes (`identity.individual.given_name`) as things to give, each once."""
    words: dict[str, None] = {}
    for code in requirements:
        known = [REQUIREMENT_WORDS[part] for part in code.split(".") if part in REQUIREMENT_WORDS]
        words[known[0] if known else code.rsplit(".", 1)[-1].replace("_", " ")] = None
    return list(words)


def booking_base(txn_id: str) -> uuid.UUID:
    """What the ledger ids of a balance transaction's own bookings are derived from."""
    return derived(BOOKINGS, txn_id)


def unspent_parts(fundings: list[tuple[uuid.UUID, int]], available: int) -> dict[uuid.UUID, int]:
    """(funding, what is left to be refunded of it) from old to new → how much of each still lies in
    the wallet, of which `available` is free. The oldest money is spent first.
    """
    parts: dict[uuid.UUID, int] = {}
    for funding_id, left in reversed(fundings):
        part = min(left, available)
        if part > 0:
            parts[funding_id] = part
            available -= part
    return parts
