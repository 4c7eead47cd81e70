"""Kind `diversity`: what is in the items that have accepted answers, before more are bought.

Input: Parquet with split ("item", "test" or "answer"), row_id (unique), item_id, and of each split
what it needs. item: group (its batch) and content; test: content; answer: person, answer, and
machine (what a model said of the item; null where none did). Content is the column text, or
features (a list of numbers, equally long in all rows). Parameters (`Params`) have the defaults
shown.

Figures: one key, diversity (`items.Content` and the rest). A test item that stands among the items,
by its id or its content, is named in `leaks`: who trains on it measures nothing. File:
items.parquet (item_id, group, near, test). People appear in no line of their own.

It is one chunk; `plan`, `compute`, `enough`, `finish` and `run` are those of `lift.job`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gpu_jobs import tables
from gpu_jobs.contracts import InputError, Report, Result, Spec
from gpu_jobs.diversity.items import LEAST, Measures, Space, machine, number_space, text_space
from gpu_jobs.diversity.report import DRAWS, SIZE
from gpu_jobs.encoders.texts import sentence_encoder
from gpu_jobs.lift.table import check_ids, check_params, inputs_of
from gpu_jobs.stages import Stages

ITEM, TEST, ANSWER = "item", "test", "answer"
LEAKS, PAIRS = 20, 10
"""So many are named."""
_SAYS = (
    (
        "The effective number of different items is the Vendi score: it counts items that are alike"
        " as fewer. It grows with the number of items, so batches are compared at one size."
    ),
    (
        "Coverage is the share of test items that have an item nearer than their own fifth"
        " neighbour among the test items. The tail holds items that lie farther from the test items"
        " than nine in ten of these lie from each other."
    ),
    ("Intervals of effective numbers are over draws of items, those of shares Wilson's; both 95%."),
)


@dataclass(frozen=True, kw_only=True)
class Params:
    """encoder: name or folder of a sentence encoder; None for TF-IDF. size: items at which batches
    are compared; None for half of the second largest batch of those with LEAST items, or of
    the only one, or of all; at most SIZE.
    people: different items from which on somebody is counted among the people.
    """

    encoder: str | None = None
    size: int | None = None
    draws: int = DRAWS
    people: int = LEAST

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Raises InputError for a parameter that is unknown or out of range."""
        check_params("diversity", cls, values)
        params = cls(**values)
        if params.draws < 2 or params.people < 2 or (params.size is not None and params.size < 2):
            raise InputError("size, people and draws must be at least 2")
        return params


def plan(spec: Spec, workdir: Path) -> int:
    """One chunk. Raises InputError for whatever is wrong with parameters or input."""
    Params.of(spec.params)
    _split(tables.read_parquet(Path(spec.input)))
    _stages(spec, workdir)
    return 1


def compute(spec: Spec, workdir: Path, number: int) -> float:
    """Measure, unless it is done; seconds that it took."""
    if number != 0:
        raise InputError(f"this run has chunk 0, not {number}")
    start = perf_counter()
    _made(spec, workdir)
    return perf_counter() - start


def enough(spec: Spec, workdir: Path) -> bool:
    return _completion(workdir).exists() and bool(spec.kind)


def finish(spec: Spec, workdir: Path) -> Result:
    """Raises InputError when nothing was computed."""
    if not _completion(workdir).exists():
        raise InputError("no chunk of this run has been computed")
    made = _made(spec, workdir)
    return Result(
        kind=spec.kind,
        version=spec.version,
        input_sha256=tables.sha256_of(Path(spec.input)),
        figures=made.figures,
        files=made.files,
    )


def run(spec: Spec, *, workdir: Path, report: Report) -> Result:
    """As `runner.run` says."""
    plan(spec, workdir)
    compute(spec, workdir, 0)
    report(1, 1, "diversity measured")
    return finish(spec, workdir)


def _completion(workdir: Path) -> Path:
    return workdir / "1-diversity.done.json"


def _stages(spec: Spec, workdir: Path) -> Stages:
    workdir.mkdir(parents=True, exist_ok=True)
    made = Stages(workdir=workdir, total=1, report=lambda *_: None)
    made.claim(spec, input_sha256=tables.sha256_of(Path(spec.input)))
    return made


def _made(spec: Spec, workdir: Path) -> Stages:
    made = _stages(spec, workdir)
    made.make("diversity", lambda: _measured(spec))
    return made


def _split(raw: pa.Table) -> dict[str, pa.Table]:
    """The rows of each split, in an order that follows from them alone."""
    required = ("split", "row_id", "item_id", "group", "person", "answer", "machine")
    table = tables.clean(raw, required=required)
    check_ids(table)
    kinds = set(pc.unique(table["split"]).to_pylist())
    odd = sorted(map(str, kinds - {ITEM, TEST, ANSWER}))
    if odd:
        raise InputError(f"split must be {ITEM}, {TEST} or {ANSWER}, not {odd[0]!r}")
    parts = {}
    for name in (ITEM, TEST, ANSWER):
        part = raw.filter(pc.equal(table["split"], name))
        parts[name] = part.take(pc.sort_indices(part, [("row_id", "ascending")]))
    if parts[ITEM].num_rows < LEAST:
        raise InputError(
            f"at least {LEAST} items with an accepted answer are needed to say what is in them;"
            f" there are {parts[ITEM].num_rows}"
        )
    ids = parts[ITEM]["item_id"].to_pylist()
    if len(set(ids)) < len(ids):
        raise InputError("an item stands there more than once")
    return parts


def _measured(spec: Spec) -> tuple[dict[str, Any], dict[str, pa.Table]]:
    params = Params.of(spec.params)
    parts = _split(tables.read_parquet(Path(spec.input)))
    space = _space(parts, params, spec.seed)
    ids: list[str] = parts[ITEM]["item_id"].to_pylist()
    names: list[str] = [str(each) for each in parts[ITEM]["group"].to_pylist()]
    groups, group = np.unique(np.asarray(names, dtype=str), return_inverse=True)
    size = params.size or _size(len(ids), np.bincount(group))
    measures = Measures(space, size=size, draws=params.draws, seed=spec.seed)
    every = np.arange(len(ids))
    whole = measures.content("everything", every)
    batches = [
        measures.content(str(name), np.flatnonzero(group == number))
        for number, name in enumerate(groups)
        if len(groups) > 1
    ]
    place = {name: number for number, name in enumerate(ids)}
    answers = parts[ANSWER].select(["item_id", "person", "answer", "machine"]).to_pylist()
    answers = [row for row in answers if row["item_id"] in place]
    people, person = np.unique([str(row["person"]) for row in answers], return_inverse=True)
    said = [row for row in answers if row["machine"] is not None and row["answer"] is not None]
    tested = set(parts[TEST]["item_id"].to_pylist())
    leaks = np.isin(space.item, space.test) | np.array([name in tested for name in ids])
    found_machine = machine([r["answer"] for r in said], [r["machine"] for r in said])
    figures = {
        "items": len(ids),
        "test_items": parts[TEST].num_rows,
        "size": size,
        "everything": asdict(whole),
        "batches": [asdict(each) for each in batches],
        "people": asdict(
            measures.people(
                np.array([place[row["item_id"]] for row in answers], dtype=np.int64),
                person.ravel(),
                people=len(people),
                size=params.people,
            )
        ),
        "machine": None if found_machine is None else asdict(found_machine),
        "tail_expected": None if measures.place is None else measures.place.expected,
        "leaks": [ids[i] for i in np.flatnonzero(leaks)[:LEAKS]],
        "leaked": int(leaks.sum()),
        "pairs": [[ids[a], ids[b]] for a, b in measures.pairs(PAIRS)],
        "says": [*_SAYS, *space.says],
    }
    table = pa.table(
        {
            "item_id": pa.array(ids, pa.string()),
            "group": pa.array(names, pa.string()),
            "near": pa.array(measures.near.tolist(), pa.bool_()),
            "test": pa.array(measures.test.tolist(), pa.bool_()),
        }
    )
    return figures, {"items.parquet": table}


def _space(parts: dict[str, pa.Table], params: Params, seed: int) -> Space:
    column = "text" if "text" in parts[ITEM].column_names else "features"
    content = inputs_of(pa.concat_tables([parts[ITEM], parts[TEST]]), (column,))
    n = parts[ITEM].num_rows
    if isinstance(content, np.ndarray):
        return number_space(content[:n], content[n:])
    encoder = None if params.encoder is None else sentence_encoder(params.encoder)
    return text_space(content[:n], content[n:], encoder=encoder, seed=seed)


def _size(items: int, batches: np.ndarray) -> int:
    large = np.sort(batches[batches >= LEAST])[-2:]
    return min(SIZE, (int(large[0]) if len(large) else items) // 2)
