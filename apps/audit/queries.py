"""Reads of the evidence, and the proof that nobody touched it."""

import uuid
from dataclasses import dataclass

from django.db import connection

# The same text that audit_record hashed. Python wrote `at` as ISO 8601 in UTC, without a fraction
# where it is a whole second.
_BODY = """
  previous_hash || '|' || aggregate_type || '|' || aggregate_id || '|' || number || '|' || type
  || '|' || actor_kind || '|' || coalesce(actor_id::text, '') || '|' || coalesce(org_id::text, '')
  || '|' || data::text || '|' || to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS')
  || CASE WHEN extract(microseconds FROM at)::bigint %% 1000000 = 0 THEN ''
          ELSE to_char(at AT TIME ZONE 'UTC', '.US') END || '+00:00'
"""

_CHAINS = f"""
SELECT id, number, aggregate_type, aggregate_id, CASE
    WHEN number <> coalesce(before, 0) + 1 THEN 'does not follow number ' || coalesce(before, 0)
    WHEN previous_hash <> coalesce(head, '') THEN 'is not bound to the event before it'
    WHEN hash <> encode(sha256(convert_to({_BODY}, 'UTF8')), 'hex') THEN 'was changed'
  END AS fault
FROM (
  SELECT *, lag(number) OVER chain AS before, lag(hash) OVER chain AS head
  FROM audit_auditevent WHERE %(aggregate)s::uuid IS NULL OR aggregate_id = %(aggregate)s::uuid
  WINDOW chain AS (PARTITION BY aggregate_id ORDER BY number)
) e
"""  # noqa: S608 -- constants of this file

_SEALS = """
SELECT s.id, CASE
    WHEN s.previous_hash <> coalesce(s.head, '') THEN 'is not bound to the seal before it'
    WHEN s.events <> found.events
      THEN 'took ' || s.events || ' events, of which there are ' || found.events
    WHEN s.hash <> found.hash THEN 'does not fit its events'
  END AS fault
FROM (
  SELECT *, lag(hash) OVER (ORDER BY id) AS head,
    lag(snapshot, 1, '1:1:') OVER (ORDER BY id)::pg_snapshot AS before
  FROM audit_chainseal
) s
CROSS JOIN LATERAL (
  SELECT count(*) AS events, encode(sha256(convert_to(s.previous_hash ||
      coalesce(string_agg(e.hash, ',' ORDER BY e.id), ''), 'UTF8')), 'hex') AS hash
  FROM audit_auditevent e
  WHERE e.xact >= pg_snapshot_xmin(s.before)::text::bigint
    AND pg_visible_in_snapshot(e.xact::text::xid8, s.snapshot::pg_snapshot)
    AND NOT pg_visible_in_snapshot(e.xact::text::xid8, s.before)
) found
"""


@dataclass(frozen=True, slots=True)
class Proof:
    """How much was read, and the first event or seal that does not fit (None: nothing)."""

    events: int
    seals: int
    fault: str | None


def verify(*, aggregate_id: uuid.UUID | None = None) -> Proof:
    """Recompute the chains (of one aggregate, or all of them and the global one).

    Reads what the actor may see, so the whole proof needs staff. The end of a chain that no seal
    has taken yet can be cut off unseen; afterwards the seal misses it.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT * FROM ({_CHAINS}) c WHERE fault IS NOT NULL ORDER BY id LIMIT 1",  # noqa: S608
            {"aggregate": aggregate_id},
        )
        row = cursor.fetchone()
        fault = f"Event {row[0]} (number {row[1]} of {row[2]} {row[3]}) {row[4]}." if row else None
        if fault is None and aggregate_id is None:
            cursor.execute(
                f"SELECT * FROM ({_SEALS}) s WHERE fault IS NOT NULL ORDER BY id LIMIT 1"  # noqa: S608
            )
            row = cursor.fetchone()
            fault = f"Seal {row[0]} {row[1]}." if row else None
        cursor.execute(
            "SELECT (SELECT count(*) FROM audit_auditevent "
            "WHERE %(aggregate)s::uuid IS NULL OR aggregate_id = %(aggregate)s::uuid), "
            "(SELECT count(*) FROM audit_chainseal)",
            {"aggregate": aggregate_id},
        )
        events, seals = cursor.fetchone()
    return Proof(events=events, seals=seals, fault=fault)
