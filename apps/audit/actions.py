"""The only way to write evidence: in the transaction of the change that it is evidence of."""

import datetime as dt
import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import connection

from apps.core.postgresql.base import current
from apps.core.tenancy import Actor


@dataclass(frozen=True, slots=True)
class Event:
    """`aggregate` is (type, id); `data` holds ids and numbers, never names or answers."""

    type: str
    aggregate: tuple[str, uuid.UUID]
    org_id: uuid.UUID | None = None
    data: dict = field(default_factory=dict)


def record(event: Event, *, by: Actor, now: dt.datetime) -> None:
    record_all([event], by=by, now=now)


def record_all(events: Iterable[Event], *, by: Actor, now: dt.datetime) -> None:
    """Append events to their aggregates' chains. Refuses to run outside a transaction."""
    if not connection.in_atomic_block:
        message = "Evidence is written in the transaction of the change."
        raise RuntimeError(message)
    rows = [
        {
            "type": event.type,
            "aggregate_type": event.aggregate[0],
            "aggregate_id": str(event.aggregate[1]),
            "org_id": str(event.org_id) if event.org_id else None,
            "actor_kind": by.kind,
            "actor_id": str(by.user_id) if by.user_id else None,
            "data": event.data,
            "at": now.isoformat(),
        }
        for event in events
    ]
    if not rows:
        return
    # It goes out with the next statement, or with COMMIT.
    batch = json.dumps(rows, default=str)
    current().hold_back("SELECT audit_record(%s::jsonb)", [batch], is_owed=True)


def seal() -> int:
    """Bind all chains into the global one; how many events were taken."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_seal()")
        return cursor.fetchone()[0]
