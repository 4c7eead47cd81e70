"""The API: authentication, version, scoping, checks against the specification, one answer."""

import base64
import json
import re
import sys
import traceback
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

from stripe_double import spec
from stripe_double.core import PLATFORM, Fault, Request, Sim
from stripe_double.errors import ApiError, CardError
from stripe_double.expand import expand
from stripe_double.forms import tree
from stripe_double.idempotency import LONGEST, Keys
from stripe_double.routes import HANDLERS
from stripe_double.store import new_id

TEST_KEYS = ("sk_test_", "rk_test_")
VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(\.[a-z]+)?(; *[a-z0-9_]+=v\d+)*\Z")
# A request with this header means to be wrong: it is no violation.
ON_PURPOSE = "X-Double-Expect-Invalid"


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


class Api:
    """Answers one request at a time; safe to call from many threads."""

    def __init__(self, sim: Sim) -> None:
        self.sim = sim
        self.keys = Keys(sim)

    def answer(self, method: str, target: str, headers: Headers, body: bytes) -> Answer:
        """Answer a request; errors come back as answers, in the shape of the API's version."""
        parts = urlsplit(target)
        request = Request(method, parts.path, {}, id=new_id("req", 14))
        try:
            _authenticate(headers)
            _need_version(headers)
            self._understand(request, parts.query, headers, body)
            found = self._do(request)
        except ApiError as error:
            found = _refusal(error, request)
        except Exception as error:  # noqa: BLE001 a bug here is a 500 for the client
            traceback.print_exc(file=sys.stderr)
            if isinstance(error, spec.ResponseError):
                self.sim.violations.responses.append(f"{method} {parts.path}: {error}")
            found = Answer(500, ApiError(str(error), kind="api_error").body(v2=request.is_v2))
        found.headers.setdefault("Request-Id", request.id)
        found.headers.setdefault("Stripe-Version", spec.api_version())
        return found

    def _understand(self, request: Request, query: str, headers: Headers, body: bytes) -> None:
        """Fill in route, account, key and parameters; whatever is wrong with them is refused."""
        try:
            request.template, request.names = spec.route(request.method, request.path)
            raw = _parameters(request, query, headers, body)
            params = spec.check_request(request.method, request.template, raw)
        except ApiError as error:
            if headers.get(ON_PURPOSE) is None:
                text = f"{request.method} {request.path}: {error.message}"
                self.sim.violations.add_request(request.path, text)
            raise
        if (request.method, request.template) not in HANDLERS:
            message = f"The stand-in does not simulate {request.method} {request.template}."
            raise ApiError(message, status=400)
        request.account = self._scope(headers)
        request.params = params
        if request.method == "POST":
            request.idempotency_key = headers.get("Idempotency-Key")
        if len(request.idempotency_key or "") > LONGEST:
            raise ApiError(f"Idempotency-Key is limited to {LONGEST} characters.")

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

    def _do(self, request: Request) -> Answer:
        if request.method == "GET":
            with self.sim.store.transaction():
                return self._run(request)
        with self.keys.held(request):
            with self.sim.store.lock:
                self.sim.now = max(self.sim.now, self.sim.clock())
                answer = self._replay(request) or self._execute(request)
            self.sim.wake()
            answer.hang_up = self.sim.take_fault(("timeout_after_commit",), request.path)
            return answer

    def _replay(self, request: Request) -> Answer | None:
        row = self.keys.replay(request)
        if row is None:
            return None
        headers = {"Idempotent-Replayed": "true", "Original-Request": row["request"]}
        headers["Idempotency-Key"] = str(request.idempotency_key)
        return Answer(row["status"], row["body"], headers)

    def _execute(self, request: Request) -> Answer:
        """Work and idempotency record commit together; a refusal is recorded after the undoing."""
        self._refuse_by_fault(request)
        try:
            with self.sim.store.transaction():
                self._break_by_fault(request)
                answer = self._run(request)
                self.keys.remember(request, answer.status, answer.body)
        except ApiError as error:
            answer = _refusal(error, request)
            if not request.is_v2:
                with self.sim.store.transaction():
                    self.keys.remember(request, answer.status, answer.body)
        return answer

    def _refuse_by_fault(self, request: Request) -> None:
        """Refusals before any work, which no key remembers."""
        if self.sim.take_fault(("error_429",), request.path):
            raise ApiError("Too many requests.", status=429, code="rate_limit")
        if self.sim.take_fault(("error_409",), request.path):
            message = (
                "This object cannot be accessed right now because another API request or Stripe"
                " process is currently accessing it."
            )
            raise ApiError(message, status=409, code="lock_timeout")

    def _break_by_fault(self, request: Request) -> None:
        if self.sim.take_fault(("error_500",), request.path):
            raise ApiError("An unknown error occurred.", status=500, kind="api_error")

    def _run(self, request: Request) -> Answer:
        """Inside a transaction: what is due, then the handler, then the check of its answer."""
        sim, handler = self.sim, HANDLERS[(request.method, request.template)]
        sim.request = None
        sim.begin()
        sim.request = request
        try:
            body = handler(sim, request, *request.names)
        except CardError as error:
            return _refusal(error, request)
        finally:
            sim.request = None
        spec.check_response(request.method, request.template, body)
        return Answer(200, expand(sim, body, request.params.get("expand", [])))


def _authenticate(headers: Headers) -> None:
    scheme, _, key = (headers.get("Authorization") or "").partition(" ")
    if scheme.lower() == "basic":
        try:
            key = base64.b64decode(key).decode().partition(":")[0]
        except ValueError:
            key = ""
    if not key:
        raise ApiError("You did not provide an API key.", status=401)
    if not key.startswith(TEST_KEYS):
        message = "Invalid API Key provided: this is a simulation, it takes sk_test_ keys only."
        raise ApiError(message, status=401)


def _need_version(headers: Headers) -> None:
    """Any version that is one may be asked for; the answer is of the specification's, and says so
    in its own `Stripe-Version`.
    """
    asked = headers.get("Stripe-Version")
    if asked is not None and not VERSION.match(asked):
        raise ApiError(f"Invalid Stripe API version: {asked}.")


def _parameters(request: Request, query: str, headers: Headers, body: bytes) -> dict[str, Any]:
    """The parameters of a request. Stripe takes those of a GET from the query only."""
    if request.method != "POST":
        return tree(query)
    kind = (headers.get("Content-Type") or "").partition(";")[0].strip().lower()
    try:
        text = body.decode()
        if request.is_v2:
            if text and kind != "application/json":
                raise ApiError("v2 takes application/json.", code="invalid_request")
            parsed = json.loads(text or "{}")
            if not isinstance(parsed, dict):
                raise ApiError("The body must be a JSON object.", code="invalid_request")
            return parsed
    except (ValueError, RecursionError) as error:
        raise ApiError("Invalid request body.", code="invalid_request") from error
    if text and kind != "application/x-www-form-urlencoded":
        raise ApiError("v1 takes application/x-www-form-urlencoded.")
    return tree(text)


def _refusal(error: ApiError, request: Request) -> Answer:
    body = error.body(v2=request.is_v2)
    spec.check_object("v2.error" if request.is_v2 else "error", body)
    return Answer(error.status, body)
