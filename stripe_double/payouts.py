"""Payouts to the bank: automatic at connected accounts, manual by request, and their settings.

States: pending, in_transit, paid; canceled from pending; failed from in_transit and from paid,
because a paid payout can still come back within five business days.
"""

from typing import Any

from stripe_double import accounts, banks, stages
from stripe_double.core import DAY, PLATFORM, Request, Sim, next_midnight, page
from stripe_double.errors import ApiError
from stripe_double.events import emit
from stripe_double.store import Record, new_id, public

ARRIVAL_DAYS = 2
BOUNCE_DAYS = 7
INSTANT_SECONDS = 1800


def create_payout(sim: Sim, request: Request) -> dict[str, Any]:
    """A manual payout of at most the available balance; `instant` takes minutes and a fee."""
    params = request.params
    amount, currency = params["amount"], params["currency"].lower()
    if amount <= 0:
        raise ApiError("Invalid positive integer", code="parameter_invalid_integer", param="amount")
    account = sim.store.get("v2.core.account", request.account)
    if account is not None and not stages.is_active(account):
        message = "Cannot create payouts: this account has no verified external account."
        raise ApiError(message, code="payouts_not_allowed")
    instant = params.get("method") == "instant"
    if instant and (account is None or accounts.is_abroad(account)):
        message = "Instant payouts are not available for this account."
        raise ApiError(message, code="instant_payouts_unsupported", param="method")
    needed = amount + (instant_fee(amount) if instant else 0)
    if needed > sim.balances.available(request.account, currency):
        message = "You have insufficient funds in your Stripe account for this payout."
        raise ApiError(message, code="balance_insufficient", param="amount")
    return public(_payout(sim, request.account, amount, currency, params, automatic=False))


def instant_fee(amount: int) -> int:
    """1%, at least 50 minor units; half a unit rounded up."""
    return max(50, (amount + 50) // 100)


def sweep(sim: Sim, ident: str) -> None:
    """Midnight at a connected account: pay out all that is available, or, where it was set so,
    take what is missing from the bank (a payout below zero).
    """
    sim.balances.sweeps = {row for row in sim.balances.sweeps if row[1] > sim.now}
    account = sim.store.get("v2.core.account", ident)
    if account is None or account["_interval"] != "daily" or account["_payouts_paused"]:
        return
    for currency in sim.balances.currencies(ident):
        amount = sim.balances.available(ident, currency)
        if amount > 0 or (amount < 0 and account["_debit_negative"]):
            _payout(sim, ident, amount, currency, {}, automatic=True)


def _payout(
    sim: Sim, account: str, amount: int, currency: str, params: dict[str, Any], *, automatic: bool
) -> Record:
    ident, instant = new_id("po"), params.get("method") == "instant"
    bank = banks.current(sim, account)
    transaction = sim.balances.book(
        account,
        kind="payout",
        amount=-amount,
        currency=currency,
        fee=instant_fee(amount) if instant else 0,
        source=ident,
        description="STRIPE PAYOUT",
    )
    if automatic:
        _map_contents(sim, account, currency, ident)
    arrival = next_midnight(sim.now) + (ARRIVAL_DAYS - 1) * DAY
    if instant:
        arrival = sim.now + INSTANT_SECONDS
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
            "destination": bank["id"] if bank else f"ba_{account.removeprefix('acct_')}",
            "failure_balance_transaction": None,
            "failure_code": None,
            "failure_message": None,
            "livemode": False,
            "metadata": params.get("metadata", {}),
            "method": "instant" if instant else "standard",
            "original_payout": None,
            "payout_method": None,
            "reconciliation_status": "completed" if automatic else "not_applicable",
            "reversed_by": None,
            "source_type": params.get("source_type", "card"),
            "statement_descriptor": params.get("statement_descriptor"),
            "status": "in_transit" if instant else "pending",
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
    trace = {"status": "supported", "value": f"simulated{ident[-12:]}"}
    _step(sim, ident, "in_transit", "paid", "payout.paid", trace_id=trace)


def _step(sim: Sim, ident: str, before: str, after: str, event: str, **changes: Any) -> None:
    payout = sim.store.get("payout", ident)
    if payout is None or payout["status"] != before:
        return
    payout = sim.store.update("payout", ident, status=after, **changes)
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
    enabled = account is None or (stages.is_active(account) and not account["_payouts_paused"])
    payouts = {
        "minimum_balance_by_currency": None,
        "schedule": {"interval": interval},
        "statement_descriptor": None,
        "status": "enabled" if enabled else "disabled",
    }
    timing = {"delay_days": 2, "start_of_day": None}
    payments = {
        "debit_negative_balances": bool(account and account["_debit_negative"]),
        "payouts": payouts,
        "settlement_timing": timing,
    }
    return {"object": "balance_settings", "payments": payments}


def update_settings(sim: Sim, request: Request) -> dict[str, Any]:
    """The interval of a connected account's payouts, and whether its debts are debited."""
    asked = request.params.get("payments", {})
    payouts = asked.get("payouts", {})
    interval = payouts.get("schedule", {}).get("interval")
    if set(asked) - {"payouts", "debit_negative_balances"} or set(payouts) - {"schedule"}:
        message = "The stand-in simulates payouts.schedule.interval and debit_negative_balances."
        raise ApiError(message, param="payments")
    if request.account == PLATFORM:
        if interval not in (None, "manual") or asked.get("debit_negative_balances"):
            raise ApiError("The stand-in keeps the platform's payouts manual.", param="payments")
        return get_settings(sim, request)
    if interval not in (None, "manual", "daily"):
        raise ApiError("The stand-in simulates manual and daily only.", param="payments")
    changes = {"_interval": interval, "_debit_negative": asked.get("debit_negative_balances")}
    changes = {name: value for name, value in changes.items() if value is not None}
    if changes:
        settings = get_settings(sim, request)
        sim.store.update("v2.core.account", request.account, **changes)
        sim.balances.plan_sweep(request.account)
        after = get_settings(sim, request)
        if after != settings:
            emit(sim, "balance_settings.updated", after, account=request.account)
    return get_settings(sim, request)
