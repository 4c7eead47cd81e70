"""Refunds: at most what is left of a charge. The processing fee is kept."""

from typing import Any

from stripe_double import disputes
from stripe_double.core import Request, Sim, filtered
from stripe_double.errors import ApiError
from stripe_double.events import emit
from stripe_double.means import CARD, US_BANK
from stripe_double.store import Record, new_id, public


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
    if charge["disputed"] and not disputes.is_refundable(sim, charge["id"]):
        message = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise ApiError(message, code="charge_disputed", param="charge")
    return charge


def _destination(charge: Record) -> dict[str, Any]:
    kind = charge["payment_method_details"]["type"]
    if kind == CARD:
        return {"card": {"type": "refund"}, "type": "card"}
    return {"type": "us_bank_transfer" if kind == US_BANK else "eu_bank_transfer"}


def _refund(sim: Sim, charge: Record, amount: int, params: dict[str, Any]) -> Record:
    account, ident = charge["_account"], new_id("re")
    paid_by = sim.store.get("balance_transaction", charge["balance_transaction"])
    transaction = sim.balances.book(
        account,
        kind="refund" if charge["id"].startswith("ch_") else "payment_refund",
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
            "destination_details": _destination(charge),
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


def get_refund(sim: Sim, request: Request, refund: str) -> dict[str, Any]:
    return public(sim.find("refund", refund, request.account, param="refund"))


def list_refunds(sim: Sim, request: Request) -> dict[str, Any]:
    return filtered(sim, request, "refund", ("charge", "payment_intent"))
