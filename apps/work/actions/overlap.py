"""Dynamic overlap: after a run, one answer more where it tells something, none where it does not.

Slots are opened only as far as the budget could reserve each of them, beside those that are open
already; each claim still reserves its own maximum. Items that somebody is claiming are passed over:
the next run looks at them again.
"""

import datetime as dt
import json
import uuid
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from django.db import connection, transaction
from django.db.models import Q, Sum

from apps.audit import actions as audit
from apps.audit.actions import Event
from apps.core import blobs
from apps.core.tenancy import Actor
from apps.ledger.enums import Purpose
from apps.ledger.queries import find_account
from apps.projects import queries as projects
from apps.projects import rules
from apps.projects.enums import ItemPurpose, ItemState, ProjectState
from apps.projects.models import Item, Project
from apps.projects.rules import Kind, Overlap
from apps.scoring.enums import RunState
from apps.scoring.models import ScoringRun
from apps.work.actions import money
from apps.work.models import OverlapPlan
from gpu_jobs.contracts import InputError

if TYPE_CHECKING:
    from gpu_jobs.planning.plan import Plan

_BATCH = 500
_ACTIVE = Q(state=ItemState.ACTIVE, purpose=ItemPurpose.WORK)
# Whose right answer is known needs no further one.
_ASKABLE = _ACTIVE & (Q(gold=None) | Q(gold__demoted_at__isnull=False))
# What is opened has every slot answered and scored; what is closed has no slot in anybody's hands.
_APPLY = """
WITH found AS MATERIALIZED (
  SELECT i.id, r.asked, r.opens, r.closes, i.open_slots AS had FROM projects_item i
  JOIN jsonb_to_recordset(%(rows)s::jsonb)
    AS r(item bigint, answers integer, asked integer, opens boolean, closes boolean)
    ON i.id = r.item
  WHERE i.project_id = %(project)s AND i.state = 'active' AND i.purpose = 'work'
    AND (NOT r.opens OR i.open_slots = 0 AND i.overlap = r.answers AND i.overlap < %(most)s)
    AND (NOT r.closes OR i.open_slots > 0 AND i.asked > 0 AND i.overlap - i.open_slots = r.answers
      AND r.answers >= %(least)s)
  ORDER BY i.id FOR NO KEY UPDATE OF i SKIP LOCKED)
UPDATE projects_item i SET asked = f.asked,
  overlap = i.overlap + CASE WHEN f.opens THEN 1 WHEN f.closes THEN -f.had ELSE 0 END,
  open_slots = CASE WHEN f.opens THEN 1 WHEN f.closes THEN 0 ELSE i.open_slots END
FROM found f WHERE i.id = f.id
RETURNING f.opens::integer, CASE WHEN f.closes THEN f.had ELSE 0 END
"""


def plan_overlap(*, run_id: uuid.UUID, by: Actor, now: dt.datetime) -> OverlapPlan | None:
    """Carry out what a taken run says about each item; None when it has been done, or there is
    nothing to choose. A run whose answers have too many classes for it leaves a plan that says so.
    """
    run = ScoringRun.objects.filter(id=run_id, state=RunState.DONE).first()
    if run is None or run.handled_at is None:
        return None
    project = Project.objects.get(id=run.project_id)
    overlap = rules.overlap_of(money.body_of(project.criteria_in_force_id))
    is_open = project.state in {ProjectState.LIVE, ProjectState.PAUSED}
    if not overlap.is_dynamic or not is_open or OverlapPlan.objects.filter(run=run).exists():
        return None
    try:
        found = _plan(run, overlap)
    except InputError as error:
        return _written(run, _Counts(), None, overlap, note=str(error), by=by, now=now)
    with transaction.atomic():
        # One plan at a time; whoever extends or closes the project waits.
        Project.objects.select_for_update(of=("self",), no_key=True).get(id=project.id)
        if OverlapPlan.objects.filter(run=run).exists():
            return None
        counts = _carry_out(project, found, overlap)
        return _written(run, counts, found, overlap, by=by, now=now)


def _plan(run: ScoringRun, overlap: Overlap) -> "Plan":
    # Asked for here, so that the web, which imports the actions, never loads numpy.
    planning = import_module("gpu_jobs.planning.plan")
    rule = import_module("gpu_jobs.planning.overlap").Rule(
        error=overlap.error, least=overlap.least, most=overlap.most
    )
    return planning.plan_of_input(blobs.path(run.input_sha256), run.params, rule)


@dataclass(slots=True)
class _Counts:
    """What a plan has changed, and how the items of the project stand after it."""

    opened: int = 0
    closed: int = 0
    unfunded: int = 0
    sure: int = 0
    unsure: int = 0
    exhausted: int = 0
    saved: int = 0
    added: int = 0


class _Item(NamedTuple):
    """An active item whose right answer is not known."""

    overlap: int
    open_slots: int
    asked: int


def _carry_out(project: Project, found: "Plan", overlap: Overlap) -> _Counts:
    items = {
        row[0]: _Item(*row[1:])
        for row in Item.objects.filter(_ASKABLE, project=project)
        .values_list("id", "overlap", "open_slots", "asked")
        .iterator(chunk_size=10_000)
    }
    rows, wanted = [], []
    counts = _Counts()
    columns = (found.answers, found.sure, found.worth, found.gain)
    for name, answers, is_sure, is_worth, gain in zip(
        found.items, *(column.tolist() for column in columns), strict=True
    ):
        item = items.get(int(name))
        if item is None:
            continue
        counts.sure += is_sure
        counts.unsure += not is_sure
        counts.exhausted += not is_sure and not is_worth
        held = item.overlap - item.open_slots
        row = {
            "item": int(name),
            "answers": answers,
            # What is not asked for is given out by the walk alone.
            "asked": 1 + int(1000 * gain) if is_worth else 0,
            "opens": is_worth and not item.open_slots and item.overlap == answers < overlap.most,
            # What the buyer added by hand stays open: only what a plan asked for is closed.
            "closes": is_sure
            and item.asked > 0
            and item.open_slots > 0
            and held == answers >= overlap.least,
        }
        if row["opens"]:
            wanted.append((gain, row))
        elif row["closes"] or (item.open_slots and row["asked"] != item.asked):
            rows.append(row)
    # The most telling ones first, as far as the money goes.
    wanted.sort(key=lambda pair: (-pair[0], pair[1]["item"]))
    room = _affordable(project)
    rows += [row for _, row in wanted[:room]]
    counts.unfunded = max(0, len(wanted) - room)
    rows.sort(key=lambda row: row["item"])
    with connection.cursor() as cursor:
        for start in range(0, len(rows), _BATCH):
            words: dict[str, str | int | uuid.UUID] = {
                "rows": json.dumps(rows[start : start + _BATCH]),
                "project": project.id,
                "least": overlap.least,
                "most": overlap.most,
            }
            cursor.execute(_APPLY, words)
            changed = cursor.fetchall()
            counts.opened += sum(opened for opened, _ in changed)
            counts.closed += sum(closed for _, closed in changed)
    _compare(project, found, overlap, counts)
    return counts


def _affordable(project: Project) -> int:
    """Answers more that the free funds could reserve, beside all that can be claimed already."""
    held = find_account(
        Purpose.HELD, currency=project.currency, holder=project.org_id, scope=project.id
    )
    each = projects.reserve_of(money.body_of(project.criteria_in_force_id), Kind.WORK)
    there = Item.objects.filter(_ACTIVE, project=project).aggregate(slots=Sum("open_slots"))
    return max(0, held.available // each - (there["slots"] or 0))


def _compare(project: Project, found: "Plan", overlap: Overlap, counts: _Counts) -> None:
    """Answers saved and added beside a fixed overlap: of the most, and of the least."""
    now = dict(
        Item.objects.filter(_ASKABLE, project=project)
        .values_list("id", "overlap")
        .iterator(chunk_size=10_000)
    )
    counts.added = sum(max(0, each - overlap.least) for each in now.values())
    sure = (int(name) for name, is_sure in zip(found.items, found.sure.tolist(), strict=True)
            if is_sure)  # fmt: skip
    counts.saved = sum(max(0, overlap.most - now[item]) for item in sure if item in now)


def _written(
    run: ScoringRun,
    counts: _Counts,
    found: "Plan | None",
    overlap: Overlap,
    *,
    note: str = "",
    by: Actor,
    now: dt.datetime,
) -> OverlapPlan:
    with transaction.atomic():
        plan = OverlapPlan.objects.create(
            org_id=run.org_id,
            project_id=run.project_id,
            run=run,
            at=now,
            **asdict(counts),
            error=found.stated if found else None,
            wrong=found.wrong if found else 0,
            checked=found.checked if found else 0,
            low=found.low if found else None,
            high=found.high if found else None,
            promised=overlap.error,
            is_too_sure=found.too_sure if found else False,
            is_from_gold=found.from_gold if found else False,
            note=note[:300],
        )
        data = {"run": run.id, "opened": counts.opened, "closed": counts.closed}
        aggregate = ("project", run.project_id)
        audit.record(Event("project.overlap_planned", aggregate, run.org_id, data), by=by, now=now)
        return plan
