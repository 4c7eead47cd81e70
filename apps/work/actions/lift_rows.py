"""The rows of a lift run: accepted answers to train on, held-out known answers to measure by.

Rejected work never enters: using an answer accepts it. Nor does any answer to an item of the test
set, or to one whose right answer is known. Contributors stand under a pseudonym of the run.
"""

import hashlib
import hmac
import io
import json
import uuid
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from apps.core import blobs
from apps.core.errors import Conflict, NotThere
from apps.projects.enums import AnnotatorKind
from apps.projects.models import AnnotatorAnswer, Asset, GoldAnswer, Item, Project
from apps.projects.rules import Kind, LiftTerms
from apps.scoring.enums import Grouping
from apps.tasktypes import registry
from apps.work.actions import money
from apps.work.enums import PAID_AS_ACCEPTED
from apps.work.models import Submission
from apps.work.queries.more import UNNAMED
from apps.work.queries.scores import monday

SIDE = 8  # of a picture in grey: few answers can teach few numbers
CHUNK = 5_000
BY_PIXELS = frozenset({"tabular"})  # recipes that read numbers; the others open the picture


@dataclass(frozen=True, slots=True)
class Row:
    """One accepted answer. `item_id` is the buyer's own."""

    id: uuid.UUID
    item_id: str
    item: int
    contributor_id: uuid.UUID
    answer: str
    groups: Mapping[Grouping, str]


@dataclass(frozen=True, slots=True)
class Written:
    """A file of rows by one grouping; `groups` are how many there are."""

    sha256: str
    rows: int
    test_rows: int
    groups: int


def pseudonym(key: bytes, person: uuid.UUID) -> str:
    """HMAC-SHA-256 with the run's own key, 16 hex digits."""
    return hmac.new(key, person.bytes, hashlib.sha256).hexdigest()[:16]


class Rows:
    """What a project has to measure now. Raises Conflict with the reason when it has nothing."""

    def __init__(self, project: Project, terms: LiftTerms) -> None:
        self.project, self.terms = project, terms
        task = project.criteria_in_force.body["task"]
        self.task_type, self.config = registry.get(task["type"]), task["config"]
        self.test = self._test()
        self.rows = list(self._accepted())
        if not self.test:
            raise Conflict("No item with a known answer is left to measure models on.")
        if not self.rows:
            raise Conflict("No answer is accepted yet that a model could be trained on.")

    def file(self, grouping: Grouping, key: bytes) -> Written:
        """Write the rows with this grouping; content-addressed, so the same rows are one file."""
        names = [self._name(row, grouping, key) for row in self.rows]
        columns: dict[str, pa.Array] = {
            "split": pa.array(["train"] * len(names) + ["test"] * len(self.test), pa.string()),
            "row_id": pa.array(
                [str(row.id) for row in self.rows] + [f"test:{item}" for _, item, _ in self.test],
                pa.string(),
            ),
            "item_id": pa.array(
                [row.item_id for row in self.rows] + [item for _, item, _ in self.test], pa.string()
            ),
            "group": pa.array([*names, *[None] * len(self.test)], pa.string()),
            "answer": pa.array(
                [row.answer for row in self.rows] + [answer for _, _, answer in self.test],
                pa.string(),
            ),
        }
        places = [row.item for row in self.rows] + [item for item, _, _ in self.test]
        for name, kind in _types(self._inputs).items():
            columns[name] = pa.array([self._inputs[item][name] for item in places], kind)
        buffer = io.BytesIO()
        pq.write_table(pa.table(columns), buffer, compression="zstd")
        return Written(blobs.put(buffer.getvalue()), len(names), len(self.test), len(set(names)))

    def items_file(self, key: bytes) -> Written:
        """Each item once, in the week in which its first answer was accepted, and who answered it.

        `machine` is what the imported models say of an item, by the most of them.
        """
        batch: dict[int, str] = {}
        for row in self.rows:
            week = row.groups[Grouping.BATCH]
            batch[row.item] = min(batch.get(row.item, week), week)
        name = {row.item: row.item_id for row in self.rows}
        said, contents = _machine(self.project, batch), self._contents()
        lines: list[dict[str, Any]] = [
            {
                "split": "item", "row_id": f"item:{name[item]}", "item_id": name[item],
                "group": week, **contents[item],
            }
            for item, week in batch.items()
        ] + [
            {"split": "test", "row_id": f"test:{item_id}", "item_id": item_id, **contents[item]}
            for item, item_id, _ in self.test
        ] + [
            {
                "split": "answer", "row_id": str(row.id), "item_id": row.item_id,
                "person": pseudonym(key, row.contributor_id), "answer": row.answer,
                "machine": said.get(row.item),
            }
            for row in self.rows
        ]  # fmt: skip
        names = ("split", "row_id", "item_id", "group", "person", "answer", "machine")
        kinds = dict.fromkeys(names, pa.string()) | _types(contents)
        columns = {
            column: pa.array([line.get(column) for line in lines], kind)
            for column, kind in kinds.items()
        }
        buffer = io.BytesIO()
        pq.write_table(pa.table(columns), buffer, compression="zstd")
        sha256 = blobs.put(buffer.getvalue())
        return Written(sha256, len(batch), len(self.test), len(set(batch.values())))

    @staticmethod
    def _name(row: Row, grouping: Grouping, key: bytes) -> str:
        if grouping == Grouping.CONTRIBUTOR:
            return pseudonym(key, row.contributor_id)
        return row.groups[grouping]

    def _test(self) -> list[tuple[int, str, str]]:
        """(item, the buyer's id, right answer) of the list of the criteria, as far as it holds."""
        try:
            listed = json.loads(blobs.read(self.terms.test_sha256))
        except NotThere as error:
            raise Conflict("The list of test items is no longer stored.") from error
        self._listed = frozenset(listed)
        rows = GoldAnswer.objects.filter(
            project=self.project, demoted_at=None, item__external_id__in=listed
        )
        return sorted(rows.values_list("item_id", "item__external_id", "answer_key"))

    def _accepted(self) -> Iterator[Row]:
        """The last round of accepted and overturned work, in the order in which it came in."""
        rows = (
            Submission.objects.filter(
                project=self.project,
                kind=Kind.WORK,
                undone_at=None,
                assignment__state__in=PAID_AS_ACCEPTED,
            )
            .exclude(item__gold__isnull=False, item__gold__demoted_at=None)
            .exclude(answer_key__in=self.task_type.lift_skips)
            .order_by("id")
            .values_list(
                "id", "item_id", "item__external_id", "item__kind", "contributor_id", "answer_key",
                "round", "assignment__rounds", "assignment__tier", "assignment__ended_at",
                "submitted_at",
            )
        )  # fmt: skip
        for row in rows.iterator(chunk_size=CHUNK):
            if row[6] != row[7] or row[2] in self._listed:
                continue
            yield Row(
                id=row[0],
                item=row[1],
                item_id=row[2],
                contributor_id=row[4],
                answer=row[5],
                groups={
                    Grouping.KIND: row[3] or UNNAMED,
                    Grouping.TIER: row[8],
                    Grouping.BATCH: monday(row[9] or row[10]).isoformat(),
                },
            )

    @cached_property
    def _given(self) -> dict[int, Mapping[str, str]]:
        """Item → its text, its two texts, or the name of its picture."""
        items = {row.item for row in self.rows} | {item for item, _, _ in self.test}
        return {
            item: self.task_type.lift_input(self.config, payload)
            for item, payload in Item.objects.filter(id__in=items).values_list("id", "payload")
        }

    @cached_property
    def _pictures(self) -> frozenset[str]:
        return frozenset(each["image"] for each in self._given.values() if "image" in each)

    @cached_property
    def _inputs(self) -> dict[int, dict[str, Any]]:
        """Item → what its recipe reads of it."""
        if not self._pictures:
            return {item: dict(each) for item, each in self._given.items()}
        if self.terms.recipe in BY_PIXELS:
            return self._grey()
        places = _places(self.project, self._pictures)
        return {item: {"image": places[each["image"]]} for item, each in self._given.items()}

    def _contents(self) -> dict[int, dict[str, Any]]:
        """Item → what tells it from others: its text (both of a pair), or the grey of a picture."""
        if self._pictures:
            return self._grey()
        return {item: {"text": " ‖ ".join(each.values())} for item, each in self._given.items()}

    def _grey(self) -> dict[int, dict[str, Any]]:
        pixels = _pixels(self.project, self._pictures)
        return {item: {"features": pixels[each["image"]]} for item, each in self._given.items()}


def _types(inputs: Mapping[int, Mapping[str, Any]]) -> dict[str, pa.DataType]:
    """Columns of the inputs with their types."""
    names = next(iter(inputs.values()))
    return {name: pa.list_(pa.float64()) if name == "features" else pa.string() for name in names}


def _places(project: Project, names: Collection[str]) -> dict[str, str]:
    """Of each picture its place among the blobs. Raises Conflict for a lost one."""
    assets = Asset.objects.filter(project=project, name__in=names)
    found = dict(assets.values_list("name", "sha256"))
    for name in sorted(names):
        try:
            blobs.path(found[name])
        except (KeyError, NotThere) as error:
            raise Conflict(f"The picture {name} is no longer stored.") from error
    return {name: blobs.place(digest) for name, digest in found.items()}


def _machine(project: Project, items: Collection[int]) -> dict[int, str]:
    """Item → the answer that most imported models give; of equally many, the first by its name."""
    rows = AnnotatorAnswer.objects.filter(
        project=project, kind=AnnotatorKind.MODEL, item_id__in=items
    ).values_list("item_id", "answer_key")
    votes: dict[int, Counter[str]] = defaultdict(Counter)
    for item, key in rows:
        votes[item][key] += 1
    return {
        item: min(counts, key=lambda key: (-counts[key], key)) for item, counts in votes.items()
    }


def _pixels(project: Project, names: Collection[str]) -> dict[str, list[float]]:
    """Grey of SIDE × SIDE pixels from 0 to 1, row by row. Raises Conflict for a lost picture."""
    image = import_module("PIL.Image")
    shas = dict(Asset.objects.filter(project=project, name__in=names).values_list("name", "sha256"))
    found = {}
    for name in names:
        try:
            with image.open(blobs.path(shas[name])) as picture:
                grey = picture.convert("L").resize((SIDE, SIDE), image.Resampling.BOX)
        except (KeyError, NotThere, OSError) as error:
            raise Conflict(f"The picture {name} is no longer stored.") from error
        found[name] = [value / 255 for value in grey.tobytes()]
    return found


def params(terms: LiftTerms) -> dict[str, Any]:
    """Of `gpu_jobs.lift.job`, from the criteria."""
    return {
        "recipe": terms.recipe,
        **({"encoder": terms.encoder} if terms.encoder else {}),
        "metric": terms.metric,
        **({"positive": terms.positive} if terms.positive else {}),
        "method": terms.method,
        "rows": terms.rows,
        "seeds": terms.seeds,
        "chance": terms.chance,
        "min_rows": terms.minimum_rows,
        "confidence": terms.confidence_percent / 100,
    }


def terms_of(project: Project) -> LiftTerms | None:
    return LiftTerms.of(money.body_of(project.criteria_in_force_id))
