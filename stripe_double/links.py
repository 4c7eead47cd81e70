"""Single-use onboarding links of v2 accounts, and what comes of their form."""

from typing import Any

from stripe_double import stages
from stripe_double.accounts import find_account
from stripe_double.core import Request, Sim, iso
from stripe_double.errors import ApiError, need_url
from stripe_double.events import emit_thin
from stripe_double.store import Record, new_id

SECONDS = 300


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
    expires_at = sim.now + SECONDS
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


def finish_link(sim: Sim, ident: str, form: str, action: str) -> Record:
    """The onboarding form was sent: complete, waiting for Stripe's review, or left for later."""
    link = sim.store.get("account_link", ident)
    if link is None or not link["form"] or link["form"] != form:
        raise ApiError("No such form.", status=404)
    account = find_account(sim, link["_account"])
    if action == "complete":
        account = stages.verify(sim, account["id"])
    elif action == "review":
        account = stages.enter(sim, account, "review")
    emit_thin(sim, "v2.core.account_link.returned", account)
    return link
