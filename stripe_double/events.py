"""Events: snapshot events for v1 objects, thin ones for v2 accounts, and their lists."""

from datetime import datetime
from typing import Any

from stripe_double.core import PLATFORM, Request, Sim, created_filter, iso, page
from stripe_double.errors import ApiError, missing
from stripe_double.spec import api_version, check_object
from stripe_double.store import Record, new_id, public

EVENT_FAULTS = (
    "delay_event",
    "drop_event",
    "duplicate_event",
    "old_event",
    "reorder_event",
    "tampered_event",
)


def emit(
    sim: Sim,
    name: str,
    snapshot: Record,
    *,
    account: str = PLATFORM,
    previous: dict[str, Any] | None = None,
) -> Record:
    """Record a snapshot event and queue its deliveries: the platform's own events go to the
    platform's endpoint, those of connected accounts (with `account`) to the connected one.
    """
    request = sim.request
    data: dict[str, Any] = {"object": public(snapshot)}
    if previous is not None:
        data["previous_attributes"] = previous
    record = {
        "id": new_id("evt"),
        "object": "event",
        "api_version": api_version(),
        "created": sim.now,
        "data": data,
        "livemode": False,
        "pending_webhooks": 0,
        "request": {
            "id": request.id if request else None,
            "idempotency_key": request.idempotency_key if request else None,
        },
        "type": name,
        "_account": account,
    }
    if account != PLATFORM:
        record["account"] = account
    check_object("event", public(record))
    endpoint = "platform" if account == PLATFORM else "connect"
    return _insert(sim, "event", record, endpoint)


def emit_thin(
    sim: Sim, name: str, account: Record, *, data: dict[str, Any] | None = None
) -> Record:
    """Record a thin event about a v2 account. It goes to the connected endpoint where one is set
    ("Connected and v2 accounts" in Stripe's workbench), otherwise to the platform's.
    """
    record: dict[str, Any] = {
        "id": new_id("evt"),
        "object": "v2.core.event",
        "type": name,
        "created": iso(sim.now),
        "livemode": False,
        "related_object": {
            "id": account["id"],
            "type": "v2.core.account",
            "url": f"/v2/core/accounts/{account['id']}",
        },
        "_account": PLATFORM,
        "_created": sim.now,
        "_data": data or {},
    }
    check_object("v2.core.event", public(record))
    endpoint = "connect" if "connect" in sim.endpoints else "platform"
    return _insert(sim, "v2.core.event", record, endpoint)


def _insert(sim: Sim, kind: str, record: Record, endpoint: str) -> Record:
    wanted = endpoint in sim.endpoints
    fault = sim.take_fault(EVENT_FAULTS, record["type"]) if wanted else None
    armed = fault.kind if fault else ""
    if armed == "drop_event":
        record, wanted = {**record, "_dropped": True}, False
    if kind == "event":
        record["pending_webhooks"] = 1 if wanted else 0
    record = sim.store.insert(kind, record)
    for _ in range((2 if armed == "duplicate_event" else 1) if wanted else 0):
        sim.store.insert(
            "delivery",
            {
                "id": new_id("wd"),
                "_account": endpoint,
                "kind": kind,
                "event": record["id"],
                "status": "pending",
                "attempts": 0,
                "fault": armed,
                "hold_seconds": fault.hold_seconds if fault else 0,
            },
        )
    return record


def get_event(sim: Sim, request: Request, ident: str) -> dict[str, Any]:
    return public(sim.find("event", ident, request.account))


def list_events(sim: Sim, request: Request) -> dict[str, Any]:
    """`type` may end in `*`. `delivery_success=false` lists events some endpoint never took."""
    params = request.params
    types = params.get("types") or ([params["type"]] if "type" in params else [])
    success = params.get("delivery_success")
    failed: set[str] = set()
    if success is not None:
        rows = sim.store.records["delivery"].values()
        failed = {row["event"] for row in rows if row["status"] != "delivered"}

    def keep(record: Record) -> bool:
        if types and not any(_fits(record["type"], wanted) for wanted in types):
            return False
        unsent = record["id"] in failed or bool(record.get("_dropped"))
        return success is None or unsent != success

    return page(sim, request, "event", keep=keep, show=public)


def _fits(name: str, wanted: str) -> bool:
    return name.startswith(wanted[:-1]) if wanted.endswith("*") else name == wanted


def get_thin_event(sim: Sim, _request: Request, ident: str) -> dict[str, Any]:
    """The full thin event: the notification plus `data`."""
    record = sim.store.get("v2.core.event", ident)
    if record is None:
        raise missing("event", ident, v2=True)
    return {**public(record), "data": record["_data"]}


def list_thin_events(sim: Sim, request: Request) -> dict[str, Any]:
    """v2 paging: `page` is an opaque token, the next page comes as an address."""
    params = request.params
    created = {k: _seconds(v) for k, v in (params.get("created") or {}).items()}
    _, inside = created_filter(created or None)

    def keep(record: Record) -> bool:
        if params.get("object_id") not in (None, record["related_object"]["id"]):
            return False
        return record["type"] in params.get("types", [record["type"]]) and inside(
            record["_created"]
        )

    return v2_page(
        sim,
        request,
        "v2.core.event",
        keep=keep,
        show=lambda record: {**public(record), "data": record["_data"]},
    )


def v2_page(sim: Sim, request: Request, kind: str, *, keep: Any, show: Any) -> dict[str, Any]:
    limit = request.params.get("limit", 20)
    after = request.params.get("page")
    if not 1 <= limit <= 100 or (after and sim.store.get(kind, after) is None):
        raise ApiError("Invalid limit or page.", code="invalid_request")
    rows = []
    for record in sim.store.newest_first(kind, PLATFORM, after=after):
        if keep(record):
            rows.append(record)
            if len(rows) > limit:
                break
    more, rows = len(rows) > limit, rows[:limit]
    url = f"{request.path}?limit={limit}&page={rows[-1]['id']}" if more else None
    return {"data": [show(row) for row in rows], "next_page_url": url, "previous_page_url": None}


def _seconds(text: str) -> int:
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except ValueError as error:
        raise ApiError(f"Invalid time: {text}", code="invalid_request") from error
