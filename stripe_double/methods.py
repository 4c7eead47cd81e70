"""Payment methods: of a checkout, or one of Stripe's named test methods; kept by a customer."""

from typing import Any

from stripe_double.core import Request, Sim, page
from stripe_double.errors import ApiError
from stripe_double.events import emit
from stripe_double.means import BY_NAME, BY_NUMBER, LATER, Means, billing_details, shown
from stripe_double.store import Record, new_id, public


def create(
    sim: Sim,
    means: Means,
    account: str,
    *,
    email: str | None = None,
    later: str | None = None,
) -> Record:
    return sim.store.insert(
        "payment_method",
        {
            "id": new_id("pm"),
            "object": "payment_method",
            "allow_redisplay": "unspecified",
            "billing_details": billing_details(email),
            "created": sim.now,
            "customer": None,
            "livemode": False,
            "metadata": {},
            "type": means.kind,
            means.kind: shown(means, on_charge=False),
            "_account": account,
            "_number": means.number,
            "_later": later or means.later,
        },
    )


def means_of(method: Record) -> Means:
    return BY_NUMBER[method["_number"]]


def find(sim: Sim, request: Request, ident: str, *, param: str = "payment_method") -> Record:
    """A stored payment method, or a new one like Stripe's `pm_card_visa`."""
    if ident in BY_NAME:
        return create(sim, BY_NAME[ident], request.account)
    return sim.find("payment_method", ident, request.account, param=param)


def keep(sim: Sim, method: Record, customer: str) -> Record:
    """Attach to a customer, to be charged again."""
    method = sim.store.update("payment_method", method["id"], customer=customer)
    emit(sim, "payment_method.attached", method, account=method["_account"])
    return method


def attach(sim: Sim, request: Request, payment_method: str) -> dict[str, Any]:
    method, customer = find(sim, request, payment_method), request.params.get("customer")
    if customer is None:
        message = "Missing required param: customer."
        raise ApiError(message, code="parameter_missing", param="customer")
    sim.find("customer", customer, request.account, param="customer")
    if method["customer"] not in (None, customer):
        message = "The payment method you provided has already been attached to a customer."
        raise ApiError(message, code="payment_method_unexpected_state")
    return public(keep(sim, method, customer))


def detach(sim: Sim, request: Request, payment_method: str) -> dict[str, Any]:
    """It is never charged again, nor attached again."""
    method = sim.find("payment_method", payment_method, request.account)
    if method["customer"] is None:
        message = "The payment method you provided is not attached to a customer."
        raise ApiError(message, code="payment_method_unexpected_state")
    before = {"customer": method["customer"]}
    method = sim.store.update("payment_method", method["id"], customer=None, _later="detached")
    emit(sim, "payment_method.detached", method, account=request.account, previous=before)
    return public(method)


def get_method(sim: Sim, request: Request, ident: str) -> dict[str, Any]:
    return public(sim.find("payment_method", ident, request.account))


def list_methods(sim: Sim, request: Request, customer: str | None = None) -> dict[str, Any]:
    customer = customer or request.params.get("customer")
    kind = request.params.get("type")
    if customer is not None:
        sim.find("customer", customer, request.account, param="customer")

    def fits(record: Record) -> bool:
        return record["customer"] == customer and kind in (None, record["type"])

    return page(sim, request, "payment_method", keep=fits, show=public)


def get_of_customer(sim: Sim, request: Request, customer: str, ident: str) -> dict[str, Any]:
    method = sim.find("payment_method", ident, request.account)
    if method["customer"] != customer:
        raise ApiError(f"No such payment_method: '{ident}'", status=404, code="resource_missing")
    return public(method)


def answer_later(sim: Sim, ident: str, outcome: Any) -> Record:
    """The switch of a saved one: how each later charge of it goes, until set again."""
    if outcome not in LATER:
        raise ApiError(f"next must be one of {', '.join(LATER)}.", param="next")
    if sim.store.get("payment_method", ident) is None:
        raise ApiError(f"No such payment_method: '{ident}'", status=404, code="resource_missing")
    return sim.store.update("payment_method", ident, _later=outcome)
