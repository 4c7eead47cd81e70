"""The stand-in's own endpoints under /_double/: clock, state, faults, and a person's clicks.

They take JSON only, so that a web page of another origin cannot post to them by a plain form.
"""

import json
from typing import Any

from stripe_double import (
    accounts,
    balances,
    banks,
    checkout,
    disputes,
    methods,
    payouts,
    stages,
    topups,
)
from stripe_double.core import PLATFORM, Fault, Sim, iso
from stripe_double.errors import ApiError, missing
from stripe_double.events import EVENT_FAULTS
from stripe_double.means import DEBIT_DAYS
from stripe_double.store import Record, public
from stripe_double.webhooks import Webhooks

REQUEST_FAULTS = ("timeout_after_commit", "error_409", "error_429", "error_500")
FAULTS = (*REQUEST_FAULTS, *EVENT_FAULTS)
INCLUDE = ["configuration.recipient", "defaults", "identity", "requirements"]


def answer(
    sim: Sim, webhooks: Webhooks, method: str, path: str, content_type: str, body: bytes
) -> tuple[int, dict[str, Any]]:
    """Status and body."""
    parts = path.strip("/").split("/")[1:]
    try:
        params = _params(method, content_type, body)
        if parts == ["webhooks", "drain"]:
            return 200, {"waiting": webhooks.drain(_number(params, "seconds", 10))}
        with sim.store.transaction():
            sim.begin()
            return 200, _route(sim, webhooks, method, parts, params)
    except ApiError as error:
        return error.status, error.body(v2=False)
    finally:
        sim.wake()


def _params(method: str, content_type: str, body: bytes) -> dict[str, Any]:
    if method != "POST":
        return {}
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise ApiError("This endpoint takes application/json.", status=415)
    try:
        params = json.loads(body or b"{}")
    except ValueError as error:
        raise ApiError("This is not JSON.") from error
    if not isinstance(params, dict):
        raise ApiError("The body must be a JSON object.")
    return params


def _number(params: dict[str, Any], name: str, default: float) -> float:
    value = params.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ApiError(f"{name} must be a number.", param=name)
    return value


def _route(
    sim: Sim, webhooks: Webhooks, method: str, parts: list[str], params: dict[str, Any]
) -> dict[str, Any]:
    match (method, *parts):
        case ("GET", "state"):
            return state(sim, webhooks)
        case ("GET", "violations"):
            return violations(sim)
        case ("POST", "violations", "expect"):
            sim.violations.expect(_text(params, "path"))
            return violations(sim)
        case ("POST", "clock"):
            sim.advance(int(_number(params, "advance_seconds", 0)))
            return {"now": sim.now, "iso": iso(sim.now)}
        case ("POST", "fault"):
            return arm(sim, params)
        case ("POST", "webhooks", "hold"):
            webhooks.hold()
            return {"waiting": webhooks.waiting()}
        case ("POST", "webhooks", "release"):
            webhooks.release(backwards=params.get("order") == "backwards")
            return {"waiting": webhooks.waiting()}
        case ("POST", "topups"):
            amount, currency = int(_number(params, "amount", 0)), params.get("currency", "usd")
            if amount <= 0:
                raise ApiError("amount must be a positive number.", param="amount")
            topup = topups.insert(sim, amount, str(currency), {})
            return public(topups.arrive(sim, topup["id"]) or topup)
        case ("POST", "disputes"):
            return public(_open_dispute(sim, params))
        case ("POST", kind, ident, action):
            return _act(sim, kind, ident, action, params)
        case ("POST", "payment_methods", ident):
            return public(methods.answer_later(sim, ident, params.get("next")))
    raise ApiError("There is no such endpoint.", status=404)


def _act(sim: Sim, kind: str, ident: str, action: str, params: dict[str, Any]) -> dict[str, Any]:
    """What a person, a bank or Stripe does to one object."""
    match (kind, action):
        case ("checkout", "pay"):
            return _pay(sim, ident, params)
        case ("checkout", "settle"):
            paid = _outcome(params, "paid", "failed") == "paid"
            return {"session": public(checkout.settle_session(sim, ident, paid=paid))}
        case ("payment_intents", "settle"):
            paid = _outcome(params, "paid", "failed") == "paid"
            ended = checkout.settle(sim, ident, paid=paid)
            if ended is None:
                raise ApiError("No debit is under way in this payment intent.")
            return public(ended)
        case ("payouts", "fail"):
            return public(payouts.fail(sim, ident))
        case ("topups", "fail"):
            return public(topups.fail(sim, ident))
        case ("disputes", _):
            return public(_dispute(sim, ident, action, params))
        case ("accounts", _):
            return _account(sim, ident, action, params)
    raise ApiError("There is no such endpoint.", status=404)


def _text(params: dict[str, Any], name: str, default: str | None = None) -> str:
    value = params.get(name, default)
    if not isinstance(value, str):
        raise ApiError(f"{name} must be a text.", param=name)
    return value


def _outcome(params: dict[str, Any], *allowed: str) -> str:
    value = _text(params, "outcome", allowed[0])
    if value not in allowed:
        raise ApiError(f"outcome must be one of {', '.join(allowed)}.", param="outcome")
    return value


def _pay(sim: Sim, ident: str, params: dict[str, Any]) -> dict[str, Any]:
    """`outcome` as on the page; `available` is the card whose money is there at once."""
    outcome = _text(params, "outcome", "paid")
    if outcome == "paid" and params.get("available"):
        outcome = "available"
    days = int(_number(params, "after_days", DEBIT_DAYS))
    session = checkout.pay_session(sim, ident, outcome, debit_days=days)
    done = session["status"] == "complete"
    return {
        "session": public(session),
        "redirect_url": checkout.success_url(session) if done else None,
    }


def _open_dispute(sim: Sim, params: dict[str, Any]) -> Record:
    ident = params.get("charge")
    if ident is None:
        intent = sim.store.get("payment_intent", _text(params, "payment_intent"))
        ident = intent and intent["latest_charge"]
    charge = sim.store.get("charge", str(ident))
    if charge is None:
        raise missing("charge", str(ident), param="charge")
    amount = int(_number(params, "amount", 0)) if "amount" in params else None
    return disputes.open_dispute(
        sim,
        charge,
        amount=amount,
        reason=_text(params, "reason", "fraudulent"),
        status=_text(params, "status", "needs_response"),
        withdraw=params.get("withdraw", True) is not False,
    )


def _dispute(sim: Sim, ident: str, action: str, params: dict[str, Any]) -> Record:
    dispute = sim.store.get("dispute", ident)
    if dispute is None:
        raise missing("dispute", ident)
    if action == "withdraw":
        return disputes.withdraw_funds(sim, dispute)
    status = _text(params, "status")
    if action == "close":
        return_fee = params.get("return_fee") is True
        return disputes.close(sim, dispute, status, return_fee=return_fee)
    if action == "set":
        return disputes.set_status(sim, dispute, status)
    raise ApiError("There is no such endpoint.", status=404)


def _account(sim: Sim, ident: str, action: str, params: dict[str, Any]) -> dict[str, Any]:
    account = accounts.find_account(sim, ident)
    match action:
        case "verify":
            account = stages.verify(sim, ident)
        case "stage":
            account = stages.enter(sim, account, _text(params, "stage"))
        case "external_account":
            return _bank(sim, account, params)
        case "debit":
            return _debit(sim, ident, params, covered=False)
        case "write_off":
            return _debit(sim, ident, params, covered=True)
        case _:
            raise ApiError("There is no such endpoint.", status=404)
    return accounts.shown(account, INCLUDE)


def _bank(sim: Sim, account: Record, params: dict[str, Any]) -> dict[str, Any]:
    """A new bank account in place of the old one; or the old one `updated` or `deleted`."""
    change = _text(params, "change", "created")
    if change == "created":
        banks.add(sim, account, _text(params, "last4", "4321"))
        if account["_payouts_paused"]:
            stages.resume(sim, account)
    elif change == "updated":
        banks.update(sim, account)
    elif change == "deleted":
        banks.take_away(sim, account)
    else:
        raise ApiError("change must be created, updated or deleted.", param="change")
    bank = banks.current(sim, account["id"])
    return {"external_account": public(bank) if bank else None}


def _debit(sim: Sim, ident: str, params: dict[str, Any], *, covered: bool) -> dict[str, Any]:
    """Stripe takes money of a connected account, below zero if need be; or (`covered`) brings one
    that is below zero back to zero with the platform's money.
    """
    currency = _text(params, "currency", "usd")
    if covered:
        balances.cover(sim, ident, currency)
    else:
        amount = int(_number(params, "amount", 0))
        if amount <= 0:
            raise ApiError("amount must be a positive number.", param="amount")
        sim.balances.book(ident, kind="adjustment", amount=-amount, currency=currency, source=None)
    return sim.balances.balance(ident)


def violations(sim: Sim) -> dict[str, Any]:
    """Requests that did not fit the specification, but those that were expected; and answers."""
    found = sim.violations
    return {"requests": [text for _, text in found.requests], "responses": found.responses}


def arm(sim: Sim, params: dict[str, Any]) -> dict[str, Any]:
    """Arm a fault for the next `times` POSTs to `path`, or events of type `event`."""
    kind = params.get("kind")
    if kind not in FAULTS:
        raise ApiError(f"kind must be one of {', '.join(FAULTS)}.", param="kind")
    name = "event" if kind.endswith("_event") else "path"
    match = params.get(name)
    if not isinstance(match, str):
        raise ApiError(f"{name} is needed for {kind}.", param=name)
    times, hold = int(_number(params, "times", 1)), _number(params, "hold_seconds", 0)
    if times < 1 or not 0 <= hold <= 120:
        raise ApiError("times must be at least 1 and hold_seconds 0 to 120.")
    sim.faults.append(Fault(kind, match, times, hold))
    return {"armed": [[f.kind, f.match, f.times] for f in sim.faults]}


def state(sim: Sim, webhooks: Webhooks) -> dict[str, Any]:
    """Counts, the platform's balance, the sum over connected accounts, and the invariant."""
    sums: dict[tuple[str, str], int] = {}
    for record in sim.store.records["balance_transaction"].values():
        key = (record["_account"], record["currency"])
        sums[key] = sums.get(key, 0) + record["net"]
    connected: dict[str, list[int]] = {}
    for (account, currency), (available, pending) in sim.balances.totals.items():
        if account != PLATFORM:
            row = connected.setdefault(currency, [0, 0])
            row[0], row[1] = row[0] + available, row[1] + pending
    counts = {kind: len(rows) for kind, rows in sorted(sim.store.records.items())}
    return {
        "now": sim.now,
        "iso": iso(sim.now),
        "counts": {kind: n for kind, n in counts.items() if kind not in ("meta", "idempotency")},
        "platform": sim.balances.balance(PLATFORM),
        "connected": {
            currency: {"available": row[0], "pending": row[1]}
            for currency, row in sorted(connected.items())
        },
        "sums_match_balances": sums == {key: sum(row) for key, row in sim.balances.totals.items()},
        "webhooks_waiting": webhooks.waiting(),
        "faults": [[f.kind, f.match, f.times] for f in sim.faults],
    }
