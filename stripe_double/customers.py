"""Customers: who payment methods are kept for."""

from typing import Any

from stripe_double import methods
from stripe_double.core import Request, Sim, page
from stripe_double.errors import ApiError
from stripe_double.events import emit
from stripe_double.store import Record, new_id, public
from stripe_double.updates import metadata

PLAIN = ("description", "email", "name", "phone", "address", "preferred_locales")


def create_customer(sim: Sim, request: Request) -> dict[str, Any]:
    _only_known(request, {*PLAIN, "payment_method"})
    customer = insert(sim, request.account, request.params)
    if "payment_method" in request.params:
        methods.keep(
            sim, methods.find(sim, request, request.params["payment_method"]), customer["id"]
        )
    return public(customer)


def insert(sim: Sim, account: str, params: dict[str, Any]) -> Record:
    ident = new_id("cus", 14)
    customer = sim.store.insert(
        "customer",
        {
            "id": ident,
            "object": "customer",
            "address": params.get("address") or None,
            "balance": 0,
            "created": sim.now,
            "currency": None,
            "default_source": None,
            "delinquent": False,
            "description": params.get("description"),
            "discount": None,
            "email": params.get("email"),
            "invoice_prefix": ident[-8:].upper(),
            "invoice_settings": {
                "custom_fields": None,
                "default_payment_method": None,
                "footer": None,
                "rendering_options": None,
            },
            "livemode": False,
            "metadata": params.get("metadata") or {},
            "name": params.get("name"),
            "next_invoice_sequence": 1,
            "phone": params.get("phone"),
            "preferred_locales": params.get("preferred_locales", []),
            "shipping": None,
            "tax_exempt": "none",
            "test_clock": None,
            "_account": account,
            "_deleted": False,
        },
    )
    emit(sim, "customer.created", customer, account=account)
    return customer


def _only_known(request: Request, names: set[str]) -> None:
    for name in sorted(set(request.params) - names - {"metadata", "expand"}):
        raise ApiError(f"The stand-in does not simulate {name} of a customer.", param=name)


def get_customer(sim: Sim, request: Request, customer: str) -> dict[str, Any]:
    return _shown(sim.find("customer", customer, request.account))


def _shown(record: Record) -> dict[str, Any]:
    if record["_deleted"]:
        return {"id": record["id"], "object": "customer", "deleted": True}
    return public(record)


def find_live(sim: Sim, ident: str, account: str) -> Record:
    """A customer that is not deleted, or Stripe's refusal (a 400 in the body of a request)."""
    record = sim.store.get("customer", ident)
    if record is None or record["_account"] != account or record["_deleted"]:
        message = f"No such customer: '{ident}'"
        raise ApiError(message, code="resource_missing", param="customer")
    return record


def list_customers(sim: Sim, request: Request) -> dict[str, Any]:
    email = request.params.get("email")

    def keep(record: Record) -> bool:
        return not record["_deleted"] and email in (None, record["email"])

    return page(sim, request, "customer", keep=keep, show=public)


def update_customer(sim: Sim, request: Request, customer: str) -> dict[str, Any]:
    _only_known(request, set(PLAIN))
    record = find_live(sim, customer, request.account)
    changes = {name: request.params[name] or None for name in PLAIN if name in request.params}
    record = sim.store.update("customer", customer, **changes, **metadata(record, request))
    emit(sim, "customer.updated", record, account=request.account)
    return public(record)


def delete_customer(sim: Sim, request: Request, customer: str) -> dict[str, Any]:
    """What it kept is detached with it."""
    record = find_live(sim, customer, request.account)
    for method in list(sim.store.newest_first("payment_method", request.account)):
        if method["customer"] == customer:
            sim.store.update("payment_method", method["id"], customer=None, _later="detached")
    emit(sim, "customer.deleted", record, account=request.account)
    return _shown(sim.store.update("customer", customer, _deleted=True))
