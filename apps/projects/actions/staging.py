"""Staged rows of an import: written in batches, made items in one statement."""

import json

from django.db import connection

from apps.projects.actions import answer_rows
from apps.projects.actions.rowchecks import Good, Refused
from apps.projects.models import ItemImport, StagedAnswer, StagedItem

_WRITE = """
INSERT INTO projects_stageditem
  (load_id, org_id, line, external_id, payload, kind, triggers, overlap, gold, gold_key,
    explanation)
SELECT %s, %s, u.line, u.external_id, u.payload::jsonb, u.kind, u.triggers::jsonb,
  u.overlap, u.gold::jsonb,
  u.gold_key, u.explanation
FROM unnest(%s::int[], %s::text[], %s::text[], %s::text[], %s::text[], %s::int[], %s::text[],
  %s::text[], %s::text[]) AS u(line, external_id, payload, kind, triggers, overlap, gold,
    gold_key, explanation)
WHERE NOT EXISTS (SELECT 1 FROM projects_item i
  WHERE i.project_id = %s AND i.external_id = u.external_id)
ORDER BY u.line
ON CONFLICT (load_id, external_id) DO NOTHING
RETURNING line
"""

_DROP = """
DELETE FROM projects_stageditem s USING projects_item i
WHERE s.load_id = %s AND i.project_id = %s AND i.external_id = s.external_id
RETURNING s.line, s.external_id
"""

_KEEP = """
WITH made AS (
  INSERT INTO projects_item (project_id, org_id, external_id, purpose, state, payload, kind,
    triggers, overlap, open_slots, sort_key, broken_reports)
  SELECT l.project_id, l.org_id, s.external_id, l.purpose, 'active', s.payload, s.kind,
    s.triggers, s.overlap, s.overlap, hashtextextended(gen_random_uuid()::text, 0), 0
  FROM projects_stageditem s JOIN projects_itemimport l ON l.id = s.load_id
  WHERE s.load_id = %s ORDER BY s.line
  RETURNING id, project_id, org_id, external_id
)
INSERT INTO projects_goldanswer (item_id, project_id, org_id, answer, answer_key, explanation,
  authored_by_id)
SELECT made.id, made.project_id, made.org_id, s.gold, s.gold_key, s.explanation, l.created_by_id
FROM made JOIN projects_stageditem s ON s.load_id = %s AND s.external_id = made.external_id
  JOIN projects_itemimport l ON l.id = s.load_id
WHERE s.gold IS NOT NULL
"""


def write(load: ItemImport, good: list[Good], refused: Refused) -> int:
    """Stage the rows whose id is new; how many. The others are refused with the first line."""
    if not good:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            _WRITE,
            [
                load.id,
                load.org_id,
                [row.line for row in good],
                [row.external_id for row in good],
                [json.dumps(row.payload) for row in good],
                [row.kind for row in good],
                [json.dumps(row.triggers) for row in good],
                [row.overlap for row in good],
                [json.dumps(row.gold) if row.gold is not None else None for row in good],
                [row.gold_key for row in good],
                [row.explanation for row in good],
                load.project_id,
            ],
        )
        written = {line for (line,) in cursor.fetchall()}
    again = [row for row in good if row.line not in written]
    first = dict(
        StagedItem.objects.filter(
            load=load, external_id__in=[row.external_id for row in again]
        ).values_list("external_id", "line")
        if again
        else ()
    )
    for row in again:
        where = (
            f"is in line {first[row.external_id]:,} already"
            if row.external_id in first
            else "is an item of this project already"
        )
        refused.add(row.line, f"the item_id {row.external_id!r} {where}")
    return len(written)


def drop_clashes(load: ItemImport) -> list[tuple[int, str]]:
    """Another import may have brought the same ids since; those rows are refused after all."""
    if load.annotators:
        return answer_rows.drop_clashes(load)
    with connection.cursor() as cursor:
        cursor.execute(_DROP, [load.id, load.project_id])
        return [
            (line, f"the item_id {external_id!r} is an item of this project already")
            for line, external_id in sorted(cursor.fetchall())
        ]


def keep(load: ItemImport) -> None:
    """Staged rows become items and gold; in a random order, which no upload can choose. Those of a
    file of answers become answers.
    """
    if load.annotators:
        answer_rows.keep(load)
        return
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, [load.id, load.id])
    drop(load)


def drop(load: ItemImport) -> None:
    """Nothing of the file is staged any more."""
    StagedItem.objects.filter(load=load).delete()
    StagedAnswer.objects.filter(load=load).delete()
