"""Disputes: money withdrawn with a fee, evidence, and the bank's word. Opened by a test card or by
the stand-in's own endpoint; the deadline for evidence passes by the clock.
"""

from typing import Any

from stripe_double import methods
from stripe_double.core import DAY, Request, Sim, filtered
from stripe_double.errors import ApiError
from stripe_double.events import emit
from stripe_double.means import CARD
from stripe_double.spec import property_names
from stripe_double.store import Record, new_id, public
from stripe_double.updates import metadata

FEE = 1500
DAYS = 14
OPEN = ("needs_response", "warning_needs_response")
# Stripe's own words for tests: evidence with such a text is decided at once.
DECISIVE = {"winning_evidence": "won", "losing_evidence": "lost"}


def open_dispute(
    sim: Sim,
    charge: Record,
    *,
    amount: int | None = None,
    reason: str = "fraudulent",
    status: str = "needs_response",
    withdraw: bool = True,
) -> Record:
    """The owner of a card or account asks for the money back. An inquiry (`warning_...`) withdraws
    nothing; neither does `withdraw=False`, until `withdraw_funds`.
    """
    left = charge["amount"] - charge["amount_refunded"]
    amount = left if amount is None else amount
    if charge["status"] != "succeeded" or charge["disputed"] or charge["source_transfer"]:
        raise ApiError(f"Charge {charge['id']} can't be disputed.", param="charge")
    if not 0 < amount <= left:
        raise ApiError(f"amount must be 1 to {left}.", param="amount")
    is_inquiry = status.startswith("warning_")
    method = sim.find("payment_method", charge["payment_method"], charge["_account"])
    dispute = {
        "id": new_id("du"),
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": sim.now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {**dict.fromkeys(property_names("dispute_evidence")), "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": sim.now + DAYS * DAY,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": is_inquiry,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "reason": reason,
        "status": status,
        "_account": charge["_account"],
    }
    if methods.means_of(method).kind == CARD:
        case = "inquiry" if is_inquiry else "chargeback"
        card = {"brand": "visa", "case_type": case, "network_reason_code": "10.4"}
        dispute["payment_method_details"] = {"card": card, "type": "card"}
    record = sim.store.insert("dispute", dispute)
    sim.store.update("charge", charge["id"], disputed=True)
    emit(sim, "charge.dispute.created", record, account=record["_account"])
    plan(sim, record)
    if withdraw and not is_inquiry:
        record = withdraw_funds(sim, record)
    return record


def withdraw_funds(sim: Sim, dispute: Record) -> Record:
    """Amount and fee leave the balance at once, below zero if need be."""
    if dispute["balance_transactions"]:
        raise ApiError("The money of this dispute was withdrawn before.")
    dispute = _book(
        sim, dispute, -dispute["amount"], fee=FEE, reporting="dispute", text="withdrawal"
    )
    dispute = sim.store.update("dispute", dispute["id"], is_charge_refundable=False)
    emit(sim, "charge.dispute.funds_withdrawn", dispute, account=dispute["_account"])
    return dispute


def _book(sim: Sim, dispute: Record, amount: int, *, fee: int, reporting: str, text: str) -> Record:
    transaction = sim.balances.book(
        dispute["_account"],
        kind="adjustment",
        amount=amount,
        fee=fee,
        currency=dispute["currency"],
        source=dispute["id"],
        reporting=reporting,
        description=f"Chargeback {text} for {dispute['charge']}",
        fee_label="Dispute fee",
    )
    rows = [*dispute["balance_transactions"], public(transaction)]
    return sim.store.update("dispute", dispute["id"], balance_transactions=rows)


def close(sim: Sim, dispute: Record, status: str, *, return_fee: bool = False) -> Record:
    """The bank has decided. Won: the money comes back, the fee only when told so."""
    withdrawn = sum(row["amount"] for row in dispute["balance_transactions"])
    if status == "won" and withdrawn < 0:
        fee = -FEE if return_fee else 0
        dispute = _book(
            sim, dispute, -withdrawn, fee=fee, reporting="dispute_reversal", text="reversal"
        )
        emit(sim, "charge.dispute.funds_reinstated", dispute, account=dispute["_account"])
    return set_status(sim, dispute, status, event="charge.dispute.closed")


def set_status(
    sim: Sim, dispute: Record, status: str, *, event: str = "charge.dispute.updated"
) -> Record:
    """Any word: the specification leaves this enumeration open."""
    before = {"status": dispute["status"]}
    dispute = sim.store.update("dispute", dispute["id"], status=status)
    emit(sim, event, dispute, account=dispute["_account"], previous=before)
    return dispute


def plan(sim: Sim, dispute: Record) -> None:
    """Schedule the deadline. Also called for each dispute after a restart."""
    if dispute["status"] in OPEN:
        sim.schedule(dispute["evidence_details"]["due_by"], "dispute_due", dispute["id"])


def overdue(sim: Sim, ident: str) -> None:
    """Nothing was sent in time: lost (an inquiry is closed)."""
    dispute = sim.store.get("dispute", ident)
    if dispute is None or dispute["status"] not in OPEN:
        return
    details = {**dispute["evidence_details"], "past_due": True}
    status = "lost" if dispute["status"] == "needs_response" else "warning_closed"
    close(sim, sim.store.update("dispute", ident, evidence_details=details), status)


def update_dispute(sim: Sim, request: Request, dispute: str) -> dict[str, Any]:
    """Evidence; it goes to the bank unless `submit` is false, once."""
    found = sim.find("dispute", dispute, request.account, param="dispute")
    params = request.params
    changes = metadata(found, request)
    evidence: Record = found["evidence"]
    asked = params.get("evidence")
    if asked is not None:
        if found["status"] not in OPEN:
            raise ApiError("This dispute takes no evidence now.", param="evidence")
        if "enhanced_evidence" in asked:
            message = "The stand-in does not simulate enhanced evidence."
            raise ApiError(message, param="evidence[enhanced_evidence]")
        given = {name: value or None for name, value in asked.items()}
        changes["evidence"] = evidence = {**evidence, **given}
    has_evidence = any(value for name, value in evidence.items() if name != "enhanced_evidence")
    details = {**found["evidence_details"], "has_evidence": has_evidence}
    is_submitted = has_evidence and params.get("submit", True) and found["status"] in OPEN
    if is_submitted:
        details["submission_count"] += 1
        under = found["status"].replace("needs_response", "under_review")
        changes["status"] = under
    before = {name: found[name] for name in changes}
    found = sim.store.update("dispute", dispute, **changes, evidence_details=details)
    emit(sim, "charge.dispute.updated", found, account=found["_account"], previous=before)
    decided = DECISIVE.get(evidence["uncategorized_text"] or "")
    if is_submitted and decided and found["status"] == "under_review":
        found = close(sim, found, decided)
    return public(found)


def close_dispute(sim: Sim, request: Request, dispute: str) -> dict[str, Any]:
    """Give in: lost."""
    found = sim.find("dispute", dispute, request.account, param="dispute")
    if found["status"] not in OPEN:
        raise ApiError("This dispute can't be closed now.", param="dispute")
    status = "lost" if found["status"] == "needs_response" else "warning_closed"
    return public(close(sim, found, status))


def get_dispute(sim: Sim, request: Request, dispute: str) -> dict[str, Any]:
    return public(sim.find("dispute", dispute, request.account, param="dispute"))


def get_of_charge(sim: Sim, request: Request, charge: str) -> dict[str, Any]:
    for record in sim.store.newest_first("dispute", request.account):
        if record["charge"] == charge:
            return get_dispute(sim, request, record["id"])
    raise ApiError(f"No such dispute for charge: '{charge}'", status=404, code="resource_missing")


def list_disputes(sim: Sim, request: Request) -> dict[str, Any]:
    return filtered(sim, request, "dispute", ("charge", "payment_intent"))


def is_refundable(sim: Sim, charge: str) -> bool:
    """Whether every dispute of a charge leaves it refundable."""
    rows = sim.store.records["dispute"].values()
    return all(row["is_charge_refundable"] for row in rows if row["charge"] == charge)
