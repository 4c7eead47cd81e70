"""What goes into a scoring run: the answers that count, as one file, and how it is to be read."""

import datetime as dt
import uuid
from collections.abc import Collection, Mapping

import pyarrow as pa
from django.db.models import Q, QuerySet

from apps.projects import rules
from apps.projects.models import AnnotatorAnswer, CriteriaVersion, GoldAnswer, Project
from apps.projects.rules import Kind
from apps.tasktypes import registry
from apps.work.enums import AssignmentState
from apps.work.models import Submission

_CHUNK = 10_000
_SCHEMA = pa.schema(
    [
        ("submission_id", pa.string()),
        ("item_id", pa.string()),
        ("worker_id", pa.string()),
        ("answer", pa.string()),
        ("gold", pa.string()),
        ("seconds", pa.float64()),
        ("at", pa.float64()),
        ("annotator", pa.string()),
    ]
)
_FIELDS = (
    "id",
    "item_id",
    "contributor_id",
    "answer_key",
    "assignment_id",
    "round",
    "assignment__active_seconds",
    "submitted_at",
    "assignment__criteria_id",
)


def counting(project_id: uuid.UUID, now: dt.datetime) -> QuerySet[Submission]:
    """Answers whose undo is over and that are not rejected (using one accepts it). Of an answer
    that was sent back only the last round counts; the earlier ones are among these rows.
    """
    return Submission.objects.filter(
        Q(project_id=project_id, kind=Kind.WORK, undone_at=None, undo_until__lte=now)
    ).exclude(assignment__state__in=[AssignmentState.REJECTED, AssignmentState.FINAL])


def known_answers(project_id: uuid.UUID) -> dict[int, str]:
    """Item → the key of its right answer, demoted ones left out."""
    return dict(
        GoldAnswer.objects.filter(project_id=project_id, demoted_at=None).values_list(
            "item_id", "answer_key"
        )
    )


def write(project: Project, body: Mapping, now: dt.datetime) -> tuple[pa.Table, dict]:
    """The table of a run of kind `quality`, people before machines, and its parameters.

    Without an answer of a person the table is empty: machines alone are not scored.
    """
    last: dict[uuid.UUID, tuple] = {}
    rows = counting(project.id, now).order_by("id").values_list(*_FIELDS)
    for row in rows.iterator(chunk_size=_CHUNK):
        kept = last.get(row[4])
        if kept is None or kept[5] < row[5]:
            last[row[4]] = row
    people = list(last.values())
    gold = known_answers(project.id)
    began = project.published_at or project.created_at
    columns: list[list] = [
        [str(r[0]) for r in people],
        [str(r[1]) for r in people],
        [str(r[2]) for r in people],
        [r[3] for r in people],
        [gold.get(r[1]) for r in people],
        [float(r[6]) for r in people],
        # A moved clock may lie before the beginning.
        [max(0.0, (r[7] - began).total_seconds()) for r in people],
        [None] * len(people),
    ]
    if people:
        _add_machines(columns, project.id, gold)
    arrays = [pa.array(c, type=f.type) for c, f in zip(columns, _SCHEMA, strict=True)]
    return pa.Table.from_arrays(arrays, schema=_SCHEMA), _params(body, {r[8] for r in people})


def _add_machines(columns: list[list], project_id: uuid.UUID, gold: Mapping[int, str]) -> None:
    rows = (
        AnnotatorAnswer.objects.filter(project_id=project_id)
        .order_by("id")
        .values_list("id", "item_id", "kind", "annotator", "answer_key")
    )
    for pk, item, kind, annotator, key in rows.iterator(chunk_size=_CHUNK):
        made = (str(pk), str(item), f"{kind}:{annotator}", key, gold.get(item), None, None, kind)
        for column, value in zip(columns, made, strict=True):
            column.append(value)


def _params(body: Mapping, criteria: Collection[uuid.UUID]) -> dict:
    """How far answers are apart; ordinal choices are ordered as the criteria list them. Kept are
    the signals that every version of the criteria discloses under which somebody has answered.
    """
    versions = CriteriaVersion.objects.filter(id__in=criteria).values_list(
        "body__disclosure__signals", flat=True
    )
    return scale_of(body) | {
        "repeats": "keep",
        "signals": rules.kept_under(phrases or [] for phrases in versions),
    }


def scale_of(body: Mapping) -> dict:
    """How far answers are apart, as runs take it: level, and classes where they have an order."""
    config = body["task"]["config"]
    level = config.get("level", registry.get(body["task"]["type"]).level)
    if level == "nominal":
        return {"level": level}
    return {"level": level, "classes": [c["key"] for c in config["choices"]]}
