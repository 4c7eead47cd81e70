"""Checkout sessions in mode `payment`, on a hosted page of the stand-in."""

from typing import Any

from stripe_double import customers, intents, methods
from stripe_double.core import DAY, Request, Sim, filtered
from stripe_double.errors import ApiError, need_url
from stripe_double.events import emit
from stripe_double.intents import MAXIMUM, MINIMUM
from stripe_double.means import DEBIT_DAYS, choices, kinds
from stripe_double.store import Record, new_id, public

# What would change the amount or the flow, and is not simulated. The rest only changes looks.
UNKNOWN = (
    "after_expiration",
    "automatic_tax",
    "customer_account",
    "discounts",
    "invoice_creation",
    "managed_payments",
    "optional_items",
    "setup_intent_data",
    "shipping_options",
    "subscription_data",
)
INTENT_DATA = {"description", "metadata", "receipt_email", "setup_future_usage", "transfer_group"}


def create_session(sim: Sim, request: Request) -> dict[str, Any]:
    """A session open for 24 hours (or until `expires_at`, 30 minutes to 24 hours ahead)."""
    params = request.params
    if params.get("mode") != "payment":
        raise ApiError("The stand-in simulates mode=payment only.", param="mode")
    if params.get("ui_mode", "hosted_page") != "hosted_page":
        raise ApiError("The stand-in simulates ui_mode=hosted_page only.", param="ui_mode")
    for name in UNKNOWN:
        if params.get(name) not in (None, {"enabled": False}):
            raise ApiError(f"The stand-in does not simulate {name}.", param=name)
    if "customer" in params:
        customers.find_live(sim, params["customer"], request.account)
        if "customer_email" in params:
            message = "You may only specify one of these parameters: customer, customer_email."
            raise ApiError(message)
    if "success_url" not in params:
        message = "Missing required param: success_url."
        raise ApiError(message, code="parameter_missing", param="success_url")
    need_url(params["success_url"], param="success_url")
    need_url(params.get("cancel_url"), param="cancel_url")
    intent_data = params.get("payment_intent_data", {})
    for name in sorted(set(intent_data) - INTENT_DATA):
        raise ApiError(f"The stand-in does not simulate {name}.", param="payment_intent_data")
    lines, currency = _lines(params)
    total = sum(line["amount_total"] for line in lines)
    if total < MINIMUM:
        message = f"The Checkout Session's total amount must be at least {MINIMUM} {currency}."
        raise ApiError(message, code="amount_too_small")
    if total > MAXIMUM:
        message = f"The Checkout Session's total amount must be no more than {MAXIMUM}."
        raise ApiError(message, code="amount_too_large")
    expires_at = params.get("expires_at", sim.now + DAY)
    if not sim.now + 1740 <= expires_at <= sim.now + DAY:
        message = "The `expires_at` timestamp must be between 30 minutes and 24 hours ahead."
        raise ApiError(message, param="expires_at")
    record = sim.store.insert("checkout.session", _session(sim, request, lines, currency))
    record = sim.store.update("checkout.session", record["id"], expires_at=expires_at)
    plan(sim, record)
    return public(record)


def plan(sim: Sim, session: Record) -> None:
    """Schedule its end. Also called for each session after a restart."""
    if session["status"] == "open":
        sim.schedule(session["expires_at"], "expire_session", session["id"])


def _lines(params: dict[str, Any]) -> tuple[list[dict[str, Any]], str]:
    items = params.get("line_items") or []
    if not items:
        message = "Missing required param: line_items."
        raise ApiError(message, code="parameter_missing", param="line_items")
    lines, currencies = [], set()
    for index, item in enumerate(items):
        price = item.get("price_data")
        where = f"line_items[{index}]"
        if price is None or "unit_amount" not in price or "product_data" not in price:
            message = "The stand-in needs price_data with unit_amount and product_data."
            raise ApiError(message, param=where)
        quantity = item.get("quantity", 1)
        if price["unit_amount"] < 0 or quantity < 1:
            raise ApiError("Invalid positive integer", param=f"{where}[quantity]")
        amount = price["unit_amount"] * quantity
        currencies.add(price["currency"].lower())
        lines.append(
            {
                "id": new_id("li"),
                "object": "item",
                "amount_discount": 0,
                "amount_subtotal": amount,
                "amount_tax": 0,
                "amount_total": amount,
                "currency": price["currency"].lower(),
                "description": price["product_data"]["name"],
                "price": None,
                "quantity": quantity,
            }
        )
    if len(currencies) > 1:
        raise ApiError("All line items must have the same currency.", param="line_items")
    return lines, currencies.pop()


def _session(sim: Sim, request: Request, lines: list[dict[str, Any]], currency: str) -> Record:
    params, ident = request.params, new_id("cs_test", 58)
    total = sum(line["amount_total"] for line in lines)
    return {
        "id": ident,
        "object": "checkout.session",
        "after_expiration": None,
        "allow_promotion_codes": None,
        "amount_subtotal": total,
        "amount_total": total,
        "automatic_tax": {"enabled": False, "liability": None, "status": None},
        "billing_address_collection": None,
        "cancel_url": params.get("cancel_url"),
        "client_reference_id": params.get("client_reference_id"),
        "client_secret": None,
        "consent": None,
        "consent_collection": None,
        "created": sim.now,
        "currency": currency,
        "custom_fields": [],
        "custom_text": {},
        "customer": params.get("customer"),
        "customer_creation": None
        if "customer" in params
        else params.get("customer_creation", "if_required"),
        "customer_details": None,
        "customer_email": params.get("customer_email"),
        "discounts": [],
        "expires_at": sim.now + DAY,
        "invoice": None,
        "invoice_creation": None,
        "livemode": False,
        "locale": None,
        "metadata": params.get("metadata", {}),
        "mode": "payment",
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": "if_required",
        "payment_method_options": {},
        "payment_method_types": _offered(params, currency),
        "payment_status": "unpaid",
        "recovered_from": None,
        "saved_payment_method_options": None,
        "setup_intent": None,
        "shipping_address_collection": None,
        "shipping_cost": None,
        "shipping_options": [],
        "status": "open",
        "submit_type": params.get("submit_type"),
        "subscription": None,
        "success_url": params["success_url"],
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": f"{sim.public_url}/c/pay/{ident}",
        "_account": request.account,
        "_lines": lines,
        "_intent_data": params.get("payment_intent_data", {}),
    }


def _offered(params: dict[str, Any], currency: str) -> list[str]:
    """What the page offers: as asked, else all that is simulated in the currency."""
    offered = kinds(currency)
    asked = params.get("payment_method_types") or offered
    excluded = params.get("excluded_payment_method_types", [])
    for kind in asked:
        if kind not in offered:
            message = f"The stand-in does not simulate {kind} in {currency}."
            raise ApiError(message, param="payment_method_types")
    left = [kind for kind in asked if kind not in excluded]
    if not left:
        raise ApiError("No payment method is left.", param="excluded_payment_method_types")
    return left


def pay_session(
    sim: Sim,
    ident: str,
    outcome: str,
    *,
    email: str | None = None,
    debit_days: int = DEBIT_DAYS,
) -> Record:
    """Pay (or be declined) with the test means of an outcome. Returns the session.

    A session that is already complete is left alone; an expired one is refused. A debit completes
    the session unpaid; `settle` or the clock ends it.
    """
    session = sim.store.get("checkout.session", ident)
    if session is None:
        raise ApiError(f"No such checkout.session: '{ident}'", status=404, code="resource_missing")
    offered = choices(session["currency"], session["payment_method_types"])
    if outcome not in offered:
        raise ApiError(f"outcome must be one of {', '.join(offered)}", param="outcome")
    if session["status"] == "complete":
        return session
    if session["status"] != "open":
        raise ApiError("This Checkout Session has expired.")
    account = session["_account"]
    email = email or session["customer_email"]
    customer = session["customer"]
    if customer is None and session["customer_creation"] == "always":
        customer = customers.insert(sim, account, {"email": email})["id"]
    method = methods.create(sim, offered[outcome], account, email=email)
    intent = intents.charge(sim, _intent(sim, session, customer), method, debit_days=debit_days)
    changes: dict[str, Any] = {"payment_intent": intent["id"], "customer": customer}
    if intent["status"] == "requires_payment_method":
        return sim.store.update("checkout.session", ident, **changes)
    if customer and intent["setup_future_usage"]:
        methods.keep(sim, method, customer)
    details = {
        "address": method["billing_details"]["address"],
        "email": email,
        "name": None,
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": [],
    }
    changes |= {
        "status": "complete",
        "payment_status": "paid" if intent["status"] == "succeeded" else "unpaid",
        "customer_details": details,
        "url": None,
    }
    session = sim.store.update("checkout.session", ident, **changes)
    emit(sim, "checkout.session.completed", session, account=account)
    return session


def _intent(sim: Sim, session: Record, customer: str | None) -> Record:
    """The session's intent, made when a person first tries to pay."""
    if session["payment_intent"] is not None:
        ident = session["payment_intent"]
        return sim.store.update("payment_intent", ident, customer=customer)
    return intents.insert(
        sim,
        session["_account"],
        amount=session["amount_total"],
        currency=session["currency"],
        kinds=session["payment_method_types"],
        data=session["_intent_data"],
        customer=customer,
        session=session["id"],
    )


def settle(sim: Sim, intent: str, *, paid: bool | None = None) -> Record | None:
    """The end of a debit, and what its checkout session tells of it."""
    ended = intents.settle(sim, intent, paid=paid)
    if ended is None or ended["_session"] is None:
        return ended
    session, word = ended["_session"], "failed"
    if ended["status"] == "succeeded":
        sim.store.update("checkout.session", session, payment_status="paid")
        word = "succeeded"
    found = sim.find("checkout.session", session, ended["_account"])
    emit(sim, f"checkout.session.async_payment_{word}", found, account=ended["_account"])
    return ended


def settle_session(sim: Sim, ident: str, *, paid: bool) -> Record:
    """Settle the debit under way in a session, or refuse."""
    session = sim.store.get("checkout.session", ident)
    if (
        session is None
        or session["payment_intent"] is None
        or settle(sim, session["payment_intent"], paid=paid) is None
    ):
        raise ApiError("No debit is under way in this Checkout Session.")
    return sim.find("checkout.session", ident, session["_account"])


def success_url(session: Record) -> str:
    """Where a paid session sends the person."""
    return session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"])


def expire(sim: Sim, ident: str) -> Record | None:
    session = sim.store.get("checkout.session", ident)
    if session is None or session["status"] != "open":
        return session
    session = sim.store.update("checkout.session", ident, status="expired", url=None)
    emit(sim, "checkout.session.expired", session, account=session["_account"])
    return session


def expire_session(sim: Sim, request: Request, session: str) -> dict[str, Any]:
    found = sim.find("checkout.session", session, request.account, param="session")
    if found["status"] != "open":
        message = (
            'Only Checkout Sessions with a status in ["open"] can be expired. '
            f"This Checkout Session has a status of {found['status']}."
        )
        raise ApiError(message)
    return public(expire(sim, session) or found)


def get_session(sim: Sim, request: Request, session: str) -> dict[str, Any]:
    return public(sim.find("checkout.session", session, request.account, param="session"))


def list_sessions(sim: Sim, request: Request) -> dict[str, Any]:
    return filtered(sim, request, "checkout.session", ("payment_intent", "status", "customer"))


def session_lines(sim: Sim, request: Request, session: str) -> dict[str, Any]:
    found = sim.find("checkout.session", session, request.account, param="session")
    rows = found["_lines"][: request.params.get("limit", 10)]
    more = len(rows) < len(found["_lines"])
    return {"object": "list", "data": rows, "has_more": more, "url": request.path}
