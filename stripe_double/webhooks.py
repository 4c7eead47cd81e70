"""Signed webhooks, delivered by one background thread that never blocks the API.

Each endpoint has its own queue, and its order is kept: the head is retried with backoff before
the next is sent. An event that is refused (4xx) is tried ATTEMPTS times, one that breaks the
receiver (5xx) FAILURES times; an endpoint that cannot be reached at all keeps its whole queue for
up to PATIENCE tries, so that a restarted receiver or database loses nothing. Signatures carry
real time, not the double's clock.

Faults: an event that is late lets others pass (`reorder_event`: the next one; `delay_event`: those
of so many seconds). A tampered or old one is so on its first try only; the next try is honest.
"""

import hashlib
import hmac
import http.client
import json
import threading
import time
from collections import deque
from urllib.parse import urlsplit

from stripe_double.core import Endpoint, Sim
from stripe_double.store import Record, public

ATTEMPTS = 6
FAILURES = 25
PATIENCE = 150
FIRST_DELAY, LONGEST_DELAY = 0.1, 4.0
TIMEOUT = 15.0
LONELY = 2.0  # seconds after which a reordered event goes alone, when nothing overtakes it
TOO_OLD = 600  # seconds, over the tolerance of 300 that SDKs have


def sign(body: bytes, secret: str, at: int) -> str:
    """The Stripe-Signature header: HMAC-SHA256 over `<time>.<body>`, scheme v1."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def connect(scheme: str, netloc: str) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(netloc, timeout=TIMEOUT)
    return http.client.HTTPConnection(netloc, timeout=TIMEOUT)


class Lane:
    """The queue of one endpoint, with a kept-alive connection. `late` are deliveries that others
    may overtake, with the time when they are due at last.
    """

    def __init__(self, name: str, endpoint: Endpoint) -> None:
        self.name, self.endpoint = name, endpoint
        self.queue: deque[str] = deque()
        self.late: dict[str, float] = {}
        self.overtaken: set[str] = set()
        self.not_before = 0.0
        self.unreachable = 0
        self._connection: http.client.HTTPConnection | None = None

    def add(self, delivery: Record) -> None:
        ident, now = delivery["id"], time.monotonic()
        if delivery["fault"] == "delay_event":
            self.late[ident] = now + delivery["hold_seconds"]
        elif delivery["fault"] == "reorder_event":
            self.late[ident] = now + LONELY
            self.overtaken.add(ident)
        else:
            self.queue.append(ident)

    def ripen(self, now: float) -> None:
        """What is late is due now: into the queue."""
        for ident in [ident for ident, at in self.late.items() if at <= now]:
            del self.late[ident]
            self.overtaken.discard(ident)
            self.queue.append(ident)

    def done(self) -> None:
        """The head was delivered or given up: those that it overtook are due."""
        self.queue.popleft()
        for ident in self.overtaken:
            self.late[ident] = 0.0

    def waiting(self) -> int:
        return len(self.queue) + len(self.late)

    def post(self, body: bytes, headers: dict[str, str]) -> int | None:
        """The status of one POST, or None when nobody answered."""
        parts = urlsplit(self.endpoint.url)
        for fresh in (self._connection is None, True):
            try:
                if self._connection is None:
                    self._connection = connect(parts.scheme, parts.netloc)
                target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
                self._connection.request("POST", target, body, headers)
                answer = self._connection.getresponse()
                answer.read()
                return answer.status
            except (OSError, http.client.HTTPException):
                self.close()
                if fresh:
                    return None
        return None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


class Webhooks:
    """The background thread. `notify` after each commit; `drain` waits until all is delivered."""

    def __init__(self, sim: Sim) -> None:
        self.sim = sim
        self.lanes = {name: Lane(name, endpoint) for name, endpoint in sim.endpoints.items()}
        self._seen = dict.fromkeys(self.lanes, 0)
        self._changed = threading.Condition()
        self._stopping = self._holding = False
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def notify(self) -> None:
        """Pick up new deliveries. Inside the store's lock or after it."""
        with self._changed:
            self._changed.notify_all()

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join(timeout=TIMEOUT + 1)
        for lane in self.lanes.values():
            lane.close()

    def waiting(self) -> int:
        """Deliveries not yet made or given up."""
        with self.sim.store.lock:
            self._collect()
            return sum(lane.waiting() for lane in self.lanes.values())

    def drain(self, timeout: float) -> int:
        """Wait until every queue is empty, at most `timeout` seconds; returns what is left."""
        end = time.monotonic() + timeout
        while (left := self.waiting()) and time.monotonic() < end:
            with self._changed:
                self._changed.wait(min(0.05, max(0.0, end - time.monotonic())))
        return left

    def hold(self) -> None:
        """Deliver nothing until `release`."""
        self._holding = True

    def release(self, *, backwards: bool) -> None:
        """Deliver what was held, in order or backwards."""
        with self.sim.store.lock:
            self._collect()
            for lane in self.lanes.values():
                if backwards:
                    lane.queue.reverse()
            self._holding = False
        self.notify()

    def _collect(self) -> None:
        for name, lane in self.lanes.items():
            ids = self.sim.store.order[("delivery", name)]
            for ident in ids[self._seen[name] :]:
                delivery = self.sim.store.records["delivery"][ident]
                if delivery["status"] == "pending":
                    lane.add(delivery)
            self._seen[name] = len(ids)

    def _run(self) -> None:
        while not self._stopping:
            self.waiting()
            now, lanes = time.monotonic(), list(self.lanes.values())
            for lane in lanes:
                lane.ripen(now)
            ready = [lane for lane in lanes if lane.queue and lane.not_before <= now]
            if ready and not self._holding:
                for lane in ready:
                    self._deliver(lane)
                continue
            waits = [lane.not_before - now for lane in lanes if lane.queue and not self._holding]
            waits += [at - now for lane in lanes for at in lane.late.values()]
            with self._changed:
                if not self._stopping:
                    self._changed.wait(min([*waits, 0.5]))

    def _deliver(self, lane: Lane) -> None:
        store = self.sim.store
        with store.lock:
            delivery = store.records["delivery"][lane.queue[0]]
            event = store.records[delivery["kind"]][delivery["event"]]
        body = json.dumps(public(event), separators=(",", ":")).encode()
        fault = delivery["fault"] if delivery["attempts"] == 0 else ""
        at = int(time.time()) - (TOO_OLD if fault == "old_event" else 0)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (simulated)",
            "Stripe-Signature": sign(body, lane.endpoint.secret, at),
        }
        if fault == "tampered_event":
            body = body.replace(b'"id":"', b'"id":"forged_', 1)
        status = lane.post(body, headers)
        if status is None:
            lane.unreachable += 1
            if lane.unreachable < PATIENCE:
                lane.not_before = time.monotonic() + delay(lane.unreachable)
                return
        lane.unreachable = 0
        self._record(lane, delivery, status)

    def _record(self, lane: Lane, delivery: Record, answer: int | None) -> None:
        store, attempts = self.sim.store, delivery["attempts"] + 1
        delivered = answer is not None and 200 <= answer < 300
        limit = FAILURES if answer and answer >= 500 else ATTEMPTS
        done = delivered or answer is None or attempts >= limit
        status = "delivered" if delivered else "failed" if done else "pending"
        with store.transaction():
            store.update("delivery", delivery["id"], status=status, attempts=attempts)
            if delivered and delivery["kind"] == "event":
                store.update("event", delivery["event"], pending_webhooks=0)
        if done:
            lane.done()
            self.notify()
        else:
            lane.not_before = time.monotonic() + delay(attempts)


def delay(attempt: int) -> float:
    """Seconds before the next try: doubling, at most LONGEST_DELAY."""
    return min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(attempt - 1, 10))
