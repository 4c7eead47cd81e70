"""How far people agree with themselves: from what they were given twice to a row a person.

No run of quality, no label, no lift and no release reads a repeat; this alone does, and nothing
that it writes pays, rejects or opens anything.
"""

import datetime as dt
import io
import uuid
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.parquet as pq
from django.db import connection, transaction

from apps.core import blobs
from apps.core.ids import derived
from apps.core.tenancy import Actor
from apps.projects.models import Project
from apps.projects.permissions import check_is_system
from apps.scoring import actions as scoring
from apps.scoring.models import RepeatRun
from apps.work.actions import inputs, money, verdicts
from apps.work.models import Assignment, RepeatScore

NO_PAIR = "no repeat that counts is in"
_SCHEMA = pa.schema([("item_id", pa.string()), ("worker_id", pa.string()), ("answer", pa.string())])
# The first round of the second answer: what came after somebody asked for rework is another one. A
# rejected answer is used for nothing.
_PAIRS = """
SELECT s.item_id, s.contributor_id, f.answer_key, s.answer_key
FROM work_submission s
  JOIN work_assignment a ON a.id = s.assignment_id
  JOIN work_submission f ON f.item_id = s.item_id AND f.contributor_id = s.contributor_id
    AND f.kind = 'work' AND f.undone_at IS NULL AND f.round = 1
  JOIN work_assignment b ON b.id = f.assignment_id
WHERE s.project_id = %s AND s.kind = 'repeat' AND s.undone_at IS NULL AND s.round = 1
  AND s.undo_until <= %s AND a.state NOT IN ('rejected', 'final') AND b.state = 'accepted'
ORDER BY s.item_id, s.contributor_id
"""


def measure_repeats(*, project_id: uuid.UUID, by: Actor, now: dt.datetime) -> RepeatRun:
    """Compute the agreement of a project's people with themselves anew, and keep it by person."""
    with transaction.atomic():
        project = Project.objects.select_for_update(of=("self",), no_key=True).get(id=project_id)
        check_is_system(by, project)
        pairs = _pairs(project_id, now)
        digest, params = "", {}
        if pairs:
            digest = _written(pairs)
            params = inputs.scale_of(money.body_of(project.criteria_in_force_id))
        run = scoring.measure(
            project_id=project_id,
            org_id=project.org_id,
            input_sha256=digest,
            input_rows=2 * len(pairs),
            params=params,
            note="" if pairs else NO_PAIR,
            by=by,
            now=now,
        )
        _keep(run, ((run.result or {}).get("people") or {}).get("workers", []))
        return run


def _pairs(project_id: uuid.UUID, now: dt.datetime) -> list[tuple]:
    """(item, contributor, first answer, second answer)"""
    with connection.cursor() as cursor:
        cursor.execute(_PAIRS, [project_id, now])
        return cursor.fetchall()


def _written(pairs: Sequence[tuple]) -> str:
    rows = [
        (str(item), str(person), answer) for item, person, *answers in pairs for answer in answers
    ]
    arrays = [
        pa.array(column, type=field.type)
        for column, field in zip(zip(*rows, strict=True), _SCHEMA, strict=True)
    ]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(arrays, schema=_SCHEMA), buffer, compression="zstd")
    return blobs.put(buffer.getvalue())


def _keep(run: RepeatRun, people: Sequence[Mapping]) -> None:
    """The last run alone: of whom it says nothing there is no row."""
    RepeatScore.objects.filter(project_id=run.project_id).delete()
    RepeatScore.objects.bulk_create(
        RepeatScore(
            id=derived(run.id, person["worker"]),
            org_id=run.org_id,
            project_id=run.project_id,
            contributor_id=uuid.UUID(person["worker"]),
            run=run,
            items=person["items"],
            agreement=person["agreement"],
            low=person["low"],
            high=person["high"],
            at=run.finished_at,
        )
        for person in people
    )


def keep_from_repeats(*, assignment_id: uuid.UUID) -> Assignment:
    """A case is about the pay of this work: its item does not come again."""
    with transaction.atomic():
        row = verdicts.locked(assignment_id)
        row.is_disputed = True
        row.save(update_fields=["is_disputed"])
        return row
