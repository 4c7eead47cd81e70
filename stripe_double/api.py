"""The API: authentication, scoping, checks against the specification, idempotency, expansion."""

import base64
import hashlib
import json
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

from stripe_double import accounts, balances, charges, checkout, events, payouts, spec, transfers
from stripe_double.core import DAY, PLATFORM, Fault, Request, Sim
from stripe_double.errors import ApiError
from stripe_double.forms import tree
from stripe_double.store import new_id, public

HANDLERS: dict[tuple[str, str], Callable[..., dict[str, Any]]] = {
    ("GET", "/v1/balance"): balances.get_balance,
    ("GET", "/v1/balance_transactions"): balances.list_transactions,
    ("GET", "/v1/balance_transactions/{id}"): balances.get_transaction,
    ("GET", "/v1/balance_settings"): payouts.get_settings,
    ("POST", "/v1/balance_settings"): payouts.update_settings,
    ("GET", "/v1/charges"): charges.list_charges,
    ("GET", "/v1/charges/{charge}"): charges.get_charge,
    ("GET", "/v1/payment_intents"): charges.list_intents,
    ("GET", "/v1/payment_intents/{intent}"): charges.get_intent,
    ("GET", "/v1/refunds"): charges.list_refunds,
    ("POST", "/v1/refunds"): charges.create_refund,
    ("GET", "/v1/refunds/{refund}"): charges.get_refund,
    ("GET", "/v1/checkout/sessions"): checkout.list_sessions,
    ("POST", "/v1/checkout/sessions"): checkout.create_session,
    ("GET", "/v1/checkout/sessions/{session}"): checkout.get_session,
    ("POST", "/v1/checkout/sessions/{session}/expire"): checkout.expire_session,
    ("GET", "/v1/checkout/sessions/{session}/line_items"): checkout.session_lines,
    ("GET", "/v1/events"): events.list_events,
    ("GET", "/v1/events/{id}"): events.get_event,
    ("GET", "/v1/payouts"): payouts.list_payouts,
    ("POST", "/v1/payouts"): payouts.create_payout,
    ("GET", "/v1/payouts/{payout}"): payouts.get_payout,
    ("POST", "/v1/payouts/{payout}/cancel"): payouts.cancel_payout,
    ("GET", "/v1/transfers"): transfers.list_transfers,
    ("POST", "/v1/transfers"): transfers.create_transfer,
    ("GET", "/v1/transfers/{transfer}"): transfers.get_transfer,
    ("GET", "/v1/transfers/{id}/reversals"): transfers.list_reversals,
    ("POST", "/v1/transfers/{id}/reversals"): transfers.create_reversal,
    ("GET", "/v1/transfers/{transfer}/reversals/{id}"): transfers.get_reversal,
    ("GET", "/v2/core/accounts"): accounts.list_accounts,
    ("POST", "/v2/core/accounts"): accounts.create_account,
    ("GET", "/v2/core/accounts/{id}"): accounts.get_account,
    ("POST", "/v2/core/accounts/{id}"): accounts.update_account,
    ("POST", "/v2/core/account_links"): accounts.create_link,
    ("GET", "/v2/core/events"): events.list_thin_events,
    ("GET", "/v2/core/events/{id}"): events.get_thin_event,
}

DUE: dict[str, Callable[[Sim, str], object]] = {
    "available": lambda sim, ident: sim.balances.mature(ident),
    "sweep": payouts.sweep,
    "payout_sent": payouts.sent,
    "payout_paid": payouts.paid,
    "expire_session": checkout.expire,
}

EXPANDABLE = {
    "pi": "payment_intent",
    "ch": "charge",
    "py": "charge",
    "re": "refund",
    "txn": "balance_transaction",
    "tr": "transfer",
    "trr": "transfer_reversal",
    "po": "payout",
    "tu": "topup",
}
TEST_KEYS = ("sk_test_", "rk_test_")


class Headers(Protocol):
    """Names of any case to values: what an HTTP server hands over, or a dictionary."""

    def get(self, name: str, /) -> str | None: ...


@dataclass(slots=True)
class Answer:
    """One HTTP answer. `hang_up`: the work is done, but the client must never hear of it."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)
    hang_up: Fault | None = None


def connect(sim: Sim) -> Sim:
    """Wire the handlers' schedule to the clock and plan again what a restart interrupted."""
    sim.on_due = DUE
    sim.balances = balances.Balances(sim)
    for payout in sim.store.records["payout"].values():
        payouts.plan(sim, payout)
    for session in sim.store.records["checkout.session"].values():
        if session["status"] == "open":
            sim.schedule(session["expires_at"], "expire_session", session["id"])
    return sim


class Api:
    """Answers one request at a time; safe to call from many threads."""

    def __init__(self, sim: Sim) -> None:
        self.sim = sim
        self.in_flight: set[str] = set()
        self._guard = threading.Lock()

    def answer(self, method: str, target: str, headers: Headers, body: bytes) -> Answer:
        """Answer a request; errors come back as answers, in the shape of the API's version."""
        parts = urlsplit(target)
        v2 = parts.path.startswith("/v2/")
        request = Request(method, parts.path, {}, id=new_id("req", 14))
        try:
            self._authenticate(headers)
            found = self._answer(request, parts.query, headers, body)
        except ApiError as error:
            found = _refusal(error, v2=v2)
        except Exception as error:  # noqa: BLE001 a bug here is a 500 for the client
            traceback.print_exc(file=sys.stderr)
            found = Answer(500, ApiError(str(error), kind="api_error").body(v2=v2))
        found.headers.setdefault("Request-Id", request.id)
        found.headers.setdefault("Stripe-Version", spec.api_version())
        return found

    def _authenticate(self, headers: Headers) -> None:
        scheme, _, key = (headers.get("Authorization") or "").partition(" ")
        if scheme.lower() == "basic":
            try:
                key = base64.b64decode(key).decode().partition(":")[0]
            except ValueError:
                key = ""
        if not key:
            message = "You did not provide an API key."
            raise ApiError(message, status=401)
        if not key.startswith(TEST_KEYS):
            message = "Invalid API Key provided: this is a simulation, it takes sk_test_ keys only."
            raise ApiError(message, status=401)

    def _answer(self, request: Request, query: str, headers: Headers, body: bytes) -> Answer:
        matched = spec.match(request.path)
        if matched is None or not spec.has_operation(request.method, matched[0]):
            message = f"Unrecognized request URL ({request.method}: {request.path})."
            raise ApiError(message, status=404)
        template, names = matched
        handler = HANDLERS.get((request.method, template))
        if handler is None:
            message = f"The stand-in does not simulate {request.method} {template}."
            raise ApiError(message, status=400)
        raw = _parameters(request.method, template, query, headers, body)
        request.account = self._scope(headers)
        request.params = spec.check_request(request.method, template, raw)
        if request.method != "POST":
            with self.sim.store.transaction():
                return self._run(request, template, handler, names)
        return self._post(request, template, handler, names, headers.get("Idempotency-Key"))

    def _scope(self, headers: Headers) -> str:
        account = headers.get("Stripe-Account") or headers.get("Stripe-Context")
        if not account or account == PLATFORM:
            return PLATFORM
        if self.sim.store.get("v2.core.account", account) is None:
            message = (
                f"The provided key does not have access to account '{account}' (or that account"
                " does not exist). Application access may have been revoked."
            )
            raise ApiError(message, status=403, code="account_invalid")
        return account

    def _run(
        self,
        request: Request,
        template: str,
        handler: Callable[..., dict[str, Any]],
        names: dict[str, str],
    ) -> Answer:
        """Inside a transaction: what is due, then the handler, then the check of its answer."""
        sim = self.sim
        sim.request = None
        sim.begin()
        sim.request = request
        try:
            body = handler(sim, request, *names.values())
        finally:
            sim.request = None
        spec.check_response(request.method, template, body)
        for path in request.params.get("expand", []):
            body = self._expand(body, path.split("."), request, path)
        return Answer(200, body)

    def _expand(self, value: Any, path: list[str], request: Request, whole: str) -> Any:
        if isinstance(value, list):
            return [self._expand(item, path, request, whole) for item in value]
        if isinstance(value, str):
            kind = EXPANDABLE.get(value.partition("_")[0], "")
            record = self.sim.store.get(kind, value)
            if record is None:
                raise ApiError(f"This property cannot be expanded ({whole}).", param="expand")
            value = public(record)
        if not path or value is None:
            return value
        if not isinstance(value, dict) or path[0] not in value:
            raise ApiError(f"This property cannot be expanded ({whole}).", param="expand")
        inner = self._expand(value[path[0]], path[1:], request, whole)
        return {**value, path[0]: inner}

    def _post(
        self,
        request: Request,
        template: str,
        handler: Callable[..., dict[str, Any]],
        names: dict[str, str],
        key: str | None,
    ) -> Answer:
        if key is None:
            return self._fire(request, template, handler, names, None)
        if len(key) > 255:
            raise ApiError("Idempotency-Key is limited to 255 characters.")
        request.idempotency_key = key
        version = request.path[1:3]
        record = f"{version}:{request.account}:{key}"
        with self._guard:
            if record in self.in_flight:
                message = (
                    f"There is currently another in-progress request using this Idempotency Key"
                    f" ({key})."
                )
                raise ApiError(
                    message, status=409, kind="idempotency_error", code="idempotency_key_in_use"
                )
            self.in_flight.add(record)
        try:
            return self._fire(request, template, handler, names, record)
        finally:
            with self._guard:
                self.in_flight.discard(record)

    def _fire(
        self,
        request: Request,
        template: str,
        handler: Callable[..., dict[str, Any]],
        names: dict[str, str],
        record: str | None,
    ) -> Answer:
        store = self.sim.store
        with store.lock:
            self.sim.now = max(self.sim.now, self.sim.clock())
            answer = self._replay(request, record)
            if answer is None:
                answer = self._execute(request, template, handler, names, record)
        self.sim.wake()
        fault = self.sim.take_fault(("timeout_after_commit",), request.path)
        if fault is not None:
            answer.hang_up = fault
        return answer

    def _execute(
        self,
        request: Request,
        template: str,
        handler: Callable[..., dict[str, Any]],
        names: dict[str, str],
        record: str | None,
    ) -> Answer:
        """Work and idempotency record commit together; a refusal is recorded after the undoing."""
        store, v2 = self.sim.store, request.path.startswith("/v2/")
        if self.sim.take_fault(("error_429",), request.path):
            raise ApiError("Too many requests.", status=429, code="rate_limit")
        try:
            with store.transaction():
                self._break(request)
                answer = self._run(request, template, handler, names)
                self._remember(request, record, answer)
        except ApiError as error:
            answer = _refusal(error, v2=v2)
            if not v2:
                with store.transaction():
                    self._remember(request, record, answer)
        return answer

    def _break(self, request: Request) -> None:
        if self.sim.take_fault(("error_500",), request.path):
            raise ApiError("An unknown error occurred.", status=500, kind="api_error")

    def _remember(self, request: Request, record: str | None, answer: Answer) -> None:
        if record is None:
            return
        row = {
            "id": record,
            "_account": "",
            "hash": _hash(request),
            "status": answer.status,
            "body": answer.body,
            "created": self.sim.now,
            "request": request.id,
        }
        if self.sim.store.get("idempotency", record):
            self.sim.store.update("idempotency", record, **row)
        else:
            self.sim.store.insert("idempotency", row)

    def _replay(self, request: Request, record: str | None) -> Answer | None:
        """The first answer under a key: v1 for 24 hours, v2 for 30 days of the double's clock."""
        row = self.sim.store.get("idempotency", record) if record else None
        days = 30 if request.path.startswith("/v2/") else 1
        if row is None or row["created"] + days * DAY <= self.sim.now:
            return None
        if row["hash"] != _hash(request):
            message = (
                "Keys for idempotent requests can only be used with the same parameters they were"
                f" first used with. Try using a key other than '{request.idempotency_key}' if you"
                " meant to execute a different request."
            )
            raise ApiError(message, kind="idempotency_error")
        headers = {"Idempotent-Replayed": "true", "Original-Request": row["request"]}
        headers["Idempotency-Key"] = str(request.idempotency_key)
        return Answer(row["status"], row["body"], headers)


def _parameters(
    method: str, template: str, query: str, headers: Headers, body: bytes
) -> dict[str, Any]:
    """The parameters of a request. Stripe takes those of a GET from the query only."""
    if method != "POST":
        return tree(query)
    kind = (headers.get("Content-Type") or "").partition(";")[0].strip().lower()
    try:
        text = body.decode()
        if template.startswith("/v2/"):
            if text and kind != "application/json":
                raise ApiError("v2 takes application/json.", code="invalid_request")
            parsed = json.loads(text or "{}")
            if not isinstance(parsed, dict):
                raise ApiError("The body must be a JSON object.", code="invalid_request")
            return parsed
    except ValueError as error:
        raise ApiError("Invalid request body.", code="invalid_request") from error
    if text and kind != "application/x-www-form-urlencoded":
        raise ApiError("v1 takes application/x-www-form-urlencoded.")
    return tree(text)


def _refusal(error: ApiError, *, v2: bool) -> Answer:
    body = error.body(v2=v2)
    spec.check_object("v2.error" if v2 else "error", body)
    return Answer(error.status, body)


def _hash(request: Request) -> str:
    text = json.dumps([request.method, request.path, request.params], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
