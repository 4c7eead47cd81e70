"""How far a connected account is with its onboarding, and what Stripe still asks for at each stage.

given -> bank -> review -> active <-> due -> past_due, or refused, or unsupported
"""

from typing import Any

from stripe_double import banks
from stripe_double.core import DAY, PLATFORM, Sim, iso
from stripe_double.errors import ApiError
from stripe_double.events import emit_thin
from stripe_double.store import Record

CAPABILITY = "stripe_balance.stripe_transfers"
STATUS_EVENT = "v2.core.account[configuration.recipient].capability_status_updated"
REQUIREMENTS_EVENT = "v2.core.account[requirements].updated"
GRACE_DAYS = 14
NAME, BANK = "identity.individual.given_name", "defaults.external_account"
DOCUMENT = "identity.individual.documents.primary_verification"

# Stage: capability status, why, who can change it, what is asked for, and from whom.
STAGES: dict[str, tuple[str, str, str, tuple[str, ...], str]] = {
    "new": ("restricted", "requirements_past_due", "provide_info", (NAME, BANK), "user"),
    "bank": ("restricted", "requirements_past_due", "provide_info", (BANK,), "user"),
    "review": (
        "pending",
        "requirements_pending_verification",
        "no_resolution",
        (DOCUMENT,),
        "stripe",
    ),
    "active": ("active", "", "", (), ""),
    "due": ("active", "", "", (DOCUMENT,), "user"),
    "past_due": ("restricted", "requirements_past_due", "provide_info", (DOCUMENT,), "user"),
    "refused": ("restricted", "restricted_other", "contact_stripe", (), ""),
    "unsupported": ("unsupported", "unsupported_country", "no_resolution", (), ""),
}


def recipient(stage: str) -> dict[str, Any]:
    """The recipient configuration at a stage."""
    status, code, resolution, _, _ = STAGES[stage]
    details = [{"code": code, "resolution": resolution}] if code else []
    capability = {"status": status, "status_details": details}
    balance = {"stripe_transfers": capability, "payouts": capability}
    return {"applied": True, "capabilities": {"stripe_balance": balance}}


def requirements(stage: str, now: int) -> dict[str, Any]:
    """What is asked for; at `due` until GRACE_DAYS from now, at the others since before."""
    _, _, _, asked, who = STAGES[stage]
    if not asked:
        return {"entries": []}
    deadline: dict[str, Any] = {"status": "currently_due" if stage == "due" else "past_due"}
    routine = "routine_onboarding" if stage in ("new", "bank") else "routine_verification"
    restricts = [{"capability": CAPABILITY, "configuration": "recipient", "deadline": deadline}]
    entries = [
        {
            "awaiting_action_from": who,
            "description": description,
            "errors": [],
            "impact": {"restricts_capabilities": restricts},
            "minimum_deadline": deadline,
            "requested_reasons": [{"code": routine}],
        }
        for description in asked
    ]
    summary = {**deadline, "time": iso(now + GRACE_DAYS * DAY)} if stage == "due" else deadline
    return {"entries": entries, "summary": {"minimum_deadline": summary}}


def enter(sim: Sim, account: Record, stage: str) -> Record:
    """Bring an account to a stage; Stripe's thin events tell what changed, and only that."""
    if stage not in STAGES:
        raise ApiError(f"stage must be one of {', '.join(STAGES)}.", param="stage")
    before = account["_stage"]
    if before == stage:
        return account
    account = sim.store.update(
        "v2.core.account",
        account["id"],
        configuration={"recipient": recipient(stage)},
        requirements=requirements(stage, sim.now),
        _stage=stage,
        _due_at=sim.now + GRACE_DAYS * DAY if stage == "due" else None,
    )
    if STAGES[before][3:] != STAGES[stage][3:] or "due" in (before, stage):
        emit_thin(sim, REQUIREMENTS_EVENT, account)
    if STAGES[before][0] != STAGES[stage][0]:
        emit_thin(sim, STATUS_EVENT, account, data={"updated_capability": CAPABILITY})
    plan(sim, account)
    sim.balances.plan_sweep(account["id"])
    return account


def plan(sim: Sim, account: Record) -> None:
    """Schedule the deadline of what is due. Also called for each account after a restart."""
    if account["_stage"] == "due":
        sim.schedule(account["_due_at"], "requirements_due", account["id"])


def overdue(sim: Sim, ident: str) -> None:
    account = sim.store.get("v2.core.account", ident)
    if account is not None and account["_stage"] == "due" and account["_due_at"] <= sim.now:
        enter(sim, account, "past_due")


def verify(sim: Sim, ident: str) -> Record:
    """Onboarding complete, a bank account with it: transfers become active, payouts go on. Doing it
    twice changes nothing.
    """
    account = sim.find("v2.core.account", ident, PLATFORM)
    if account["_stage"] == "unsupported":
        raise ApiError("Stripe does not pay to this country.", param="account")
    if banks.current(sim, ident) is None:
        banks.add(sim, account)
    if account["_payouts_paused"]:
        account = resume(sim, account)
    return enter(sim, account, "active")


def resume(sim: Sim, account: Record) -> Record:
    """Automatic payouts go on after one had failed."""
    account = sim.store.update("v2.core.account", account["id"], _payouts_paused=False)
    sim.balances.plan_sweep(account["id"])
    emit_thin(sim, REQUIREMENTS_EVENT, account)
    return account


def is_active(account: Record) -> bool:
    """May it receive transfers, and be paid out."""
    return STAGES[account["_stage"]][0] == "active"
