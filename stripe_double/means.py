"""What people pay with here: Stripe's documented test cards and test bank accounts, never a real
one. A means says how a payment with it goes now, and how when it is charged later without them.
"""

from dataclasses import dataclass, replace
from typing import Any

DEBIT_DAYS = 4
ADDRESS = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
CARD, US_BANK, SEPA = "card", "us_bank_account", "sepa_debit"


@dataclass(frozen=True, slots=True)
class Means:
    """`decline` is a decline code, or why a debit comes back after DEBIT_DAYS. `later` is how a
    saved one answers off session: one of LATER. `dispute` is the reason of a dispute at once.
    """

    number: str
    label: str
    kind: str = CARD
    name: str = ""
    decline: str = ""
    later: str = "ok"
    delay_days: int = 2
    dispute: str = ""

    @property
    def is_debit(self) -> bool:
        return self.kind != CARD


LATER = ("ok", "decline", "authentication_required", "processing")
CARDS = {
    "paid": Means("4242424242424242", "Succeeds; available after 2 days", name="pm_card_visa"),
    "available": Means(
        "4000000000000077",
        "Succeeds; available at once",
        name="pm_card_bypassPending",
        delay_days=0,
    ),
    "declined": Means(
        "4000000000000002",
        "Is declined",
        name="pm_card_chargeDeclined",
        decline="generic_decline",
        later="decline",
    ),
    "insufficient": Means(
        "4000000000009995",
        "Is declined: not enough money",
        name="pm_card_chargeDeclinedInsufficientFunds",
        decline="insufficient_funds",
        later="decline",
    ),
    "declined_later": Means(
        "4000000000000341",
        "Succeeds; is declined when charged later",
        name="pm_card_chargeCustomerFail",
        later="decline",
    ),
    "authenticate": Means(
        "4000002760003184",
        "Succeeds; must be confirmed by its owner when charged later",
        name="pm_card_authenticationRequired",
        later="authentication_required",
    ),
    "disputed": Means(
        "4000000000000259",
        "Succeeds; its owner disputes the payment",
        name="pm_card_createDispute",
        dispute="fraudulent",
    ),
}
US_DEBITS = {
    "debit": Means(
        "000123456789",
        f"Succeeds after {DEBIT_DAYS} days",
        kind=US_BANK,
        name="pm_usBankAccount_success",
    ),
    "debit_failed": Means(
        "000222222227",
        f"Comes back after {DEBIT_DAYS} days: not enough money",
        kind=US_BANK,
        name="pm_usBankAccount_insufficientFunds",
        decline="insufficient_funds",
    ),
}
SEPA_DEBITS = {
    "debit": replace(US_DEBITS["debit"], number="AT611904300234573201", kind=SEPA, name=""),
    "debit_failed": replace(
        US_DEBITS["debit_failed"], number="AT861904300235473202", kind=SEPA, name=""
    ),
}
DEBITS = {"usd": US_DEBITS, "eur": SEPA_DEBITS}
BY_NAME = {means.name: means for means in (*CARDS.values(), *US_DEBITS.values())}
BY_NUMBER = {
    means.number: means for means in (*CARDS.values(), *US_DEBITS.values(), *SEPA_DEBITS.values())
}
MESSAGES = {
    "generic_decline": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "authentication_required": "Your card was declined. This transaction requires authentication.",
}
DEBIT_MESSAGE = "The bank account has insufficient funds to complete the payment."


def choices(currency: str, kinds: list[str]) -> dict[str, Means]:
    """What a person may pick in a checkout of a currency, by outcome."""
    both = {**CARDS, **DEBITS.get(currency, {})}
    return {outcome: means for outcome, means in both.items() if means.kind in kinds}


def kinds(currency: str) -> list[str]:
    """The types of payment methods that a checkout of a currency offers."""
    return [CARD, *sorted({means.kind for means in DEBITS.get(currency, {}).values()})]


def processing_fee(amount: int, kind: str = CARD) -> int:
    """Cards 2.9% + 30 minor units, ACH 0.8% up to 500, SEPA 0.8% + 30 up to 600; half rounds up."""
    if kind == CARD:
        return (amount * 29 + 500) // 1000 + 30
    extra, most = (30, 600) if kind == SEPA else (0, 500)
    return min(most, (amount * 8 + 500) // 1000 + extra)


def shown(means: Means, *, on_charge: bool) -> dict[str, Any]:
    """The part of a payment method, or of a charge's details, that is named after its type."""
    last4 = means.number[-4:]
    if means.kind == CARD:
        card: dict[str, Any] = {
            "brand": "visa",
            "country": "US",
            "exp_month": 12,
            "exp_year": 2040,
            "fingerprint": fingerprint(means),
            "funding": "credit",
            "last4": last4,
        }
        return card | ({"network": "visa"} if on_charge else {})
    bank: dict[str, Any] = {"fingerprint": fingerprint(means), "last4": last4}
    if means.kind == SEPA:
        return {**bank, "bank_code": means.number[4:9], "branch_code": "", "country": "AT"}
    bank |= {"account_holder_type": "company", "account_type": "checking"}
    return {**bank, "bank_name": "STRIPE TEST BANK", "routing_number": "110000000"}


def fingerprint(means: Means) -> str:
    """The same for the same number, as Stripe's is."""
    return f"simulated{means.number[-12:]}"


def billing_details(email: str | None = None) -> dict[str, Any]:
    return {"address": ADDRESS, "email": email, "name": None, "phone": None, "tax_id": None}
