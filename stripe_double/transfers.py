"""Transfers from the platform to connected accounts, and their reversals."""

from functools import partial
from typing import Any

from stripe_double import stages
from stripe_double.accounts import is_abroad
from stripe_double.charges import blank_charge
from stripe_double.core import DAY, PLATFORM, Request, Sim, filtered, page
from stripe_double.errors import ApiError, missing
from stripe_double.events import emit
from stripe_double.store import Record, new_id, public

INSUFFICIENT = (
    "You have insufficient available funds in your Stripe account. Try adding funds directly to"
    " your available balance by creating Charges using the 4000000000000077 test card."
)
INCAPABLE = (
    "Your destination account needs to have at least one of the following capabilities enabled:"
    " transfers, crypto_transfers, legacy_payments"
)


def create_transfer(sim: Sim, request: Request) -> dict[str, Any]:
    """Move money to an onboarded account. Refused above the platform's available balance, unless
    a `source_transaction` funds it; then the sum of its transfers is at most the charge.
    """
    params = request.params
    if request.account != PLATFORM:
        raise ApiError("A connected account can't create transfers here.", status=403)
    if "amount" not in params:
        message = "Missing required param: amount."
        raise ApiError(message, code="parameter_missing", param="amount")
    amount, currency = params["amount"], params["currency"].lower()
    if amount <= 0:
        raise ApiError("Invalid positive integer", code="parameter_invalid_integer", param="amount")
    destination = sim.store.get("v2.core.account", params["destination"])
    if destination is None:
        message = f"No such destination: '{params['destination']}'"
        raise ApiError(message, code="resource_missing", param="destination")
    if not stages.is_active(destination):
        raise ApiError(
            INCAPABLE, code="insufficient_capabilities_for_transfer", param="destination"
        )
    available_on, group = None, params.get("transfer_group")
    if "source_transaction" in params:
        charge = _source(sim, params["source_transaction"], amount, currency)
        transaction = sim.find("balance_transaction", charge["balance_transaction"], PLATFORM)
        available_on = transaction["available_on"]
        group = group or charge["transfer_group"] or f"group_{charge['id']}"
    elif amount > sim.balances.available(PLATFORM, currency):
        raise ApiError(INSUFFICIENT, code="balance_insufficient")
    return public(_transfer(sim, params, amount, currency, available_on, group))


def _source(sim: Sim, ident: str, amount: int, currency: str) -> Record:
    charge = sim.find("charge", ident, PLATFORM, param="source_transaction")
    if charge["status"] != "succeeded" or charge["currency"] != currency:
        raise ApiError("This charge can't fund the transfer.", param="source_transaction")
    used = charge.get("_transferred", 0) + amount
    if used > charge["amount"]:
        message = (
            "Transfers using this transaction as a source must not exceed the source amount of"
            f" {charge['amount']}."
        )
        raise ApiError(message, param="amount")
    return sim.store.update("charge", ident, _transferred=used)


def _transfer(
    sim: Sim,
    params: dict[str, Any],
    amount: int,
    currency: str,
    available_on: int | None,
    group: str | None,
) -> Record:
    ident, payment_id, destination = new_id("tr"), new_id("py"), params["destination"]
    book = partial(sim.balances.book, currency=currency)
    out = book(PLATFORM, kind="transfer", amount=-amount, source=ident, available_on=available_on)
    if is_abroad(sim.find("v2.core.account", destination, PLATFORM)):
        available_on = max(available_on or 0, sim.now + DAY)
    come = book(
        destination, kind="payment", amount=amount, source=payment_id, available_on=available_on
    )
    payment = sim.store.insert(
        "charge",
        {
            **blank_charge(sim, payment_id, amount, currency, destination),
            "balance_transaction": come["id"],
            "source_transfer": ident,
        },
    )
    transfer = sim.store.insert(
        "transfer",
        {
            "id": ident,
            "object": "transfer",
            "amount": amount,
            "amount_reversed": 0,
            "balance_transaction": out["id"],
            "created": sim.now,
            "currency": currency,
            "description": params.get("description"),
            "destination": destination,
            "destination_payment": payment_id,
            "livemode": False,
            "metadata": params.get("metadata", {}),
            "reversals": {
                "object": "list",
                "data": [],
                "has_more": False,
                "url": f"/v1/transfers/{ident}/reversals",
            },
            "reversed": False,
            "source_transaction": params.get("source_transaction"),
            "source_type": params.get("source_type", "card"),
            "transfer_group": group,
            "_account": PLATFORM,
        },
    )
    emit(sim, "transfer.created", transfer)
    emit(sim, "payment.created", payment, account=destination)
    return transfer


def create_reversal(sim: Sim, request: Request, ident: str) -> dict[str, Any]:
    """Take a transfer back: at most what is left of it, and what its destination still has."""
    transfer = sim.find("transfer", ident, request.account)
    left = transfer["amount"] - transfer["amount_reversed"]
    amount = request.params.get("amount", left)
    if left == 0:
        raise ApiError("This transfer has already been fully reversed.")
    if amount <= 0:
        raise ApiError("Invalid positive integer", code="parameter_invalid_integer", param="amount")
    if amount > left:
        message = f"Amount {amount} is more than the {left} that is left of the transfer."
        raise ApiError(message, param="amount")
    destination, currency = transfer["destination"], transfer["currency"]
    if amount > sim.balances.available(destination, currency):
        message = "The destination account has insufficient available funds for this reversal."
        raise ApiError(message, code="balance_insufficient")
    reversal = _reversal(sim, transfer, amount, request.params.get("metadata") or {})
    return public(reversal)


def _reversal(sim: Sim, transfer: Record, amount: int, metadata: dict[str, str]) -> Record:
    ident, refund_id = new_id("trr"), new_id("pyr")
    currency = transfer["currency"]
    back = sim.balances.book(
        PLATFORM, kind="transfer_refund", amount=amount, currency=currency, source=ident
    )
    sim.balances.book(
        transfer["destination"],
        kind="payment_refund",
        amount=-amount,
        currency=currency,
        source=refund_id,
    )
    reversal = sim.store.insert(
        "transfer_reversal",
        {
            "id": ident,
            "object": "transfer_reversal",
            "amount": amount,
            "balance_transaction": back["id"],
            "created": sim.now,
            "currency": currency,
            "destination_payment_refund": refund_id,
            "metadata": metadata,
            "source_refund": None,
            "transfer": transfer["id"],
            "_account": PLATFORM,
        },
    )
    total = transfer["amount_reversed"] + amount
    rows = [public(reversal), *transfer["reversals"]["data"]]
    after = sim.store.update(
        "transfer",
        transfer["id"],
        amount_reversed=total,
        reversed=total == transfer["amount"],
        reversals={**transfer["reversals"], "data": rows[:10], "has_more": len(rows) > 10},
    )
    payment = sim.find("charge", transfer["destination_payment"], transfer["destination"])
    sim.store.update(
        "charge", payment["id"], amount_refunded=total, refunded=total == payment["amount"]
    )
    before = {"amount_reversed": transfer["amount_reversed"], "reversed": transfer["reversed"]}
    emit(sim, "transfer.reversed", after, previous=before)
    return reversal


def get_transfer(sim: Sim, request: Request, transfer: str) -> dict[str, Any]:
    return public(sim.find("transfer", transfer, request.account, param="transfer"))


def list_transfers(sim: Sim, request: Request) -> dict[str, Any]:
    return filtered(sim, request, "transfer", ("destination", "transfer_group"))


def list_reversals(sim: Sim, request: Request, ident: str) -> dict[str, Any]:
    sim.find("transfer", ident, request.account)
    return page(
        sim,
        request,
        "transfer_reversal",
        keep=lambda record: record["transfer"] == ident,
        show=public,
    )


def get_reversal(sim: Sim, request: Request, transfer: str, ident: str) -> dict[str, Any]:
    reversal = sim.find("transfer_reversal", ident, request.account)
    if reversal["transfer"] != transfer:
        raise missing("transfer_reversal", ident)
    return public(reversal)
