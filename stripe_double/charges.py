"""Charges, payment intents and refunds: what a paid or declined checkout makes, and its undoing."""

from dataclasses import dataclass
from typing import Any

from stripe_double.core import DAY, Request, Sim, page
from stripe_double.errors import ApiError
from stripe_double.events import emit
from stripe_double.store import Record, new_id, public


@dataclass(frozen=True, slots=True)
class Card:
    """One of Stripe's documented test cards."""

    number: str
    label: str
    decline_code: str | None = None
    delay_days: int = 2


CARDS = {
    "paid": Card("4242424242424242", "Succeeds; available after 2 days"),
    "available": Card("4000000000000077", "Succeeds; available at once", delay_days=0),
    "declined": Card("4000000000000002", "Is declined", decline_code="generic_decline"),
    "insufficient": Card(
        "4000000000009995", "Is declined: not enough money", decline_code="insufficient_funds"
    ),
}
DECLINES = {
    "generic_decline": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
}
ADDRESS = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))


def processing_fee(amount: int) -> int:
    """2.9% + 30 minor units, half a unit rounded up."""
    return (amount * 29 + 500) // 1000 + 30


def create_intent(sim: Sim, session: Record) -> Record:
    """The payment intent of a checkout session, made when a person first tries to pay."""
    data = session["_intent_data"]
    ident = new_id("pi")
    record = sim.store.insert(
        "payment_intent",
        {
            "id": ident,
            "object": "payment_intent",
            "amount": session["amount_total"],
            "amount_capturable": 0,
            "amount_received": 0,
            "application": None,
            "application_fee_amount": None,
            "automatic_payment_methods": {"enabled": True},
            "canceled_at": None,
            "cancellation_reason": None,
            "capture_method": "automatic_async",
            "client_secret": new_id(f"{ident}_secret"),
            "confirmation_method": "automatic",
            "created": sim.now,
            "currency": session["currency"],
            "customer": None,
            "description": data.get("description"),
            "last_payment_error": None,
            "latest_charge": None,
            "livemode": False,
            "metadata": data.get("metadata", {}),
            "next_action": None,
            "on_behalf_of": None,
            "payment_method": None,
            "payment_method_options": {},
            "payment_method_types": ["card"],
            "processing": None,
            "receipt_email": None,
            "review": None,
            "setup_future_usage": None,
            "shipping": None,
            "statement_descriptor": None,
            "statement_descriptor_suffix": None,
            "status": "requires_payment_method",
            "transfer_data": None,
            "transfer_group": data.get("transfer_group"),
            "_account": session["_account"],
        },
    )
    emit(sim, "payment_intent.created", record, account=record["_account"])
    return record


def pay(sim: Sim, intent: Record, card: Card, *, email: str | None = None) -> Record:
    """Charge a card. Returns the charge, `succeeded` or `failed`."""
    ident = new_id("ch")
    failed = card.decline_code is not None
    transaction = None
    if not failed:
        transaction = sim.balances.book(
            intent["_account"],
            kind="charge",
            amount=intent["amount"],
            currency=intent["currency"],
            source=ident,
            fee=processing_fee(intent["amount"]),
            available_on=sim.now + card.delay_days * DAY,
            description=intent["description"],
        )
    charge = sim.store.insert(
        "charge", _charge(sim, intent, ident, card, transaction=transaction, email=email)
    )
    account = intent["_account"]
    if failed:
        error = {
            "type": "card_error",
            "code": "card_declined",
            "decline_code": card.decline_code,
            "message": DECLINES[str(card.decline_code)],
            "charge": ident,
        }
        intent = sim.store.update(
            "payment_intent", intent["id"], last_payment_error=error, latest_charge=ident
        )
        emit(sim, "charge.failed", charge, account=account)
        emit(sim, "payment_intent.payment_failed", intent, account=account)
        return charge
    intent = sim.store.update(
        "payment_intent",
        intent["id"],
        status="succeeded",
        amount_received=intent["amount"],
        last_payment_error=None,
        latest_charge=ident,
        payment_method=charge["payment_method"],
    )
    emit(sim, "charge.succeeded", charge, account=account)
    emit(sim, "payment_intent.succeeded", intent, account=account)
    return charge


def _charge(
    sim: Sim,
    intent: Record,
    ident: str,
    card: Card,
    *,
    transaction: Record | None,
    email: str | None,
) -> Record:
    failed = transaction is None
    code = card.decline_code
    return {
        **blank_charge(sim, ident, intent["amount"], intent["currency"], intent["_account"]),
        "amount_captured": 0 if failed else intent["amount"],
        "balance_transaction": transaction["id"] if transaction else None,
        "billing_details": {
            "address": ADDRESS,
            "email": email,
            "name": None,
            "phone": None,
            "tax_id": None,
        },
        "captured": not failed,
        "description": intent["description"],
        "failure_code": "card_declined" if failed else None,
        "failure_message": DECLINES[str(code)] if failed else None,
        "metadata": intent["metadata"],
        "outcome": {
            "type": "issuer_declined" if failed else "authorized",
            "network_status": "declined_by_network" if failed else "approved_by_network",
            "reason": code,
            "risk_level": "normal",
            "seller_message": "The bank did not return any further details with this decline."
            if failed
            else "Payment complete.",
        },
        "paid": not failed,
        "payment_intent": intent["id"],
        "payment_method": new_id("pm"),
        "payment_method_details": {
            "type": "card",
            "card": {
                "brand": "visa",
                "country": "US",
                "exp_month": 12,
                "exp_year": 2040,
                "funding": "credit",
                "last4": card.number[-4:],
                "network": "visa",
            },
        },
        "status": "failed" if failed else "succeeded",
        "transfer_group": intent["transfer_group"],
    }


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
        "billing_details": {
            "address": ADDRESS,
            "email": None,
            "name": None,
            "phone": None,
            "tax_id": None,
        },
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


def create_refund(sim: Sim, request: Request) -> dict[str, Any]:
    """Refund all or part of a charge; never more than is left. The processing fee is kept."""
    params = request.params
    for name in ("reverse_transfer", "refund_application_fee"):
        if params.get(name):
            raise ApiError(f"{name} is for destination charges, not for this one.", param=name)
    charge = _charge_to_refund(sim, request)
    left = charge["amount"] - charge["amount_refunded"]
    if left == 0:
        message = f"Charge {charge['id']} has already been refunded."
        raise ApiError(message, code="charge_already_refunded", param="charge")
    amount = params.get("amount", left)
    if amount <= 0:
        raise ApiError("Invalid positive integer", code="parameter_invalid_integer", param="amount")
    if amount > left:
        message = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
        raise ApiError(message, param="amount")
    return public(_refund(sim, charge, amount, params))


def _charge_to_refund(sim: Sim, request: Request) -> Record:
    params = request.params
    if "charge" in params:
        charge = sim.find("charge", params["charge"], request.account, param="charge")
    elif "payment_intent" in params:
        ident = params["payment_intent"]
        intent = sim.find("payment_intent", ident, request.account, param="payment_intent")
        if intent["latest_charge"] is None:
            raise ApiError(f"PaymentIntent {ident} has no charge.", param="payment_intent")
        charge = sim.find("charge", intent["latest_charge"], request.account)
    else:
        message = "One of the following params should be provided: charge or payment_intent."
        raise ApiError(message, code="parameter_missing")
    if charge["status"] != "succeeded" or charge["source_transfer"]:
        raise ApiError(f"Charge {charge['id']} can't be refunded.", code="charge_not_refundable")
    return charge


def _refund(sim: Sim, charge: Record, amount: int, params: dict[str, Any]) -> Record:
    account, ident = charge["_account"], new_id("re")
    paid_by = sim.store.get("balance_transaction", charge["balance_transaction"])
    transaction = sim.balances.book(
        account,
        kind="refund",
        amount=-amount,
        currency=charge["currency"],
        source=ident,
        available_on=paid_by["available_on"] if paid_by else None,
        description="REFUND FOR CHARGE",
    )
    refund = sim.store.insert(
        "refund",
        {
            "id": ident,
            "object": "refund",
            "amount": amount,
            "balance_transaction": transaction["id"],
            "charge": charge["id"],
            "created": sim.now,
            "currency": charge["currency"],
            "destination_details": {"card": {"type": "refund"}, "type": "card"},
            "metadata": params.get("metadata") or {},
            "payment_intent": charge["payment_intent"],
            "reason": params.get("reason"),
            "receipt_number": None,
            "source_transfer_reversal": None,
            "status": "succeeded",
            "transfer_reversal": None,
            "_account": account,
        },
    )
    before = {"amount_refunded": charge["amount_refunded"], "refunded": charge["refunded"]}
    total = charge["amount_refunded"] + amount
    charge = sim.store.update(
        "charge", charge["id"], amount_refunded=total, refunded=total == charge["amount"]
    )
    emit(sim, "refund.created", refund, account=account)
    emit(sim, "charge.refunded", charge, account=account, previous=before)
    return refund


def get_charge(sim: Sim, request: Request, charge: str) -> dict[str, Any]:
    return public(sim.find("charge", charge, request.account, param="charge"))


def list_charges(sim: Sim, request: Request) -> dict[str, Any]:
    return _filtered(sim, request, "charge", ("payment_intent", "transfer_group"))


def get_refund(sim: Sim, request: Request, refund: str) -> dict[str, Any]:
    return public(sim.find("refund", refund, request.account, param="refund"))


def list_refunds(sim: Sim, request: Request) -> dict[str, Any]:
    return _filtered(sim, request, "refund", ("charge", "payment_intent"))


def get_intent(sim: Sim, request: Request, intent: str) -> dict[str, Any]:
    return public(sim.find("payment_intent", intent, request.account, param="intent"))


def list_intents(sim: Sim, request: Request) -> dict[str, Any]:
    return _filtered(sim, request, "payment_intent", ())


def _filtered(sim: Sim, request: Request, kind: str, names: tuple[str, ...]) -> dict[str, Any]:
    wanted = {name: request.params[name] for name in names if name in request.params}

    def keep(record: Record) -> bool:
        return all(record[name] == value for name, value in wanted.items())

    return page(sim, request, kind, keep=keep, show=public)
