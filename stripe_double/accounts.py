"""v2 accounts with the recipient configuration: made, read, updated, closed."""

from typing import Any

from stripe_double import stages
from stripe_double.core import PLATFORM, Request, Sim, iso
from stripe_double.errors import ApiError, missing
from stripe_double.events import emit_thin, v2_page
from stripe_double.store import Record, new_id, public

# Where a platform in the US pays by itself (docs.stripe.com/connect/cross-border-payouts).
HOME = "us"
EEA = "at be bg cy cz de dk ee es fi fr gr hr hu ie is it li lt lu lv mt nl no pl pt ro se si sk"
PAYABLE = frozenset({HOME, "gb", "ca", "ch", *EEA.split()})
REFUSED = "account_controller_unsupported_configuration"
EXPRESS = "account_controller_express_dash_without_application_losses_or_fees"


def create_account(sim: Sim, request: Request) -> dict[str, Any]:
    """A recipient account that must still be onboarded: transfers are `restricted`. In a country
    that can't be paid they are `unsupported`, for good.
    """
    params = request.params
    configuration = params.get("configuration", {})
    if set(configuration) != {"recipient"} or not _requested(configuration["recipient"]):
        message = "The stand-in simulates the recipient configuration with stripe_transfers only."
        raise ApiError(message, code="account_configuration_not_supported")
    country = params.get("identity", {}).get("country")
    if not country:
        message = "identity.country is required for this configuration."
        raise ApiError(message, code="identity_country_required")
    responsibilities = params.get("defaults", {}).get("responsibilities")
    if responsibilities is None:
        message = "defaults.responsibilities is required for this configuration."
        raise ApiError(message, code=REFUSED)
    collectors = {responsibilities.get(f"{what}_collector") for what in ("fees", "losses")}
    if params.get("dashboard") == "express" and collectors != {"application"}:
        message = "The express dashboard needs fees and losses collected by the application."
        raise ApiError(message, code=EXPRESS)
    record = sim.store.insert("v2.core.account", _account(sim, params))
    emit_thin(sim, "v2.core.account.created", record)
    return shown(record, params.get("include", []))


def _requested(recipient: dict[str, Any]) -> bool:
    stripe_balance = recipient.get("capabilities", {}).get("stripe_balance", {})
    return bool(stripe_balance.get("stripe_transfers", {}).get("requested"))


def _account(sim: Sim, params: dict[str, Any]) -> Record:
    responsibilities = params["defaults"]["responsibilities"]
    stage = "new" if params["identity"]["country"].lower() in PAYABLE else "unsupported"
    defaults = {
        "currency": params["defaults"].get("currency", "usd"),
        "locales": params["defaults"].get("locales", []),
        "responsibilities": {**responsibilities, "requirements_collector": "stripe"},
    }
    return {
        "id": new_id("acct", 16),
        "object": "v2.core.account",
        "applied_configurations": ["recipient"],
        "closed": False,
        "configuration": {"recipient": stages.recipient(stage)},
        "contact_email": params.get("contact_email"),
        "contact_phone": params.get("contact_phone"),
        "created": iso(sim.now),
        "dashboard": params.get("dashboard", "none"),
        "defaults": defaults,
        "display_name": params.get("display_name"),
        "future_requirements": {"entries": []},
        "identity": params["identity"],
        "livemode": False,
        "metadata": params.get("metadata", {}),
        "requirements": stages.requirements(stage, sim.now),
        "_account": PLATFORM,
        "_stage": stage,
        "_due_at": None,
        "_payouts_paused": False,
        "_interval": "daily",
        "_debit_negative": False,
    }


def shown(record: Record, include: list[str]) -> dict[str, Any]:
    """v2 shows the large parts only when `include` names them; the rest is null."""
    body = public(record)
    for name in ("defaults", "identity", "requirements", "future_requirements"):
        if name not in include:
            body[name] = None
    if "configuration.recipient" not in include:
        body["configuration"] = None
    return body


def get_account(sim: Sim, request: Request, ident: str) -> dict[str, Any]:
    return shown(find_account(sim, ident), request.params.get("include", []))


def find_account(sim: Sim, ident: str) -> Record:
    record = sim.store.get("v2.core.account", ident)
    if record is None:
        raise missing("account", ident, v2=True)
    return record


def update_account(sim: Sim, request: Request, ident: str) -> dict[str, Any]:
    """Contact, display name and metadata; a key of metadata set to "" is removed."""
    record, params = find_account(sim, ident), request.params
    changes: dict[str, Any] = {
        name: params[name]
        for name in ("contact_email", "contact_phone", "display_name")
        if name in params
    }
    if "metadata" in params:
        merged = {**record["metadata"], **params["metadata"]}
        changes["metadata"] = {key: value for key, value in merged.items() if value}
    rest = set(params) - set(changes) - {"include"}
    if rest:
        message = f"The stand-in does not simulate updating {', '.join(sorted(rest))}."
        raise ApiError(message, code="invalid_request")
    record = sim.store.update("v2.core.account", ident, **changes)
    emit_thin(sim, "v2.core.account.updated", record)
    return shown(record, params.get("include", []))


def list_accounts(sim: Sim, request: Request) -> dict[str, Any]:
    wanted = set(request.params.get("applied_configurations", []))
    closed = request.params.get("closed", False)

    def keep(record: Record) -> bool:
        return wanted <= set(record["applied_configurations"]) and record["closed"] == closed

    return v2_page(
        sim, request, "v2.core.account", keep=keep, show=lambda record: shown(record, [])
    )


def is_abroad(record: Record) -> bool:
    """Money to another country than the platform's is available a day later."""
    return record["identity"]["country"].lower() != HOME


def close_account(sim: Sim, request: Request, ident: str) -> dict[str, Any]:
    """No more transfers to it. Refused while there is money in it, or a debt."""
    record = find_account(sim, ident)
    asked = request.params.get("applied_configurations", record["applied_configurations"])
    if asked != record["applied_configurations"]:
        message = "applied_configurations must match those of the account."
        raise ApiError(message, code="configs_must_match_to_close")
    if any(any(sim.balances.totals[key]) for key in sim.balances.totals if key[0] == ident):
        message = "An account with a balance can't be closed."
        raise ApiError(message, code="cannot_delete_account_with_balance")
    if not record["closed"]:
        record = stages.enter(sim, record, "refused")
        record = sim.store.update("v2.core.account", ident, closed=True)
        emit_thin(sim, "v2.core.account.closed", record)
    return shown(record, [])
