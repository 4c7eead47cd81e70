"""Answers that models or labelling functions gave to a project's items: checked, staged, kept.

They are read by the same worker as items, batch by batch, with the same report of refused rows.
They enter labels with a confusion matrix of their own and nothing that is about people.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db import connection

from apps.core.errors import Invalid
from apps.projects.actions.rowchecks import ID_COLUMNS, Refused, text_of
from apps.projects.enums import ItemPurpose
from apps.projects.errors import BrokenFile
from apps.projects.models import AnnotatorAnswer, Item, ItemImport, StagedAnswer
from apps.projects.queries import configured_type
from apps.tasktypes.registry import TaskType

ANNOTATORS_MAX = 100  # in one file
NAME_MAX = 80
COLUMNS = (*ID_COLUMNS, "annotator", "answer")

_WRITE = """
INSERT INTO projects_stagedanswer (load_id, org_id, line, item_id, annotator, answer, answer_key)
SELECT %s, %s, u.line, u.item_id, u.annotator, u.answer::jsonb, u.answer_key
FROM unnest(%s::int[], %s::bigint[], %s::text[], %s::text[], %s::text[])
  AS u(line, item_id, annotator, answer, answer_key)
WHERE NOT EXISTS (SELECT 1 FROM projects_annotatoranswer a
  WHERE a.item_id = u.item_id AND a.kind = %s AND a.annotator = u.annotator)
ORDER BY u.line
ON CONFLICT (load_id, item_id, annotator) DO NOTHING
RETURNING line
"""


@dataclass(frozen=True, slots=True)
class Answered:
    """A checked row; its item is looked up with the batch."""

    line: int
    external_id: str
    annotator: str
    answer: dict
    answer_key: str


class AnswerRows:
    """What a file of answers holds: its columns, the check of a row, the staging of a batch."""

    def __init__(self, load: ItemImport) -> None:
        task: tuple[TaskType, Mapping] = configured_type(load.project)
        self.task_type, self.config = task
        self.names: set[str] = set()

    @property
    def columns(self) -> Sequence[str]:
        return COLUMNS

    def check_header(self, names: set[str]) -> None:
        for wanted in (ID_COLUMNS, ("annotator",), ("answer",)):
            if not names & set(wanted):
                raise BrokenFile(f"There is no column {wanted[0]}.")

    def check(self, line: int, cells: Mapping) -> Answered:
        external_id = text_of(cells.get("item_id", cells.get("id")), "item_id", 200)
        annotator = text_of(cells.get("annotator"), "annotator", NAME_MAX)
        if not external_id:
            raise Invalid("item_id is empty")
        if not annotator:
            raise Invalid("annotator is empty: name the model or the function")
        self.names.add(annotator)
        if len(self.names) > ANNOTATORS_MAX:
            raise BrokenFile(f"The file names more than {ANNOTATORS_MAX} annotators: split it.")
        raw = cells.get("answer")
        if raw is None or raw == "":
            raise Invalid("answer is empty: leave the row out where there is none")
        try:
            answer = self.task_type.check_gold(self.config, raw)
        except Invalid as error:
            # The same check as for known answers, in which a cell stands for an answer.
            raise Invalid(error.sentence.replace("the gold answer", "the answer")) from error
        return Answered(line, external_id, annotator, answer, self.task_type.answer_key(answer))

    def write(self, load: ItemImport, good: list[Answered], refused: Refused) -> int:
        """Stage the rows of known items that are new; how many. The others are refused."""
        items = dict(
            Item.objects.filter(
                project_id=load.project_id,
                purpose=ItemPurpose.WORK,
                external_id__in={row.external_id for row in good},
            ).values_list("external_id", "id")
        )
        found = []
        for row in good:
            if row.external_id in items:
                found.append(row)
            else:
                refused.add(row.line, f"no item for work has the item_id {row.external_id!r}")
        if not found:
            return 0
        with connection.cursor() as cursor:
            cursor.execute(
                _WRITE,
                [
                    load.id,
                    load.org_id,
                    [row.line for row in found],
                    [items[row.external_id] for row in found],
                    [row.annotator for row in found],
                    [json.dumps(row.answer) for row in found],
                    [row.answer_key for row in found],
                    load.annotators,
                ],
            )
            written = {line for (line,) in cursor.fetchall()}
        _refuse_again(load, [row for row in found if row.line not in written], refused)
        return len(written)


def _refuse_again(load: ItemImport, again: Iterable[Answered], refused: Refused) -> None:
    staged = {
        (external_id, annotator): line
        for external_id, annotator, line in StagedAnswer.objects.filter(
            load=load, item__external_id__in={row.external_id for row in again}
        ).values_list("item__external_id", "annotator", "line")
    }
    for row in again:
        line = staged.get((row.external_id, row.annotator))
        where = f"in line {line:,} already" if line else "in an earlier file"
        refused.add(row.line, f"{row.annotator!r} has answered {row.external_id!r} {where}")


_DROP = """
DELETE FROM projects_stagedanswer s USING projects_annotatoranswer a, projects_item i
WHERE s.load_id = %s AND a.item_id = s.item_id AND a.kind = %s AND a.annotator = s.annotator
  AND i.id = s.item_id
RETURNING s.line, s.annotator, i.external_id
"""


def drop_clashes(load: ItemImport) -> list[tuple[int, str]]:
    """Another file may have brought the same answers since; those rows are refused after all."""
    with connection.cursor() as cursor:
        cursor.execute(_DROP, [load.id, load.annotators])
        return [
            (line, f"{annotator!r} has answered {external_id!r} in an earlier file")
            for line, annotator, external_id in sorted(cursor.fetchall())
        ]


def keep(load: ItemImport) -> None:
    """Staged rows become answers, all at once."""
    staged = StagedAnswer.objects.filter(load=load).order_by("line")
    AnnotatorAnswer.objects.bulk_create(
        (
            AnnotatorAnswer(
                project_id=load.project_id,
                org_id=load.org_id,
                load=load,
                item_id=row.item_id,
                kind=load.annotators,
                annotator=row.annotator,
                answer=row.answer,
                answer_key=row.answer_key,
            )
            for row in staged.iterator(chunk_size=5_000)
        ),
        batch_size=5_000,
    )
    staged.delete()
