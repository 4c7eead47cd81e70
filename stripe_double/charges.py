"""Charges: what a payment intent makes of a payment method, at once or, for a debit, in days."""

from typing import Any

from stripe_double import methods
from stripe_double.core import DAY, Request, Sim, filtered
from stripe_double.events import emit
from stripe_double.means import (
    DEBIT_DAYS,
    DEBIT_MESSAGE,
    MESSAGES,
    Means,
    billing_details,
    processing_fee,
    shown,
)
from stripe_double.store import Record, new_id, public


def succeed(sim: Sim, intent: Record, method: Record) -> Record:
    """A card is charged: pending for the days of its means."""
    means = methods.means_of(method)
    ident = new_id("ch")
    transaction = _book(sim, intent, means, ident, days=means.delay_days)
    charge = _insert(sim, intent, method, ident, transaction=transaction)
    emit(sim, "charge.succeeded", charge, account=charge["_account"])
    return charge


def fail(sim: Sim, intent: Record, method: Record, decline: str) -> Record:
    """A card is declined: no money moves."""
    code = decline if decline == "authentication_required" else "card_declined"
    changes = {
        "failure_code": code,
        "failure_message": MESSAGES[decline],
        "outcome": {
            "type": "issuer_declined",
            "network_status": "declined_by_network",
            "reason": decline,
            "risk_level": "normal",
            "seller_message": "The bank did not return any further details with this decline.",
        },
        "status": "failed",
    }
    charge = _insert(sim, intent, method, new_id("ch"), transaction=None, **changes)
    emit(sim, "charge.failed", charge, account=charge["_account"])
    return charge


def start_debit(sim: Sim, intent: Record, method: Record, *, days: int = DEBIT_DAYS) -> Record:
    """A debit is on its way. Its balance transaction is there from now on, pending (Stripe's page
    on balance transaction types): a later failure takes it back.
    """
    means = methods.means_of(method)
    ident = new_id("py")
    transaction = _book(sim, intent, means, ident, days=days)
    charge = _insert(
        sim, intent, method, ident, transaction=transaction, paid=False, status="pending"
    )
    emit(sim, "charge.pending", charge, account=charge["_account"])
    return charge


def finish_debit(sim: Sim, charge: Record) -> Record:
    charge = sim.store.update("charge", charge["id"], paid=True, status="succeeded")
    emit(sim, "charge.succeeded", charge, account=charge["_account"])
    return charge


def return_debit(sim: Sim, charge: Record) -> Record:
    """The bank did not pay: a `payment_failure_refund`, the fee included."""
    taken = sim.find("balance_transaction", charge["balance_transaction"], charge["_account"])
    back = sim.balances.book(
        charge["_account"],
        kind="payment_failure_refund",
        amount=-taken["amount"],
        fee=-taken["fee"],
        currency=charge["currency"],
        source=charge["id"],
        available_on=taken["available_on"],
    )
    charge = sim.store.update(
        "charge",
        charge["id"],
        failure_balance_transaction=back["id"],
        failure_code="insufficient_funds",
        failure_message=DEBIT_MESSAGE,
        status="failed",
    )
    emit(sim, "charge.failed", charge, account=charge["_account"])
    return charge


def _book(sim: Sim, intent: Record, means: Means, ident: str, *, days: int) -> Record:
    return sim.balances.book(
        intent["_account"],
        kind="payment" if means.is_debit else "charge",
        amount=intent["amount"],
        currency=intent["currency"],
        source=ident,
        fee=processing_fee(intent["amount"], means.kind),
        available_on=sim.now + days * DAY,
        description=intent["description"],
    )


def _insert(
    sim: Sim,
    intent: Record,
    method: Record,
    ident: str,
    *,
    transaction: Record | None,
    **changes: Any,
) -> Record:
    means, done = methods.means_of(method), transaction is not None
    return sim.store.insert(
        "charge",
        {
            **blank_charge(sim, ident, intent["amount"], intent["currency"], intent["_account"]),
            "amount_captured": intent["amount"] if done else 0,
            "balance_transaction": transaction["id"] if transaction else None,
            "billing_details": method["billing_details"],
            "captured": done,
            "customer": intent["customer"],
            "description": intent["description"],
            "metadata": intent["metadata"],
            "outcome": {
                "type": "authorized",
                "network_status": "approved_by_network",
                "reason": None,
                "risk_level": "normal",
                "seller_message": "Payment complete.",
            },
            "paid": done,
            "payment_intent": intent["id"],
            "payment_method": method["id"],
            "payment_method_details": {
                "type": means.kind,
                means.kind: shown(means, on_charge=True),
            },
            "receipt_email": intent["receipt_email"],
            "transfer_group": intent["transfer_group"],
            **changes,
        },
    )


def blank_charge(sim: Sim, ident: str, amount: int, currency: str, account: str) -> Record:
    """A paid charge without card: also what a transfer becomes at its destination (`py_`)."""
    return {
        "id": ident,
        "object": "charge",
        "amount": amount,
        "amount_captured": amount,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": billing_details(),
        "calculated_statement_descriptor": None,
        "captured": True,
        "created": sim.now,
        "currency": currency,
        "customer": None,
        "description": None,
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": False,
        "metadata": {},
        "on_behalf_of": None,
        "outcome": None,
        "paid": True,
        "payment_intent": None,
        "payment_method": None,
        "payment_method_details": None,
        "receipt_email": None,
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "review": None,
        "shipping": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "succeeded",
        "transfer_data": None,
        "transfer_group": None,
        "_account": account,
    }


def get_charge(sim: Sim, request: Request, charge: str) -> dict[str, Any]:
    return public(sim.find("charge", charge, request.account, param="charge"))


def list_charges(sim: Sim, request: Request) -> dict[str, Any]:
    names = ("payment_intent", "transfer_group", "customer")
    return filtered(sim, request, "charge", names)
