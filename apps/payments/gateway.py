"""The one client of Stripe. Amounts are integers of minor units, currencies upper case.

No StripeObject leaves this file: every call has a small result of its own. A call that may have
been carried out although no clear answer came raises StripeUnclearError and is repeated with the
same key; a definite no raises StripeRefusedError. API 2026-08-26.dahlia (stripe 15.6.2).
"""

import datetime as dt
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

import stripe
from django.conf import settings
from django.utils.crypto import salted_hmac

from apps.payments.errors import (
    ForgedEventError,
    StripeRefusedError,
    StripeShortError,
    StripeUnclearError,
)
from apps.payments.rules import REVERSALS

SHORT_CODES = frozenset({"balance_insufficient", "insufficient_funds"})
SIGNATURE_TOLERANCE = 300  # seconds of real time
TIMEOUT = 20
TRANSFERS = "stripe_balance.stripe_transfers"
# What a payment intent is after its delayed payment did not come.
FAILED = frozenset({"requires_payment_method", "canceled"})


@dataclass(frozen=True, slots=True)
class NewCheckout:
    id: str
    url: str


@dataclass(frozen=True, slots=True)
class Checkout:
    """Once the session is complete, a delayed payment is on its way (`is_pending`) or did not come
    (`is_failed`). `is_debit`: in Stripe's books it is a "payment", not a "charge".
    """

    status: str
    is_paid: bool
    is_pending: bool
    is_failed: bool
    is_debit: bool
    amount: int
    currency: str
    payment_intent_id: str


@dataclass(frozen=True, slots=True)
class Recipient:
    """A connected account: may it receive transfers, what does Stripe still ask for, and a keyed
    hash of where its money goes, or "": the only thing about a bank account that leaves this file.
    """

    id: str
    transfers_status: str
    requirements: list[str]
    destination_key: str


@dataclass(frozen=True, slots=True)
class SeenReversal:
    """Money of a transfer that came back; `label` is our id in its metadata, or ""."""

    id: str
    amount: int
    label: str


@dataclass(frozen=True, slots=True)
class RefundState:
    id: str
    status: str


@dataclass(frozen=True, slots=True)
class BankPayout:
    """A payout of a connected account to its bank. `created` is Unix time."""

    id: str
    status: str
    amount: int
    currency: str
    is_automatic: bool
    created: int
    failure: str


@dataclass(frozen=True, slots=True)
class Contents:
    """What an automatic bank payout carries: our transfers, and bank payouts that had come back."""

    transfer_ids: list[str]
    returned_payout_ids: list[str]


@dataclass(frozen=True, slots=True)
class BalanceRow:
    currency: str
    available: int
    pending: int


@dataclass(frozen=True, slots=True)
class Txn:
    """A balance transaction of the platform. `source_id` is what we know its source by: of a charge
    the payment intent; `funding_id` is our id in the metadata of a charge, or ""; `transfer_id` is
    the transfer that a reversal takes back, or "".
    """

    id: str
    type: str
    source_id: str
    funding_id: str
    transfer_id: str
    amount: int
    fee: int
    net: int
    currency: str
    created_at: dt.datetime
    available_on: dt.datetime


@dataclass(frozen=True, slots=True)
class SeenDispute:
    """A dispute with its lines in Stripe's books. `status` may be a word that we do not know."""

    id: str
    status: str
    reason: str
    amount: int
    currency: str
    payment_intent_id: str
    opened_at: dt.datetime
    evidence_due_at: dt.datetime | None
    txns: list[Txn]


@dataclass(frozen=True, slots=True)
class Event:
    """Both kinds of event, snapshot and thin, as one shape: what happened to which object."""

    id: str
    type: str
    account_id: str
    object_id: str


@lru_cache(maxsize=4)
def _client(base: str, key: str) -> stripe.StripeClient:
    # StripeClient does not take the module's default of two retries: it must be told.
    return stripe.StripeClient(
        key,
        base_addresses={"api": base},
        max_network_retries=2,
        http_client=stripe.RequestsClient(timeout=TIMEOUT),
    )


def client() -> stripe.StripeClient:
    return _client(settings.STRIPE_API_BASE, settings.STRIPE_SECRET_KEY)


@contextmanager
def _asking() -> Iterator[None]:
    """Stripe's errors as ours. Only a 400, 402 or 404 of the request itself is a definite no."""
    try:
        yield
    except (stripe.InvalidRequestError, stripe.CardError) as error:
        sentence = str(error.user_message or error.code or "Stripe refused this.")
        code = str(error.code or "")
        if error.http_status not in {400, 402, 404}:
            raise StripeUnclearError(f"Stripe did not take the call: {sentence}") from error
        kind = StripeShortError if code in SHORT_CODES else StripeRefusedError
        raise kind(f"Stripe: {sentence}", code=code) from error
    except stripe.IdempotencyError as error:
        # Some call with this key was carried out, or is: never taken for a refusal.
        raise StripeUnclearError("Stripe already knows this call under its key.") from error
    except stripe.StripeError as error:
        raise StripeUnclearError("Stripe cannot be reached right now; nothing is lost.") from error


# ── Paying in ───────────────────────────────────────────────────────────────────────────────────


def create_checkout(
    *,
    funding_id: UUID,
    amount: int,
    currency: str,
    success_url: str,
    cancel_url: str,
    customer_id: str = "",
) -> NewCheckout:
    """A hosted checkout page for one funding. Repeating it gives the same session.

    With a customer the buyer agrees there that the payment method is used again without them.
    """
    label = {"funding": str(funding_id)}
    intent_data: Any = {"metadata": label}
    extra: Any = {}
    if customer_id:
        intent_data["setup_future_usage"] = "off_session"
        extra["customer"] = customer_id
    with _asking():
        session = client().v1.checkout.sessions.create(
            {
                **extra,
                "mode": "payment",
                "line_items": [
                    {
                        "price_data": {
                            "currency": currency.lower(),
                            "unit_amount": amount,
                            "product_data": {"name": "Wagefile wallet"},
                        },
                        "quantity": 1,
                    }
                ],
                "success_url": success_url,
                "cancel_url": cancel_url,
                "client_reference_id": str(funding_id),
                "metadata": label,
                "payment_intent_data": intent_data,
            },
            {"idempotency_key": f"cs:{funding_id}"},
        )
    return NewCheckout(session.id, session.url or "")


def read_checkout(session_id: str) -> Checkout:
    with _asking():
        session = client().v1.checkout.sessions.retrieve(session_id, {"expand": ["payment_intent"]})
    intent = session.payment_intent
    intent_id = intent if isinstance(intent, str) else (intent.id if intent else "")
    intent_status = intent.status if intent and not isinstance(intent, str) else ""
    is_paid = session.payment_status == "paid"
    return Checkout(
        status=session.status or "",
        is_paid=is_paid,
        is_pending=session.status == "complete" and not is_paid and intent_status not in FAILED,
        is_failed=session.status == "complete" and not is_paid and intent_status in FAILED,
        is_debit=_is_debit(intent),
        amount=session.amount_total or 0,
        currency=(session.currency or "").upper(),
        payment_intent_id=intent_id,
    )


def create_customer(org_id: UUID) -> str:
    """What a saved payment method belongs to; the organization again gets the same one."""
    with _asking():
        made = client().v1.customers.create(
            {"metadata": {"organization": str(org_id)}}, {"idempotency_key": f"cus:{org_id}"}
        )
    return made.id


def create_intent(params: dict[str, Any], *, key: str) -> str:
    """Charge a saved payment method while the buyer is away; the id of the payment intent.

    `amount`, `currency`, `customer`, `payment_method`, `metadata`. A bank that wants its customer
    to be there refuses, as it refuses an empty account: StripeRefusedError.
    """
    sent: Any = {
        **params,
        "currency": params["currency"].lower(),
        "off_session": True,
        "confirm": True,
    }
    with _asking():
        return client().v1.payment_intents.create(sent, {"idempotency_key": key}).id


def find_intent(params: dict[str, Any]) -> str:
    """The charge that an earlier, unanswered call may have made, or "". One that was refused is
    none: its intent stays at Stripe without a payment.
    """
    wanted = params["metadata"]["funding"]
    with _asking():
        rows = client().v1.payment_intents.list({"customer": params["customer"], "limit": 100})
        for row in rows.auto_paging_iter():
            if _label(row, "funding") == wanted and row.status not in FAILED:
                return row.id
    return ""


def read_intent(intent_id: str) -> Checkout:
    """How a charge without a checkout page stands, as the same facts."""
    with _asking():
        intent = client().v1.payment_intents.retrieve(intent_id)
    is_paid = intent.status == "succeeded"
    return Checkout(
        status="complete",
        is_paid=is_paid,
        is_pending=not is_paid and intent.status not in FAILED,
        is_failed=intent.status in FAILED,
        is_debit=_is_debit(intent),
        amount=intent.amount,
        currency=intent.currency.upper(),
        payment_intent_id=intent.id,
    )


def read_method(intent_id: str) -> str:
    """The payment method that paid, or ""."""
    with _asking():
        return _id(client().v1.payment_intents.retrieve(intent_id).payment_method)


def forget_method(method_id: str) -> None:
    with _asking():
        client().v1.payment_methods.detach(method_id)


def _is_debit(intent: Any) -> bool:
    """Stripe names what is no card payment `py_…`; its balance transaction is a "payment" then."""
    return _id(getattr(intent, "latest_charge", None)).startswith("py_")


# ── Paying out ──────────────────────────────────────────────────────────────────────────────────


def create_transfer(params: dict[str, Any], *, key: str) -> str:
    """`amount`, `currency`, `destination`, `transfer_group`, `metadata`; the transfer's id."""
    with _asking():
        return client().v1.transfers.create(_transfer_params(params), {"idempotency_key": key}).id


def find_transfer(params: dict[str, Any]) -> str:
    """The transfer that an earlier, unanswered call may have made, or ""."""
    with _asking():
        found = client().v1.transfers.list(
            {
                "transfer_group": params["transfer_group"],
                "destination": params["destination"],
                "limit": 10,
            }
        )
    wanted = params["metadata"]["payout"]
    return next((row.id for row in found.data if _label(row, "payout") == wanted), "")


def _transfer_params(params: dict[str, Any]) -> Any:
    return {**params, "currency": params["currency"].lower()}


def create_refund(params: dict[str, Any], *, key: str) -> RefundState:
    """`payment_intent`, `amount`, `metadata`."""
    sent = {name: params[name] for name in ("payment_intent", "amount", "metadata")}
    with _asking():
        refund = client().v1.refunds.create(sent, {"idempotency_key": key})  # type: ignore[arg-type]
    return RefundState(refund.id, refund.status or "")


def find_refund(params: dict[str, Any]) -> RefundState | None:
    with _asking():
        found = client().v1.refunds.list({"payment_intent": params["payment_intent"], "limit": 100})
        for row in found.auto_paging_iter():
            if _label(row, "refund") == params["metadata"]["refund"]:
                return RefundState(row.id, row.status or "")
    return None


def read_refund(refund_id: str) -> RefundState:
    with _asking():
        refund = client().v1.refunds.retrieve(refund_id)
    return RefundState(refund.id, refund.status or "")


def create_reversal(params: dict[str, Any], *, key: str) -> SeenReversal:
    """`transfer`, `amount`, `metadata`: take money of a transfer back from its account."""
    sent: Any = {"amount": params["amount"], "metadata": params["metadata"]}
    with _asking():
        made = client().v1.transfers.reversals.create(
            params["transfer"], sent, {"idempotency_key": key}
        )
    return _reversal(made)


def reversals(transfer_id: str) -> list[SeenReversal]:
    """Every reversal of a transfer, whoever asked for it."""
    with _asking():
        rows = client().v1.transfers.reversals.list(transfer_id, {"limit": 100})
        return [_reversal(row) for row in rows.auto_paging_iter()]


def find_reversal(params: dict[str, Any]) -> SeenReversal | None:
    wanted = params["metadata"]["correction"]
    return next((row for row in reversals(params["transfer"]) if row.label == wanted), None)


def _reversal(row: stripe.Reversal) -> SeenReversal:
    return SeenReversal(row.id, row.amount, _label(row, "correction"))


# ── Disputes ────────────────────────────────────────────────────────────────────────────────────


def read_dispute(dispute_id: str) -> SeenDispute:
    with _asking():
        dispute = client().v1.disputes.retrieve(dispute_id)
    due = dispute.evidence_details.due_by if dispute.evidence_details else None
    return SeenDispute(
        id=dispute.id,
        status=dispute.status,
        reason=dispute.reason or "",
        amount=dispute.amount,
        currency=dispute.currency.upper(),
        payment_intent_id=_id(dispute.payment_intent),
        opened_at=dt.datetime.fromtimestamp(dispute.created, dt.UTC),
        evidence_due_at=dt.datetime.fromtimestamp(due, dt.UTC) if due else None,
        txns=[_txn(row) for row in dispute.balance_transactions],
    )


# ── Connected accounts ──────────────────────────────────────────────────────────────────────────


def create_recipient(*, user_id: UUID, country: str, email: str) -> Recipient:
    """An account that can only receive money. The same person again gets the same account."""
    facts = hashlib.sha256(f"{country}:{email}".encode()).hexdigest()[:12]
    with _asking():
        account = client().v2.core.accounts.create(
            {
                "dashboard": "express",
                "contact_email": email,
                "identity": {"country": country.lower()},
                "configuration": {
                    "recipient": {
                        "capabilities": {
                            "stripe_balance": {"stripe_transfers": {"requested": True}}
                        }
                    }
                },
                "defaults": {
                    "responsibilities": {
                        "fees_collector": "application",
                        "losses_collector": "application",
                    }
                },
                "metadata": {"user": str(user_id)},
                "include": ["configuration.recipient", "requirements"],
            },
            {"idempotency_key": f"acct:{user_id}:{facts}"},
        )
    return _recipient(account)


def read_recipient(account_id: str) -> Recipient:
    with _asking():
        account = client().v2.core.accounts.retrieve(
            account_id, {"include": ["configuration.recipient", "requirements"]}
        )
        places = client().v1.accounts.external_accounts.list(account_id, {"limit": 100})
    return _recipient(account, destination_key=_destination_key(places.data))


def create_onboarding_link(account_id: str, *, refresh_url: str, return_url: str) -> str:
    """A single-use address, good for minutes: made on the click, never stored or mailed.

    Dahlia requires `configurations`, endive removes it; it is named here and nowhere else.
    """
    with _asking():
        link = client().v2.core.account_links.create(
            {
                "account": account_id,
                "use_case": {
                    "type": "account_onboarding",
                    "account_onboarding": {
                        "configurations": ["recipient"],
                        "refresh_url": refresh_url,
                        "return_url": return_url,
                    },
                },
            }
        )
    return link.url


def _recipient(account: Any, *, destination_key: str = "") -> Recipient:
    body = account.to_dict()
    status: Any = body
    for name in ("configuration", "recipient", "capabilities", *TRANSFERS.split("."), "status"):
        status = (status or {}).get(name)
    entries = (body.get("requirements") or {}).get("entries") or []
    return Recipient(
        id=account.id,
        transfers_status=status or "inactive",
        requirements=[
            entry["description"] for entry in entries if entry.get("awaiting_action_from") == "user"
        ],
        destination_key=destination_key,
    )


def _destination_key(places: list[Any]) -> str:
    """Where money goes by default, as a keyed hash: it tells two apart and says nothing of either.
    The same bank account entered again is no other place.
    """
    used = [row for row in places if getattr(row, "default_for_currency", None)] or places
    names = sorted(str(getattr(row, "fingerprint", None) or row.id) for row in used)
    if not names:
        return ""
    text = " ".join(names)
    return salted_hmac("payments.destination", text, algorithm="sha256").hexdigest()


# ── What connected accounts send to banks ───────────────────────────────────────────────────────


def read_bank_payout(payout_id: str, *, account_id: str) -> BankPayout:
    with _asking():
        payout = client().v1.payouts.retrieve(payout_id, options={"stripe_account": account_id})
    return _bank_payout(payout)


def recent_bank_payouts(account_id: str) -> list[BankPayout]:
    """The last ten, oldest first."""
    with _asking():
        found = client().v1.payouts.list({"limit": 10}, {"stripe_account": account_id})
    return [_bank_payout(row) for row in reversed(found.data)]


def _bank_payout(payout: stripe.Payout) -> BankPayout:
    return BankPayout(
        id=payout.id,
        status=payout.status,
        amount=payout.amount,
        currency=payout.currency.upper(),
        is_automatic=payout.automatic,
        created=payout.created,
        failure=payout.failure_message or payout.failure_code or "",
    )


def contents(payout_id: str, *, account_id: str) -> Contents:
    """Only automatic payouts have contents; Stripe maps none to those made by hand."""
    transfers: list[str] = []
    returned: list[str] = []
    with _asking():
        rows = client().v1.balance_transactions.list(
            {"payout": payout_id, "limit": 100, "expand": ["data.source"]},
            {"stripe_account": account_id},
        )
        for row in rows.auto_paging_iter():
            source: Any = row.source
            if row.type == "payment" and getattr(source, "source_transfer", None):
                transfer = source.source_transfer
                transfers.append(transfer if isinstance(transfer, str) else transfer.id)
            elif row.type in {"payout_failure", "payout_cancel"} and source:
                returned.append(source if isinstance(source, str) else source.id)
    return Contents(transfers, returned)


# ── Stripe's own books ──────────────────────────────────────────────────────────────────────────


def read_balance() -> list[BalanceRow]:
    """The platform's balance per currency."""
    with _asking():
        balance = client().v1.balance.retrieve()
    totals: dict[str, list[int]] = {}
    columns: list[list[Any]] = [list(balance.available), list(balance.pending)]
    for index, rows in enumerate(columns):
        for row in rows:
            totals.setdefault(row.currency.upper(), [0, 0])[index] += row.amount
    return [BalanceRow(currency, *sums) for currency, sums in sorted(totals.items())]


def balance_txns(*, since: dt.datetime | None) -> list[Txn]:
    """The platform's balance transactions created at or after `since`, newest first."""
    params: dict[str, Any] = {"limit": 100, "expand": ["data.source"]}
    if since:
        params["created"] = {"gte": int(since.timestamp())}
    with _asking():
        rows: Any = client().v1.balance_transactions.list(params)  # type: ignore[arg-type]
        return [_txn(row) for row in rows.auto_paging_iter()]


def read_txn(txn_id: str) -> Txn:
    with _asking():
        return _txn(client().v1.balance_transactions.retrieve(txn_id, {"expand": ["source"]}))


def _txn(row: stripe.BalanceTransaction) -> Txn:
    source: Any = row.source
    is_charge = getattr(source, "object", "") == "charge"
    known_by = getattr(source, "payment_intent", None) if is_charge else source
    return Txn(
        id=row.id,
        type=row.type,
        source_id=_id(known_by) or _id(source),
        funding_id=_label(source, "funding"),
        transfer_id=_id(getattr(source, "transfer", None)) if row.type in REVERSALS else "",
        amount=row.amount,
        fee=row.fee,
        net=row.net,
        currency=row.currency.upper(),
        created_at=dt.datetime.fromtimestamp(row.created, dt.UTC),
        available_on=dt.datetime.fromtimestamp(row.available_on, dt.UTC),
    )


def _id(thing: Any) -> str:
    """The id of an object that may be expanded, or "" for none."""
    return thing if isinstance(thing, str) else getattr(thing, "id", "")


def _label(thing: Any, name: str) -> str:
    """One key of an object's metadata, or ""."""
    metadata = getattr(thing, "metadata", None)
    return str(metadata.to_dict().get(name, "")) if metadata else ""


# ── Events ──────────────────────────────────────────────────────────────────────────────────────


def verified(payload: bytes, signature: str, *, secret: str) -> dict[str, Any]:
    """The body of a webhook that Stripe signed at most five minutes ago, or ForgedEventError."""
    try:
        text = payload.decode()
        # Raw bytes, before any parsing: JSON written again has another signature.
        stripe.WebhookSignature.verify_header(text, signature, secret, SIGNATURE_TOLERANCE)
        body = json.loads(text)
        normalize_event(body)
    except (stripe.SignatureVerificationError, ValueError, KeyError, TypeError) as error:
        raise ForgedEventError("This is not a fresh event signed by Stripe.") from error
    return body


def normalize_event(body: dict[str, Any]) -> Event:
    """The seam between Stripe's two event shapes and us. ValueError, KeyError or TypeError if it is
    neither; thin events for v1 objects (API endive) will need a case here and nowhere else.
    """
    if body["object"] == "v2.core.event":
        subject = (body.get("related_object") or {}).get("id", "")
        return Event(_text(body["id"]), _text(body["type"]), "", _text(subject))
    if body["object"] != "event":
        raise ValueError("neither a snapshot nor a thin event")
    subject = body["data"]["object"].get("id", "")
    account = body.get("account") or ""
    return Event(_text(body["id"]), _text(body["type"]), _text(account), _text(subject))


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > 120:
        raise ValueError("not a name of Stripe's")
    return value


def undelivered_events() -> list[dict[str, Any]]:
    """The platform's events that some endpoint never took (Stripe keeps them for 30 days)."""
    with _asking():
        rows = client().v1.events.list({"delivery_success": False, "limit": 100})
        return [row.to_dict() for row in rows.auto_paging_iter()]
