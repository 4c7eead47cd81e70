"""What a buyer spent: by project, tier, layer and month, and what each input cost.

Amounts come from the ledger's transfers out of the organization's own accounts; the earning lines
only say how a sum divides into pay, fee, top-up and the rest. Minor units.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from django.db import connection

from apps.core.money import half_even
from apps.exports.rules.months import plain
from apps.projects.enums import Layer

BY = ("project", "tier", "layer", "month")
# An answer counts as reliable where its known answer was met, or agreement on its item says so.
AGREEMENT = 0.8
PARTS = {
    "base": "Pay",
    "premium": "Pay",
    "rework": "Pay",
    "quality_bonus": "Quality bonus",
    "top_up": "Top-up to the floor",
    "kill_fee": "Kill fees",
    "qualification": "Qualification",
    "lift_bonus": "Lift bonus",
}
OTHER, FEE, COMPUTE = "Other lines", "Platform's fee", "Computing of lift"
COLUMNS = (
    "month", "project", "project_title", "layer", "tier", "currency", "gross", "fee", "pay",
    "accepted", "reliable", "gross_per_accepted", "gross_per_reliable",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One project, tier and month."""

    project_id: uuid.UUID
    title: str
    layer: str
    tier: str
    month: str
    currency: str
    gross: int
    fee: int
    accepted: int = 0
    reliable: int = 0

    @property
    def pay(self) -> int:
        return self.gross - self.fee

    @property
    def per_accepted(self) -> int | None:
        return half_even(self.gross, self.accepted) if self.accepted else None

    @property
    def per_reliable(self) -> int | None:
        return half_even(self.gross, self.reliable) if self.reliable else None

    def named(self, by: str) -> str:
        """What this row is called when rows are added up by `by`."""
        if by == "layer":
            return dict(Layer.choices).get(self.layer, self.layer)
        return {"project": self.title, "tier": self.tier, "month": self.month}[by]


@dataclass(frozen=True, slots=True)
class Spend:
    """One currency: rows added up by one word, the whole, and its parts in words."""

    currency: str
    rows: Sequence[tuple[str, Row]]
    total: Row
    parts: Sequence[tuple[str, int]]
    is_whole: bool

    @property
    def points(self) -> list[tuple[str, int]]:
        return [(name[:22], row.gross) for name, row in self.rows[:12]]


_MONEY = """
WITH own AS (SELECT id FROM ledger_account
  WHERE holder_id = %(org)s AND purpose IN ('wallet', 'held', 'seats', 'lift', 'compute'))
SELECT t.scope_id, coalesce(a.tier, 'computing of lift'),
  to_char(t.at AT TIME ZONE 'UTC', 'YYYY-MM'), t.currency,
  sum(t.amount)::bigint,
  coalesce(sum(t.amount) FILTER (WHERE t.code IN ('fee', 'compute')), 0)::bigint
FROM ledger_transfer t JOIN own ON own.id = t.debit_id
  LEFT JOIN work_assignment a ON a.id = t.subject_id
WHERE t.kind IN ('posted', 'post') AND (a.id IS NOT NULL OR t.code = 'compute')
GROUP BY 1, 2, 3, 4
"""
_ANSWERS = """
SELECT a.project_id, a.tier, to_char(a.ended_at AT TIME ZONE 'UTC', 'YYYY-MM'), count(*),
  count(*) FILTER (WHERE s.scores->>'gold' = 'true' OR (s.scores->>'gold' IS DISTINCT FROM 'false'
    AND jsonb_typeof(s.scores->'agreement') = 'number'
    AND (s.scores->>'agreement')::numeric >= %(agreement)s))
FROM work_assignment a JOIN work_submission s ON s.assignment_id = a.id AND s.round = a.rounds
  AND s.undone_at IS NULL
WHERE a.org_id = %(org)s AND a.kind = 'work' AND a.state IN ('accepted', 'overturned')
GROUP BY 1, 2, 3
"""
_PARTS = """
SELECT currency, kind, sum(net)::bigint, sum(fee)::bigint FROM work_earningline
WHERE org_id = %(org)s GROUP BY 1, 2
"""
_COMPUTED = """
SELECT t.currency, sum(t.amount)::bigint FROM ledger_transfer t
  JOIN ledger_account a ON a.id = t.debit_id
WHERE a.holder_id = %(org)s AND a.purpose = 'compute' AND t.code = 'compute'
GROUP BY 1
"""
_PROJECTS = "SELECT id, title, layer FROM projects_project WHERE org_id = %(org)s"


def rows(org_id: uuid.UUID) -> list[Row]:
    """Every project, tier and month with money or an accepted answer."""
    words = {"org": org_id, "agreement": AGREEMENT}
    projects = {row[0]: row[1:] for row in _all(_PROJECTS, words)}
    answers = {row[:3]: row[3:] for row in _all(_ANSWERS, words)}
    found = []
    for project, tier, month, currency, gross, fee in _all(_MONEY, words):
        if project not in projects:
            continue
        title, layer = projects[project]
        accepted, reliable = answers.get((project, tier, month), (0, 0))
        found.append(
            Row(project, title, layer, tier, month, currency, gross, fee, accepted, reliable)
        )
    return sorted(found, key=lambda row: (row.month, row.title, row.tier))


def spend(org_id: uuid.UUID, *, by: str) -> list[Spend]:
    """One for each currency that was spent."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows(org_id):
        found[row.currency].append(row)
    return [_spend(org_id, currency, each, by) for currency, each in sorted(found.items())]


def _spend(org_id: uuid.UUID, currency: str, found: Sequence[Row], by: str) -> Spend:
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in found:
        groups[row.named(by)].append(row)
    added = [(name, _added(each)) for name, each in groups.items()]
    added.sort(key=(lambda pair: pair[0]) if by == "month" else (lambda pair: -pair[1].gross))
    parts = _parts(org_id, currency)
    total = _added(found)
    return Spend(currency, added, total, parts, sum(part for _, part in parts) == total.gross)


def _added(found: Iterable[Row]) -> Row:
    first, *more = found
    for row in more:
        first = replace(
            first,
            gross=first.gross + row.gross,
            fee=first.fee + row.fee,
            accepted=first.accepted + row.accepted,
            reliable=first.reliable + row.reliable,
        )
    return first


def _parts(org_id: uuid.UUID, currency: str) -> list[tuple[str, int]]:
    """Words and amounts, the largest first; at most six, as many as a bar has colours."""
    sums: dict[str, int] = defaultdict(int)
    for of, kind, net, fee in _all(_PARTS, {"org": org_id}):
        if of == currency:
            sums[PARTS.get(kind, OTHER)] += net
            sums[FEE] += fee
    for of, amount in _all(_COMPUTED, {"org": org_id}):
        if of == currency:
            sums[COMPUTE] += amount
    largest = sorted(((name, part) for name, part in sums.items() if part), key=lambda p: -p[1])
    if len(largest) > 6:
        rest = sum(part for _, part in largest[5:])
        return [*largest[:5], (OTHER, rest)]
    return largest


def table(org_id: uuid.UUID) -> Iterator[Sequence[object]]:
    """Rows of the CSV: one a project, tier and month."""
    yield COLUMNS
    for row in rows(org_id):
        yield (
            row.month, row.project_id, plain(row.title), row.layer, plain(row.tier), row.currency,
            row.gross, row.fee, row.pay, row.accepted, row.reliable,
            "" if row.per_accepted is None else row.per_accepted,
            "" if row.per_reliable is None else row.per_reliable,
        )  # fmt: skip


def _all(sql: str, words: dict) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, words)
        return cursor.fetchall()
