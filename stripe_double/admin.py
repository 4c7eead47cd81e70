"""The stand-in's own endpoints under /_double/: clock, state, faults, and a person's clicks.

They take JSON only, so that a web page of another origin cannot post to them by a plain form.
"""

import json
from typing import Any

from stripe_double import accounts, checkout, payouts
from stripe_double.core import PLATFORM, Fault, Sim, iso
from stripe_double.errors import ApiError
from stripe_double.store import new_id, public
from stripe_double.webhooks import Webhooks

FAULTS = ("timeout_after_commit", "error_500", "error_429", "duplicate_event", "drop_event")
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
        case ("POST", "clock"):
            sim.advance(int(_number(params, "advance_seconds", 0)))
            return {"now": sim.now, "iso": iso(sim.now)}
        case ("POST", "fault"):
            return arm(sim, params)
        case ("POST", "accounts", ident, "verify"):
            return accounts.shown(accounts.verify(sim, ident), INCLUDE)
        case ("POST", "checkout", ident, "pay"):
            return _pay(sim, ident, params)
        case ("POST", "payouts", ident, "fail"):
            return public(payouts.fail(sim, ident))
        case ("POST", "topups"):
            return _top_up(sim, params)
    raise ApiError("There is no such endpoint.", status=404)


def _top_up(sim: Sim, params: dict[str, Any]) -> dict[str, Any]:
    """The operator's own money: a bank transfer to the platform's balance, available at once."""
    amount = int(_number(params, "amount", 0))
    if amount <= 0:
        raise ApiError("amount must be a positive number of minor units.", param="amount")
    currency = str(params.get("currency", "usd"))
    ident = new_id("tu")
    booked = sim.balances.book(
        PLATFORM, kind="topup", amount=amount, currency=currency, source=ident
    )
    top_up = {
        "id": ident,
        "object": "topup",
        "amount": amount,
        "balance_transaction": booked["id"],
        "created": sim.now,
        "currency": currency,
        "description": None,
        "expected_availability_date": sim.now,
        "failure_code": None,
        "failure_message": None,
        "livemode": False,
        "metadata": {},
        "source": None,
        "statement_descriptor": None,
        "status": "succeeded",
        "transfer_group": None,
        "_account": PLATFORM,
    }
    return public(sim.store.insert("topup", top_up))


def _pay(sim: Sim, ident: str, params: dict[str, Any]) -> dict[str, Any]:
    outcome = params.get("outcome", "paid")
    if outcome not in ("paid", "declined"):
        raise ApiError("outcome must be paid or declined.", param="outcome")
    if outcome == "paid" and params.get("available"):
        outcome = "available"
    session = checkout.pay_session(sim, ident, outcome)
    done = session["status"] == "complete"
    return {
        "session": public(session),
        "redirect_url": checkout.success_url(session) if done else None,
    }


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
