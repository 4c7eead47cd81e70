"""Top-ups: the operator's own money, from its bank to the platform's balance."""

from typing import Any

from stripe_double.core import DAY, PLATFORM, Request, Sim, filtered
from stripe_double.errors import ApiError
from stripe_double.events import emit
from stripe_double.store import Record, new_id, public

DAYS = 2


def create_topup(sim: Sim, request: Request) -> dict[str, Any]:
    """Pending for DAYS of the clock, then in the available balance."""
    params = request.params
    if request.account != PLATFORM:
        raise ApiError("A connected account can't create top-ups here.", status=403)
    if "source" in params:
        raise ApiError("The stand-in knows no source but the platform's bank.", param="source")
    if params["amount"] <= 0:
        raise ApiError("Invalid positive integer", code="parameter_invalid_integer", param="amount")
    topup = insert(sim, params["amount"], params["currency"].lower(), params)
    plan(sim, topup)
    return public(topup)


def insert(sim: Sim, amount: int, currency: str, params: dict[str, Any]) -> Record:
    topup = sim.store.insert(
        "topup",
        {
            "id": new_id("tu"),
            "object": "topup",
            "amount": amount,
            "balance_transaction": None,
            "created": sim.now,
            "currency": currency,
            "description": params.get("description"),
            "expected_availability_date": sim.now + DAYS * DAY,
            "failure_code": None,
            "failure_message": None,
            "livemode": False,
            "metadata": params.get("metadata") or {},
            "source": None,
            "statement_descriptor": params.get("statement_descriptor"),
            "status": "pending",
            "transfer_group": params.get("transfer_group"),
            "_account": PLATFORM,
        },
    )
    emit(sim, "topup.created", topup)
    return topup


def plan(sim: Sim, topup: Record) -> None:
    """Schedule its arrival. Also called for each top-up after a restart."""
    if topup["status"] == "pending":
        sim.schedule(topup["expected_availability_date"], "topup", topup["id"])


def arrive(sim: Sim, ident: str) -> Record | None:
    """The money is there, available at once. None when it is no longer on its way."""
    topup = sim.store.get("topup", ident)
    if topup is None or topup["status"] != "pending":
        return None
    booked = sim.balances.book(
        PLATFORM,
        kind="topup",
        amount=topup["amount"],
        currency=topup["currency"],
        source=ident,
    )
    topup = sim.store.update("topup", ident, balance_transaction=booked["id"], status="succeeded")
    emit(sim, "topup.succeeded", topup, previous={"status": "pending"})
    return topup


def fail(sim: Sim, ident: str) -> Record:
    """The bank did not send it."""
    topup = _pending(sim, ident)
    topup = sim.store.update(
        "topup",
        ident,
        failure_code="insufficient_funds",
        failure_message="Your bank account has insufficient funds.",
        status="failed",
    )
    emit(sim, "topup.failed", topup, previous={"status": "pending"})
    return topup


def _pending(sim: Sim, ident: str) -> Record:
    topup = sim.find("topup", ident, PLATFORM, param="topup")
    if topup["status"] != "pending":
        raise ApiError(f"A top-up that is {topup['status']} stays so.", param="topup")
    return topup


def cancel_topup(sim: Sim, _request: Request, topup: str) -> dict[str, Any]:
    _pending(sim, topup)
    found = sim.store.update("topup", topup, status="canceled")
    emit(sim, "topup.canceled", found, previous={"status": "pending"})
    return public(found)


def get_topup(sim: Sim, request: Request, topup: str) -> dict[str, Any]:
    return public(sim.find("topup", topup, request.account, param="topup"))


def list_topups(sim: Sim, request: Request) -> dict[str, Any]:
    return filtered(sim, request, "topup", ("status", "amount"))
