"""Payment intents: made by a checkout, or by a request that charges a saved payment method."""

from typing import Any

from stripe_double import charges, customers, disputes, methods
from stripe_double.core import DAY, Request, Sim, filtered
from stripe_double.errors import ApiError, CardError
from stripe_double.events import emit
from stripe_double.means import CARD, DEBIT_DAYS, DEBIT_MESSAGE, MESSAGES, SEPA, US_BANK
from stripe_double.store import Record, new_id, public

MINIMUM, MAXIMUM = 50, 99_999_999
REASONS = ("abandoned", "duplicate", "fraudulent", "requested_by_customer")
KINDS = (CARD, US_BANK, SEPA)
CREATE = {
    "amount",
    "automatic_payment_methods",
    "confirm",
    "currency",
    "customer",
    "description",
    "error_on_requires_action",
    "expand",
    "mandate_data",
    "metadata",
    "off_session",
    "payment_method",
    "payment_method_types",
    "receipt_email",
    "return_url",
    "setup_future_usage",
    "transfer_group",
}
CONFIRM = {"expand", "mandate_data", "off_session", "payment_method", "return_url"}


def need_amount(amount: int, currency: str) -> None:
    if amount < MINIMUM:
        message = f"Amount must be at least {MINIMUM} {currency}."
        raise ApiError(message, code="amount_too_small", param="amount")
    if amount > MAXIMUM:
        message = f"Amount must be no more than {MAXIMUM}."
        raise ApiError(message, code="amount_too_large", param="amount")


def create_intent(sim: Sim, request: Request) -> dict[str, Any]:
    """With `confirm`, charge `payment_method` now; `off_session`: its owner is not there."""
    params = request.params
    _only(params, CREATE)
    currency = params["currency"].lower()
    need_amount(params["amount"], currency)
    if "customer" in params:
        customers.find_live(sim, params["customer"], request.account)
    wanted = params.get("payment_method_types", [CARD])
    for kind in wanted:
        if kind not in KINDS:
            raise ApiError(f"The stand-in does not simulate {kind}.", param="payment_method_types")
    if params.get("off_session") and not params.get("confirm"):
        raise ApiError("off_session needs confirm=true.", param="off_session")
    intent = insert(
        sim,
        request.account,
        amount=params["amount"],
        currency=currency,
        kinds=list(wanted),
        data=params,
        customer=params.get("customer"),
    )
    if "payment_method" in params:
        method = _method(sim, request, intent)
        intent = sim.store.update(
            "payment_intent",
            intent["id"],
            payment_method=method["id"],
            payment_method_types=sorted({*wanted, method["type"]}),
            status="requires_confirmation",
        )
    if params.get("confirm"):
        intent = _confirm(sim, intent, off_session=bool(params.get("off_session")))
    return public(intent)


def _only(params: dict[str, Any], names: set[str]) -> None:
    for name in sorted(set(params) - names):
        raise ApiError(f"The stand-in does not simulate {name} of a payment intent.", param=name)


def _method(sim: Sim, request: Request, intent: Record) -> Record:
    method = methods.find(sim, request, request.params["payment_method"])
    if method["_later"] == "detached":
        message = "The provided PaymentMethod was detached and can't be used again."
        raise ApiError(message, param="payment_method")
    if method["customer"] is not None and method["customer"] != intent["customer"]:
        message = (
            "The provided PaymentMethod cannot be attached. To reuse a PaymentMethod, you must"
            " give the customer that it is attached to."
        )
        raise ApiError(message, param="payment_method")
    return method


def confirm_intent(sim: Sim, request: Request, intent: str) -> dict[str, Any]:
    found = sim.find("payment_intent", intent, request.account, param="intent")
    _only(request.params, CONFIRM)
    if found["status"] not in ("requires_payment_method", "requires_confirmation"):
        raise _unexpected(found, "confirm")
    if "payment_method" in request.params:
        method = _method(sim, request, found)
        found = sim.store.update("payment_intent", intent, payment_method=method["id"])
    return public(_confirm(sim, found, off_session=bool(request.params.get("off_session"))))


def _unexpected(intent: Record, what: str) -> ApiError:
    message = f"You cannot {what} this PaymentIntent because it has a status of {intent['status']}."
    return ApiError(message, code="payment_intent_unexpected_state", param="intent")


def _confirm(sim: Sim, intent: Record, *, off_session: bool) -> Record:
    """The intent after its charge. A refusal of the card is a 402 whose work is kept."""
    if intent["payment_method"] is None:
        message = "You cannot confirm this PaymentIntent because it's missing a payment method."
        raise ApiError(message, code="payment_intent_unexpected_state")
    method = sim.find("payment_method", intent["payment_method"], intent["_account"])
    intent = charge(sim, intent, method, off_session=off_session)
    error = intent["last_payment_error"]
    if error is not None:
        raise CardError(
            error["message"],
            code=error["code"],
            more={
                "charge": error["charge"],
                "decline_code": error["decline_code"],
                "payment_intent": public(intent),
                "payment_method": error["payment_method"],
            },
        )
    return intent


def insert(
    sim: Sim,
    account: str,
    *,
    amount: int,
    currency: str,
    kinds: list[str],
    data: dict[str, Any],
    customer: str | None = None,
    session: str | None = None,
) -> Record:
    """`data` holds what a client may say of an intent: description, metadata, ..."""
    ident = new_id("pi")
    record = sim.store.insert(
        "payment_intent",
        {
            "id": ident,
            "object": "payment_intent",
            "amount": amount,
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
            "currency": currency,
            "customer": customer,
            "description": data.get("description"),
            "last_payment_error": None,
            "latest_charge": None,
            "livemode": False,
            "metadata": data.get("metadata") or {},
            "next_action": None,
            "on_behalf_of": None,
            "payment_method": None,
            "payment_method_options": {},
            "payment_method_types": kinds,
            "processing": None,
            "receipt_email": data.get("receipt_email"),
            "review": None,
            "setup_future_usage": data.get("setup_future_usage"),
            "shipping": None,
            "statement_descriptor": None,
            "statement_descriptor_suffix": None,
            "status": "requires_payment_method",
            "transfer_data": None,
            "transfer_group": data.get("transfer_group"),
            "_account": account,
            "_session": session,
            "_settles_at": None,
        },
    )
    emit(sim, "payment_intent.created", record, account=account)
    return record


def charge(
    sim: Sim,
    intent: Record,
    method: Record,
    *,
    off_session: bool = False,
    debit_days: int = DEBIT_DAYS,
) -> Record:
    """Charge a payment method. Returns the intent: `succeeded`, `processing` (a debit), or
    `requires_payment_method` with its `last_payment_error`.
    """
    means = methods.means_of(method)
    outcome = method["_later"] if off_session else "decline" if means.decline else "ok"
    if outcome == "processing" or (means.is_debit and outcome != "authentication_required"):
        return _start_debit(sim, intent, method, debit_days)
    if outcome != "ok":
        declined = means.decline or "generic_decline"
        declined = outcome if outcome == "authentication_required" else declined
        return _decline(sim, intent, method, declined)
    made = charges.succeed(sim, intent, method)
    intent = _succeed(sim, intent, made)
    if means.dispute:
        disputes.open_dispute(sim, made, reason=means.dispute)
    return intent


def _decline(sim: Sim, intent: Record, method: Record, declined: str) -> Record:
    made = charges.fail(sim, intent, method, declined)
    return _fail(sim, intent, made, method, decline_code=declined, kind="card_error")


def _fail(
    sim: Sim, intent: Record, made: Record, method: Record, *, decline_code: str, kind: str
) -> Record:
    error = {
        "type": kind,
        "code": made["failure_code"],
        "decline_code": decline_code,
        "message": MESSAGES[decline_code] if kind == "card_error" else DEBIT_MESSAGE,
        "charge": made["id"],
        "payment_method": public(method),
    }
    intent = sim.store.update(
        "payment_intent",
        intent["id"],
        last_payment_error=error,
        latest_charge=made["id"],
        payment_method=None,
        status="requires_payment_method",
        _settles_at=None,
    )
    emit(sim, "payment_intent.payment_failed", intent, account=intent["_account"])
    return intent


def _succeed(sim: Sim, intent: Record, made: Record) -> Record:
    intent = sim.store.update(
        "payment_intent",
        intent["id"],
        status="succeeded",
        amount_received=intent["amount"],
        last_payment_error=None,
        latest_charge=made["id"],
        payment_method=made["payment_method"],
        _settles_at=None,
    )
    emit(sim, "payment_intent.succeeded", intent, account=intent["_account"])
    return intent


def _start_debit(sim: Sim, intent: Record, method: Record, days: int) -> Record:
    made = charges.start_debit(sim, intent, method, days=days)
    intent = sim.store.update(
        "payment_intent",
        intent["id"],
        status="processing",
        last_payment_error=None,
        latest_charge=made["id"],
        payment_method=method["id"],
        _settles_at=sim.now + days * DAY,
    )
    emit(sim, "payment_intent.processing", intent, account=intent["_account"])
    plan(sim, intent)
    return intent


def plan(sim: Sim, intent: Record) -> None:
    """Schedule the end of a debit. Also called for each intent after a restart."""
    if intent["status"] == "processing":
        sim.schedule(intent["_settles_at"], "debit", intent["id"])


def settle(sim: Sim, ident: str, *, paid: bool | None = None) -> Record | None:
    """The end of a debit: as its means says, or as told. None when there is none under way."""
    intent = sim.store.get("payment_intent", ident)
    if intent is None or intent["status"] != "processing":
        return None
    method = sim.find("payment_method", intent["payment_method"], intent["_account"])
    made = sim.find("charge", intent["latest_charge"], intent["_account"])
    if paid is None:
        paid = not methods.means_of(method).decline and method["_later"] != "decline"
    if paid:
        return _succeed(sim, intent, charges.finish_debit(sim, made))
    made = charges.return_debit(sim, made)
    return _fail(
        sim, intent, made, method, decline_code=made["failure_code"], kind="invalid_request_error"
    )


def cancel_intent(sim: Sim, request: Request, intent: str) -> dict[str, Any]:
    found = sim.find("payment_intent", intent, request.account, param="intent")
    if found["status"] not in ("requires_payment_method", "requires_confirmation"):
        raise _unexpected(found, "cancel")
    reason = request.params.get("cancellation_reason")
    if reason not in (None, *REASONS):
        message = f"Invalid cancellation_reason: must be one of {', '.join(REASONS)}"
        raise ApiError(message, param="cancellation_reason")
    if found["_session"]:
        raise ApiError("This PaymentIntent belongs to a Checkout Session: expire the session.")
    found = sim.store.update(
        "payment_intent",
        intent,
        canceled_at=sim.now,
        cancellation_reason=reason,
        status="canceled",
    )
    emit(sim, "payment_intent.canceled", found, account=request.account)
    return public(found)


def get_intent(sim: Sim, request: Request, intent: str) -> dict[str, Any]:
    return public(sim.find("payment_intent", intent, request.account, param="intent"))


def list_intents(sim: Sim, request: Request) -> dict[str, Any]:
    return filtered(sim, request, "payment_intent", ("customer",))
