"""From a taken scoring run to the analysis of its errors: the same answers, with what stands beside
them, under pseudonyms whose key is thrown away.
"""

import datetime as dt
import hashlib
import hmac
import io
import secrets
import uuid
from collections import defaultdict
from collections.abc import Mapping
from importlib import import_module

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from apps.accounts.queries import described
from apps.core import blobs
from apps.core.tenancy import Actor
from apps.projects.models import Item
from apps.scoring import actions as scoring
from apps.scoring.enums import RunState
from apps.scoring.models import ErrorRun, ScoringRun
from apps.work.models import Submission

CLOSED = ("nominal", "ordinal")
NO_CLASSES = "errors are counted for answers that are one of several classes"
NO_TRUTH = "no answer of a person has a known answer or a label beside it"
_KEPT = ("submission_id", "item_id", "worker_id", "answer", "gold")
_CHUNK = 10_000


def analyse_errors(*, run_id: uuid.UUID, by: Actor, now: dt.datetime) -> ErrorRun | None:
    """Where the answers of a taken run go wrong; None when that is known, or it is not taken."""
    run = (
        ScoringRun.objects.select_for_update(of=("self",), no_key=True)
        .filter(id=run_id, kind="quality", state=RunState.DONE, handled_at__isnull=False)
        .first()
    )
    if run is None or ErrorRun.objects.filter(run=run).exists():
        return None
    table, truth = _answers(run)
    note = "" if run.params.get("level", CLOSED[0]) in CLOSED else NO_CLASSES
    if not note and table["gold"].null_count == table.num_rows:
        note = NO_TRUTH
    if note:
        return scoring.analyse(
            run_id=run.id, input_sha256="", input_rows=0, params={}, note=note, by=by, now=now
        )
    buffer = io.BytesIO()
    pq.write_table(_written(table, run), buffer, compression="zstd")
    return scoring.analyse(
        run_id=run.id,
        input_sha256=blobs.put(buffer.getvalue()),
        input_rows=table.num_rows,
        params={
            "truth": truth,
            "classes": run.params.get("classes"),
            "repeats": run.params.get("repeats", "last"),
        },
        by=by,
        now=now,
    )


def _answers(run: ScoringRun) -> tuple[pa.Table, str]:
    """The answers of people in a run, and what `gold` holds: known answers where there is one, else
    the run's labels.
    """
    path = blobs.path(run.input_sha256)
    table = pq.read_table(path)
    if "annotator" in table.column_names:
        table = table.filter(pc.is_null(table["annotator"]))
    table = table.select(_KEPT)
    if table["gold"].null_count < table.num_rows:
        return table, "gold"
    labels = pq.read_table(io.BytesIO(blobs.read(run.labels_sha256)))
    of_item = dict(zip(labels["item_id"].to_pylist(), labels["answer"].to_pylist(), strict=True))
    truth = [of_item.get(item) for item in table["item_id"].to_pylist()]
    place = table.column_names.index("gold")
    return table.set_column(place, "gold", pa.array(truth, pa.string())), "labels"


def _written(table: pa.Table, run: ScoringRun) -> pa.Table:
    """What is computed from. No id of an answer, people under names of this file alone, and rows in
    an order that says nothing of when they were given.
    """
    beside: dict[str, list] = {"tier": _tiers(table, run), "kind": _kinds(table, run)}
    beside |= _cells(table, beside["tier"], beside["kind"])
    names = _pseudonyms(table["worker_id"].to_pylist())
    columns = {
        "item_id": table["item_id"],
        "worker_id": pa.array(names, pa.string()),
        "answer": table["answer"],
        "gold": table["gold"],
        **{name: pa.array(texts, pa.string()) for name, texts in beside.items()},
    }
    made = pa.table(columns)
    return made.sort_by([("item_id", "ascending"), ("worker_id", "ascending")])


def _cells(table: pa.Table, tiers: list, kinds: list) -> dict[str, list[str | None]]:
    """Columns of what people say of themselves, only as far as at least ten of them stand in every
    combination that the file holds; none where that cannot be.
    """
    rule = import_module("gpu_jobs.errors.cells")
    judged = pc.and_(pc.is_valid(table["gold"]), pc.is_valid(table["answer"])).to_pylist()
    people = table["worker_id"].to_pylist()
    known = {name for name, is_judged in zip(people, judged, strict=True) if is_judged}
    said: dict[str, dict[str, str]] = defaultdict(dict)
    for person, attribute, value in described([uuid.UUID(name) for name in sorted(known)]):
        said[attribute][str(person)] = value
    found = rule.written(list(zip(tiers, kinds, strict=True)), people, judged, said)
    return {f"cell_{attribute}": column for attribute, column in found.items()}


def _pseudonyms(workers: list[str]) -> list[str]:
    """Keyed with what is thrown away here."""
    key = secrets.token_bytes(32)
    names = {
        worker: hmac.new(key, worker.encode(), hashlib.sha256).hexdigest()[:16]
        for worker in set(workers)
    }
    return [names[worker] for worker in workers]


def _tiers(table: pa.Table, run: ScoringRun) -> list[str | None]:
    rows = Submission.objects.filter(project_id=run.project_id).values_list(
        "id", "assignment__tier"
    )
    of_answer = {str(pk): tier for pk, tier in rows.iterator(chunk_size=_CHUNK)}
    return _of(of_answer, table["submission_id"])


def _kinds(table: pa.Table, run: ScoringRun) -> list[str | None]:
    rows = Item.objects.filter(project_id=run.project_id).exclude(kind="").values_list("id", "kind")
    return _of({str(pk): kind for pk, kind in rows.iterator(chunk_size=_CHUNK)}, table["item_id"])


def _of(names: Mapping[str, str], column: pa.ChunkedArray) -> list[str | None]:
    return [names.get(text) or None for text in column.to_pylist()]
