"""v2 accounts with the recipient configuration, and their single-use onboarding links."""

from typing import Any

from stripe_double.core import PLATFORM, Request, Sim, iso
from stripe_double.errors import ApiError, missing, need_url
from stripe_double.events import emit_thin, v2_page
from stripe_double.store import Record, new_id, public

CAPABILITY = "stripe_balance.stripe_transfers"
STATUS_EVENT = "v2.core.account[configuration.recipient].capability_status_updated"
REQUIREMENTS_EVENT = "v2.core.account[requirements].updated"
LINK_SECONDS = 300
REFUSED = "account_controller_unsupported_configuration"
EXPRESS = "account_controller_express_dash_without_application_losses_or_fees"


def create_account(sim: Sim, request: Request) -> dict[str, Any]:
    """A recipient account that must still be onboarded: transfers are `restricted`."""
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
        "configuration": {"recipient": _recipient("restricted")},
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
        "requirements": _requirements(),
        "_account": PLATFORM,
        "_onboarded": False,
        "_payouts_paused": False,
        "_interval": "daily",
    }


def _recipient(status: str) -> dict[str, Any]:
    details = (
        []
        if status == "active"
        else [{"code": "requirements_past_due", "resolution": "provide_info"}]
    )
    capability = {"status": status, "status_details": details}
    balance = {"stripe_transfers": capability, "payouts": capability}
    return {"applied": True, "capabilities": {"stripe_balance": balance}}


def _requirements() -> dict[str, Any]:
    deadline = {"status": "past_due"}
    restricts = [{"capability": CAPABILITY, "configuration": "recipient", "deadline": deadline}]
    entries = [
        {
            "awaiting_action_from": "user",
            "description": description,
            "errors": [],
            "impact": {"restricts_capabilities": restricts},
            "minimum_deadline": deadline,
            "requested_reasons": [{"code": "routine_onboarding"}],
        }
        for description in ("identity.individual.given_name", "defaults.external_account")
    ]
    return {"entries": entries, "summary": {"minimum_deadline": deadline}}


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


def create_link(sim: Sim, request: Request) -> dict[str, Any]:
    """A hosted onboarding address, good once and for five minutes."""
    account = find_account(sim, request.params["account"])
    use_case = request.params["use_case"]
    options = use_case.get(use_case["type"])
    if options is None:
        raise ApiError(f"use_case.{use_case['type']} is required.", code="invalid_request")
    if set(options["configurations"]) != set(account["applied_configurations"]):
        message = "configurations must match those applied to the account."
        raise ApiError(message, code="configs_must_match_to_use_account_links")
    for name in ("refresh_url", "return_url"):
        need_url(options.get(name), param=name, v2=True)
    ident = new_id("link", 32)
    expires_at = sim.now + LINK_SECONDS
    sim.store.insert(
        "account_link",
        {
            "id": ident,
            "_account": account["id"],
            "refresh_url": options["refresh_url"],
            "return_url": options.get("return_url", options["refresh_url"]),
            "expires_at": expires_at,
            "opened": False,
            "form": None,
        },
    )
    return {
        "object": "v2.core.account_link",
        "account": account["id"],
        "created": iso(sim.now),
        "expires_at": iso(expires_at),
        "livemode": False,
        "url": f"{sim.public_url}/setup/e/{ident}",
        "use_case": use_case,
    }


def open_link(sim: Sim, ident: str) -> Record:
    """Use up a link; a used or expired one raises, its page sends the person to `refresh_url`."""
    link = sim.store.get("account_link", ident)
    if link is None:
        raise ApiError("No such link.", status=404)
    if link["opened"] or link["expires_at"] < sim.now:
        raise ApiError("This link was used or has expired.", status=410)
    return sim.store.update("account_link", ident, opened=True, form=new_id("form", 32))


def finish_link(sim: Sim, ident: str, form: str, *, complete: bool) -> Record:
    """The onboarding form was sent: `complete`, or left for later."""
    link = sim.store.get("account_link", ident)
    if link is None or not link["form"] or link["form"] != form:
        raise ApiError("No such form.", status=404)
    if complete:
        verify(sim, link["_account"])
    emit_thin(sim, "v2.core.account_link.returned", find_account(sim, link["_account"]))
    return link


def verify(sim: Sim, ident: str) -> Record:
    """Onboarding complete: transfers become active. Doing it twice changes nothing."""
    record = find_account(sim, ident)
    if record["_onboarded"] and not record["_payouts_paused"]:
        return record
    was_active = record["_onboarded"]
    record = sim.store.update(
        "v2.core.account",
        ident,
        configuration={"recipient": _recipient("active")},
        requirements={"entries": []},
        _onboarded=True,
        _payouts_paused=False,
    )
    emit_thin(sim, REQUIREMENTS_EVENT, record)
    if not was_active:
        emit_thin(sim, STATUS_EVENT, record, data={"updated_capability": CAPABILITY})
    sim.balances.plan_sweep(ident)
    return record


def can_receive(record: Record) -> bool:
    recipient = record["configuration"]["recipient"]
    status = recipient["capabilities"]["stripe_balance"]["stripe_transfers"]["status"]
    return status == "active"
