"""The first answer under an idempotency key: v1 for 24 hours, v2 for 30 days of the double's clock.

v1 keeps what was begun, refusals and 500 included; v2 keeps successes only.
"""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from stripe_double.core import DAY, Request, Sim
from stripe_double.errors import ApiError
from stripe_double.store import Record

LONGEST = 255


class Keys:
    """The keys of one stand-in. `in_flight` are those whose request is under way."""

    def __init__(self, sim: Sim) -> None:
        self.sim = sim
        self.in_flight: set[str] = set()
        self._guard = threading.Lock()

    @contextmanager
    def held(self, request: Request) -> Iterator[None]:
        """A second request with a key that is under way is a 409, before any lock is waited for."""
        if request.idempotency_key is None:
            yield
            return
        key = _name(request)
        with self._guard:
            if key in self.in_flight:
                message = (
                    "There is currently another in-progress request using this Idempotency Key"
                    f" ({request.idempotency_key})."
                )
                raise ApiError(
                    message, status=409, kind="idempotency_error", code="idempotency_key_in_use"
                )
            self.in_flight.add(key)
        try:
            yield
        finally:
            with self._guard:
                self.in_flight.discard(key)

    def replay(self, request: Request) -> Record | None:
        """The stored answer, or None. Another body under the same key is a 400."""
        if request.idempotency_key is None:
            return None
        row = self.sim.store.get("idempotency", _name(request))
        days = 30 if request.is_v2 else 1
        if row is None or row["created"] + days * DAY <= self.sim.now:
            return None
        if row["hash"] != _hash(request):
            message = (
                "Keys for idempotent requests can only be used with the same parameters they were"
                f" first used with. Try using a key other than '{request.idempotency_key}' if you"
                " meant to execute a different request."
            )
            raise ApiError(message, kind="idempotency_error")
        return row

    def remember(self, request: Request, status: int, body: dict[str, Any]) -> None:
        if request.idempotency_key is None:
            return
        key = _name(request)
        row = {
            "id": key,
            "_account": "",
            "hash": _hash(request),
            "status": status,
            "body": body,
            "created": self.sim.now,
            "request": request.id,
        }
        if self.sim.store.get("idempotency", key):
            self.sim.store.update("idempotency", key, **row)
        else:
            self.sim.store.insert("idempotency", row)


def _name(request: Request) -> str:
    return f"{'v2' if request.is_v2 else 'v1'}:{request.account}:{request.idempotency_key}"


def _hash(request: Request) -> str:
    text = json.dumps([request.method, request.path, request.params], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
