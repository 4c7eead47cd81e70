"""What every handler sees: the simulated platform, its clock, and one request."""

import heapq
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from stripe_double.errors import ApiError, missing
from stripe_double.store import Record, Store, public

if TYPE_CHECKING:
    from stripe_double.balances import Balances

PLATFORM = "acct_platform"
DAY = 86_400
FORMAT = 2  # of the records in a state file


@dataclass(slots=True)
class Request:
    """One API call after the checks: `account` is whose objects it sees (Stripe-Account), `names`
    are what stands in its path for the parameters of `template`.
    """

    method: str
    path: str
    params: dict[str, Any]
    account: str = PLATFORM
    id: str = ""
    idempotency_key: str | None = None
    template: str = ""
    names: tuple[str, ...] = ()

    @property
    def is_v2(self) -> bool:
        return self.path.startswith("/v2/")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A webhook address with its own signing secret."""

    url: str
    secret: str


@dataclass(slots=True)
class Fault:
    """An armed fault: `match` is a path of the API or a type of event."""

    kind: str
    match: str
    times: int = 1
    hold_seconds: float = 0.0


@dataclass(slots=True)
class Violations:
    """What did not fit the specification: requests of clients, and answers of our own (bugs)."""

    requests: list[tuple[str, str]] = field(default_factory=list)
    responses: list[str] = field(default_factory=list)
    expected: set[str] = field(default_factory=set)

    def add_request(self, path: str, text: str) -> None:
        if path not in self.expected:
            self.requests.append((path, text))

    def expect(self, path: str) -> None:
        """Faulty requests to a path, before and from now on, are meant to be faulty."""
        self.expected.add(path)
        self.requests = [row for row in self.requests if row[0] != path]


@dataclass
class Sim:
    """The simulated platform. `now` is the double's clock in Unix seconds, fixed within one
    transaction; it starts at `start` (real time without it), runs with real time and is moved by
    `advance`. It never goes back.
    """

    store: Store
    public_url: str = ""
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    start: int | None = None
    faults: list[Fault] = field(default_factory=list)
    violations: Violations = field(default_factory=Violations)
    request: Request | None = None
    wake: Callable[[], None] = lambda: None
    balances: "Balances" = None  # type: ignore[assignment]  # set by api.connect
    on_due: dict[str, Callable[["Sim", str], object]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._due: list[tuple[int, int, str, str]] = []
        self._n = 0
        meta = self.store.get("meta", "clock")
        if meta is not None and meta.get("format") != FORMAT:
            raise ValueError("The state file is of another version of the stand-in: remove it.")
        if meta is None:
            offset = self.start - int(time.time()) if self.start is not None else 0
            with self.store.transaction():
                meta = self.store.insert(
                    "meta",
                    {"id": "clock", "_account": "", "format": FORMAT, "offset": offset, "last": 0},
                )
        self._offset: int = meta["offset"]
        self.now: int = max(meta["last"], self.clock())

    def clock(self) -> int:
        return int(time.time()) + self._offset

    def begin(self) -> None:
        """Set `now` for a transaction and run what has become due. Call inside the lock."""
        self.run_due(self.clock())

    def advance(self, seconds: int) -> None:
        """Move the clock forward and run what has become due, in order of time."""
        if seconds < 0:
            raise ApiError("The clock never goes back.", param="advance_seconds")
        self._offset += seconds
        self.store.update("meta", "clock", offset=self._offset, last=self.clock())
        self.run_due(self.clock())

    def schedule(self, at: int, kind: str, ident: str) -> None:
        """Have `on_due[kind](sim, id)` called when the clock reaches `at`."""
        self._n += 1
        heapq.heappush(self._due, (at, self._n, kind, ident))

    def run_due(self, until: int) -> None:
        while self._due and self._due[0][0] <= until:
            entry = heapq.heappop(self._due)
            self.store.on_rollback(partial(heapq.heappush, self._due, entry))
            self.now = max(self.now, entry[0])
            self.on_due[entry[2]](self, entry[3])
        self.now = max(self.now, until)

    def take_fault(self, kinds: tuple[str, ...], match: str) -> Fault | None:
        """Use up one firing of the first armed fault of these kinds."""
        with self.store.lock:
            for fault in self.faults:
                if fault.kind in kinds and fault.match in (match, "*"):
                    fault.times -= 1
                    if fault.times <= 0:
                        self.faults.remove(fault)
                    return fault
        return None

    def find(self, kind: str, ident: str, account: str, *, param: str = "id") -> Record:
        """A record of the given account, or Stripe's 404."""
        record = self.store.get(kind, ident)
        if record is None or record["_account"] != account:
            raise missing(kind, ident, param=param)
        return record


def iso(seconds: int) -> str:
    """Unix seconds as v2 writes times."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def next_midnight(seconds: int) -> int:
    return (seconds // DAY + 1) * DAY


def page(
    sim: Sim,
    request: Request,
    kind: str,
    *,
    keep: Callable[[Record], bool] = lambda _: True,
    show: Callable[[Record], Record],
) -> dict[str, Any]:
    """A v1 list, newest first: `limit`, `starting_after`, `ending_before`, `created`."""
    params = request.params
    limit = params.get("limit", 10)
    if not 1 <= limit <= 100:
        raise ApiError("Invalid limit: must be between 1 and 100.", param="limit")
    after, before = params.get("starting_after"), params.get("ending_before")
    for name, cursor in (("starting_after", after), ("ending_before", before)):
        if cursor:
            sim.find(kind, cursor, request.account, param=name)
    walk = sim.store.oldest_first if before else sim.store.newest_first
    rows: list[Record] = []
    floor, inside = created_filter(params.get("created"))
    for record in walk(kind, request.account, after=before or after):
        if not before and record["created"] < floor:
            break
        if inside(record["created"]) and keep(record):
            rows.append(show(record))
            if len(rows) > limit:
                break
    has_more, rows = len(rows) > limit, rows[:limit]
    if before:
        rows.reverse()
    return {"object": "list", "data": rows, "has_more": has_more, "url": request.path}


def filtered(sim: Sim, request: Request, kind: str, names: tuple[str, ...]) -> dict[str, Any]:
    """A list of those whose fields of these names are what the request says."""
    wanted = {name: request.params[name] for name in names if name in request.params}

    def keep(record: Record) -> bool:
        return all(record[name] == value for name, value in wanted.items())

    return page(sim, request, kind, keep=keep, show=public)


def created_filter(created: Any) -> tuple[int, Callable[[int], bool]]:
    """The lowest time that can match, and the test itself."""
    if created is None:
        return 0, lambda _: True
    if isinstance(created, int):
        return created, lambda seconds: seconds == created
    low = max(created.get("gte", 0), created.get("gt", -1) + 1)
    high = min(created.get("lte", 1 << 62), created.get("lt", 1 << 62) - 1)
    return low, lambda seconds: low <= seconds <= high
