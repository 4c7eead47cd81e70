"""The bank account that a connected account is paid out to: one, simulated, made by onboarding."""

from typing import Any

from stripe_double.core import Request, Sim, page
from stripe_double.errors import ApiError, missing
from stripe_double.events import emit, emit_thin
from stripe_double.store import Record, new_id, public

CHANGED = "v2.core.account[configuration.recipient].updated"


def current(sim: Sim, account: str) -> Record | None:
    """The one in use."""
    rows = sim.store.newest_first("bank_account", account)
    return next((row for row in rows if not row["_deleted"]), None)


def add(sim: Sim, account: Record, last4: str = "6789") -> Record:
    """A new one, in place of the one before. Both kinds of event tell it."""
    if not (len(last4) == 4 and last4.isdigit()):
        raise ApiError("last4 must be four digits.", param="last4")
    before = current(sim, account["id"])
    ident = new_id("ba")
    bank = sim.store.insert(
        "bank_account",
        {
            "id": ident,
            "object": "bank_account",
            "account": account["id"],
            "account_holder_name": None,
            "account_holder_type": "individual",
            "account_type": None,
            "available_payout_methods": ["standard", "instant"],
            "bank_name": "STRIPE TEST BANK",
            "country": account["identity"]["country"].upper(),
            "created": sim.now,
            "currency": account["defaults"]["currency"],
            "default_for_currency": True,
            "fingerprint": f"simulated{ident[-7:]}",
            "last4": last4,
            "metadata": {},
            "routing_number": None,
            "status": "new",
            "_account": account["id"],
            "_deleted": False,
        },
    )
    emit(sim, "account.external_account.created", _shown(bank), account=account["id"])
    if before is not None:
        remove(sim, before)
    emit_thin(sim, CHANGED, account)
    return bank


def remove(sim: Sim, bank: Record) -> None:
    bank = sim.store.update("bank_account", bank["id"], default_for_currency=False, _deleted=True)
    emit(sim, "account.external_account.deleted", _shown(bank), account=bank["account"])


def take_away(sim: Sim, account: Record) -> None:
    """No bank account is left."""
    remove(sim, _needed(sim, account["id"]))
    emit_thin(sim, CHANGED, account)


def update(sim: Sim, account: Record) -> Record:
    """Something small changed at the same bank account."""
    bank = _needed(sim, account["id"])
    bank = sim.store.update("bank_account", bank["id"], status="validated")
    emit(sim, "account.external_account.updated", _shown(bank), account=account["id"])
    emit_thin(sim, CHANGED, account)
    return bank


def _needed(sim: Sim, account: str) -> Record:
    bank = current(sim, account)
    if bank is None:
        raise ApiError("This account has no bank account.", param="account")
    return bank


def _shown(bank: Record) -> dict[str, Any]:
    return {name: value for name, value in public(bank).items() if name != "created"}


def list_banks(sim: Sim, request: Request, account: str) -> dict[str, Any]:
    _need_account(sim, account)
    inner = Request(request.method, request.path, request.params, account=account)
    wanted = request.params.get("object", "bank_account")

    def keep(record: Record) -> bool:
        return not record["_deleted"] and wanted == "bank_account"

    return page(sim, inner, "bank_account", keep=keep, show=_shown)


def get_bank(sim: Sim, _request: Request, account: str, ident: str) -> dict[str, Any]:
    _need_account(sim, account)
    bank = sim.find("bank_account", ident, account)
    if bank["_deleted"]:
        raise missing("external account", ident)
    return _shown(bank)


def _need_account(sim: Sim, account: str) -> None:
    if sim.store.get("v2.core.account", account) is None:
        raise missing("account", account, param="account")
