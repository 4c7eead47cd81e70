"""Payouts to the bank: automatic at connected accounts, manual by request, and their settings.

States: pending, in_transit, paid; canceled from pending; failed from in_transit and from paid,
because a paid payout can still come back within five business days.
"""

from typing import Any

from stripe_double.core import DAY, PLATFORM, Request, Sim, next_midnight, page
from stripe_double.errors import ApiError
from stripe_double.events import emit
from stripe_double.store import Record, new_id, public

ARRIVAL_DAYS = 2
BOUNCE_DAYS = 7


def create_payout(sim: Sim, request: Request) -> dict[str, Any]:
    """A manual payout of at most the available balance."""
    params = request.params
    amount, currency = params["amount"], params["currency"].lower()
    if params.get("method", "standard") != "standard":
        raise ApiError("The stand-in simulates method=standard only.", param="method")
    if amount <= 0:
        raise ApiError("Invalid positive integer", code="parameter_invalid_integer", param="amount")
    if amount > sim.balances.available(request.account, currency):
        message = "You have insufficient funds in your Stripe account for this payout."
        raise ApiError(message, code="balance_insufficient", param="amount")
    account = sim.store.get("v2.core.account", request.account)
    if account is not None and not account["_onboarded"]:
        message = "Cannot create payouts: this account has no verified external account."
        raise ApiError(message, code="payouts_not_allowed")
    return public(_payout(sim, request.account, amount, currency, params, automatic=False))


def sweep(sim: Sim, ident: str) -> None:
    """Midnight at a connected account: pay out all that is available."""
    sim.balances.sweeps = {row for row in sim.balances.sweeps if row[1] > sim.now}
    account = sim.store.get("v2.core.account", ident)
    if account is None or account["_interval"] != "daily" or account["_payouts_paused"]:
        return
    for currency in sim.balances.currencies(ident):
        amount = sim.balances.available(ident, currency)
        if amount > 0:
            _payout(sim, ident, amount, currency, {}, automatic=True)


def _payout(
    sim: Sim, account: str, amount: int, currency: str, params: dict[str, Any], *, automatic: bool
) -> Record:
    ident = new_id("po")
    transaction = sim.balances.book(
        account,
        kind="payout",
        amount=-amount,
        currency=currency,
        source=ident,
        description="STRIPE PAYOUT",
    )
    if automatic:
        _map_contents(sim, account, currency, ident)
    arrival = next_midnight(sim.now) + (ARRIVAL_DAYS - 1) * DAY
    payout = sim.store.insert(
        "payout",
        {
            "id": ident,
            "object": "payout",
            "amount": amount,
            "application_fee": None,
            "application_fee_amount": None,
            "arrival_date": arrival,
            "automatic": automatic,
            "balance_transaction": transaction["id"],
            "created": sim.now,
            "currency": currency,
            "description": params.get("description") or ("STRIPE PAYOUT" if automatic else None),
            "destination": f"ba_{account.removeprefix('acct_')}",
            "failure_balance_transaction": None,
            "failure_code": None,
            "failure_message": None,
            "livemode": False,
            "metadata": params.get("metadata", {}),
            "method": "standard",
            "original_payout": None,
            "payout_method": None,
            "reconciliation_status": "completed" if automatic else "not_applicable",
            "reversed_by": None,
            "source_type": params.get("source_type", "card"),
            "statement_descriptor": params.get("statement_descriptor"),
            "status": "pending",
            "trace_id": None,
            "type": "bank_account",
            "_account": account,
        },
    )
    emit(sim, "payout.created", payout, account=account)
    plan(sim, payout)
    return payout


def _map_contents(sim: Sim, account: str, currency: str, payout: str) -> None:
    """Which balance transactions an automatic payout carries."""
    for record in sim.store.newest_first("balance_transaction", account):
        if record["currency"] != currency or record["status"] != "available":
            continue
        if record["_payout"] is None:
            sim.store.update("balance_transaction", record["id"], _payout=payout)


def plan(sim: Sim, payout: Record) -> None:
    """Schedule the next step of a payout. Also called for each payout after a restart."""
    if payout["status"] == "pending":
        sim.schedule(next_midnight(payout["created"]), "payout_sent", payout["id"])
    if payout["status"] in ("pending", "in_transit"):
        sim.schedule(payout["arrival_date"], "payout_paid", payout["id"])


def sent(sim: Sim, ident: str) -> None:
    _step(sim, ident, "pending", "in_transit", "payout.updated")


def paid(sim: Sim, ident: str) -> None:
    _step(sim, ident, "in_transit", "paid", "payout.paid")


def _step(sim: Sim, ident: str, before: str, after: str, event: str) -> None:
    payout = sim.store.get("payout", ident)
    if payout is None or payout["status"] != before:
        return
    payout = sim.store.update("payout", ident, status=after)
    emit(sim, event, payout, account=payout["_account"], previous={"status": before})


def fail(sim: Sim, ident: str) -> Record:
    """The bank sent the money back. Automatic payouts pause until the account is verified anew."""
    payout = sim.store.get("payout", ident)
    if payout is None:
        raise ApiError(f"No such payout: '{ident}'", status=404, code="resource_missing")
    late = sim.now > payout["arrival_date"] + BOUNCE_DAYS * DAY
    if payout["status"] not in ("pending", "in_transit", "paid") or late:
        raise ApiError(f"A payout that is {payout['status']} can't fail now.")
    account, before = payout["_account"], payout["status"]
    if account != PLATFORM:
        sim.store.update("v2.core.account", account, _payouts_paused=True)
    transaction = _return(sim, payout, "payout_failure")
    payout = sim.store.update(
        "payout",
        ident,
        status="failed",
        failure_code="account_closed",
        failure_message="The bank account has been closed.",
        failure_balance_transaction=transaction["id"],
    )
    emit(sim, "payout.failed", payout, account=account, previous={"status": before})
    return payout


def _return(sim: Sim, payout: Record, kind: str) -> Record:
    return sim.balances.book(
        payout["_account"],
        kind=kind,
        amount=payout["amount"],
        currency=payout["currency"],
        source=payout["id"],
    )


def cancel_payout(sim: Sim, request: Request, payout: str) -> dict[str, Any]:
    found = sim.find("payout", payout, request.account, param="payout")
    if found["status"] != "pending" or found["automatic"]:
        raise ApiError("Only a pending manual payout can be canceled.", param="payout")
    transaction = _return(sim, found, "payout_cancel")
    found = sim.store.update(
        "payout", payout, status="canceled", failure_balance_transaction=transaction["id"]
    )
    emit(sim, "payout.canceled", found, account=request.account, previous={"status": "pending"})
    return public(found)


def get_payout(sim: Sim, request: Request, payout: str) -> dict[str, Any]:
    return public(sim.find("payout", payout, request.account, param="payout"))


def list_payouts(sim: Sim, request: Request) -> dict[str, Any]:
    status = request.params.get("status")
    return page(
        sim,
        request,
        "payout",
        keep=lambda record: status in (None, record["status"]),
        show=public,
    )


def get_settings(sim: Sim, request: Request) -> dict[str, Any]:
    """The platform pays itself out by request only; a connected account daily, until changed."""
    account = sim.store.get("v2.core.account", request.account)
    interval = account["_interval"] if account else "manual"
    enabled = account is None or (account["_onboarded"] and not account["_payouts_paused"])
    payouts = {
        "minimum_balance_by_currency": None,
        "schedule": {"interval": interval},
        "statement_descriptor": None,
        "status": "enabled" if enabled else "disabled",
    }
    timing = {"delay_days": 2, "start_of_day": None}
    payments = {
        "debit_negative_balances": False,
        "payouts": payouts,
        "settlement_timing": timing,
    }
    return {"object": "balance_settings", "payments": payments}


def update_settings(sim: Sim, request: Request) -> dict[str, Any]:
    payouts = request.params.get("payments", {}).get("payouts", {})
    interval = payouts.get("schedule", {}).get("interval")
    if set(request.params.get("payments", {})) - {"payouts"} or set(payouts) - {"schedule"}:
        raise ApiError("The stand-in simulates the payout interval only.", param="payments")
    if request.account == PLATFORM and interval not in (None, "manual"):
        raise ApiError("The stand-in keeps the platform's payouts manual.", param="payments")
    if interval not in (None, "manual", "daily"):
        raise ApiError("The stand-in simulates manual and daily only.", param="payments")
    if interval and request.account != PLATFORM:
        sim.store.update("v2.core.account", request.account, _interval=interval)
        sim.balances.plan_sweep(request.account)
    return get_settings(sim, request)
