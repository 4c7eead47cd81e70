"""Kind `errors`: where answers go wrong, by tier, kind of item, class and cells of people.

Input: Parquet with item_id, worker_id, answer, gold (what is taken for right, null where nothing
is), tier, kind (null: none), and any number of columns `cell_…`: the cell of the worker under one
attribute, `*` for another value or not said, null in rows that enter no cells. The last three may
be missing. A file in which a combination of cells has fewer than 10 people in a tier and kind is
refused: it should not exist (`errors.cells`). Parameters (`Params`) have the defaults shown.

Figures, a key for each stage: `wrong` (how often, the confused pairs), `groups` (by tier, by kind,
leanings by kind), `cells` (an entry an attribute: error rates, and by kind; rounded, see
`errors.described`). No files.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa

from gpu_jobs import tables
from gpu_jobs.answers import NO_GOLD, REPEATS, Answers, encode
from gpu_jobs.contracts import InputError, Report, Result, Spec, check_names, is_texts
from gpu_jobs.errors import bias
from gpu_jobs.errors.cells import LEAST_PEOPLE, OTHERS, least_of
from gpu_jobs.errors.described import by_cells
from gpu_jobs.errors.figures import coded, leanings, pairs, rows
from gpu_jobs.shares import clustered_share
from gpu_jobs.stages import Stages

COLUMNS = ("item_id", "worker_id", "answer")
BESIDE = ("tier", "kind")
CELL = "cell_"
TRUTHS = ("gold", "labels")
MOST_GROUPS = 50
"""Kinds with fewer answers than the first so many are taken together; and classes that lean."""
TOGETHER = "all others"


@dataclass(frozen=True, kw_only=True)
class Params:
    """truth: what column gold holds, known answers or the crowd's labels. classes: all allowed
    answers in their order, or null: those that are there. top: confused pairs.
    """

    truth: str = TRUTHS[0]
    classes: list[str] | None = None
    repeats: str = "last"
    top: int = 10

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Raises InputError for a parameter that is unknown or out of range."""
        check_names("errors", cls, values)
        params = cls(**values)
        for name, choices in {"truth": TRUTHS, "repeats": REPEATS}.items():
            if getattr(params, name) not in choices:
                raise InputError(f"{name} must be one of {', '.join(choices)}")
        if not is_texts(params.classes):
            raise InputError("classes must be null or a list of strings")
        if not isinstance(params.top, int) or isinstance(params.top, bool) or params.top < 1:
            raise InputError("top must be a whole number from 1")
        return params


@dataclass(frozen=True)
class _Input:
    """truth (I,), wrong float64 (n,): 1, 0, or NaN where nothing is known. beside: column → texts
    of the n answers.
    """

    answers: Answers
    wrong: np.ndarray
    beside: Mapping[str, Sequence[str | None]]
    params: Params

    @property
    def of_answer(self) -> np.ndarray:
        return self.answers.gold[self.answers.item]


def run(spec: Spec, *, workdir: Path, report: Report) -> Result:
    """All stages; see `runner.run` for resuming and errors."""
    params = Params.of(spec.params)
    digest = tables.sha256_of(Path(spec.input))
    stages = Stages(workdir=workdir, total=3, report=report)
    stages.claim(spec, input_sha256=digest)
    data = _read(Path(spec.input), params)
    stages.make("wrong", lambda: (_wrong(data), {}))
    stages.make("groups", lambda: (_groups(data), {}))
    stages.make("cells", lambda: (_cells(data), {}))
    return Result(
        kind=spec.kind,
        version=spec.version,
        input_sha256=digest,
        figures=stages.figures,
        files=stages.files,
    )


def _read(path: Path, params: Params) -> _Input:
    raw = tables.read_parquet(path)
    names = [name for name in raw.column_names if name.startswith(CELL)]
    table = tables.clean(raw, required=COLUMNS, optional=("gold", *BESIDE, *names))
    answers = encode(table, repeats=params.repeats, classes=params.classes)
    taken = pa.array(answers.row)
    beside = {
        name: table[name].take(taken).to_pylist()
        for name in (*BESIDE, *names)
        if name in table.column_names
    }
    of_answer = answers.gold[answers.item]
    judged = of_answer != NO_GOLD
    wrong = np.where(judged, (of_answer != answers.value).astype(np.float64), np.nan)
    data = _Input(answers=answers, wrong=wrong, beside=beside, params=params)
    _check_cells(data, names)
    return data


def _check_cells(data: _Input, names: Sequence[str]) -> None:
    """No part of a tier and kind with fewer than 10 people under all attributes together."""
    if not names:
        return
    columns = [data.beside[name] for name in names]
    enters = np.array([[text is not None for text in column] for column in columns])
    if (enters.any(axis=0) != enters.all(axis=0)).any():
        raise InputError(f"a row has a cell in one of {', '.join(names)} and none in another")
    where = [data.beside[name] for name in BESIDE if name in data.beside]
    parts = [repr(each) for each in zip(*where, *columns, strict=True)]
    part, _ = coded(parts)
    part = np.where(enters.all(axis=0) & ~np.isnan(data.wrong), part, -1)
    if (part >= 0).any() and least_of(part, data.answers.worker) < LEAST_PEOPLE:
        raise InputError(f"a cell has fewer than {LEAST_PEOPLE} people in a tier and kind")


def _wrong(data: _Input) -> dict[str, Any]:
    answers, known = data.answers, ~np.isnan(data.wrong)
    wrong, worker = data.wrong[known], answers.worker[known]
    zero = np.zeros(len(wrong), dtype=np.int64)
    rate, low, high = clustered_share(wrong, zero, worker, 1)
    return {
        "truth": data.params.truth,
        "judged_answers": len(wrong),
        "judged_people": len(np.unique(worker)),
        "errors": int(wrong.sum()),
        "error_rate": float(rate[0]) if len(wrong) else None,
        "low": float(low[0]),
        "high": float(high[0]),
        "confused_pairs": pairs(answers, answers.gold, data.params.top),
    }


def _groups(data: _Input) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for name in BESIDE:
        codes, names = _group(data, name)
        found = bias.gaps(data.wrong, codes, data.answers.worker, len(names))
        figures[f"by_{name}"] = rows(found, names)
    codes, names = _group(data, "kind")
    few = len(data.answers.classes) <= MOST_GROUPS
    figures["leaning_by_kind"] = leanings(data.answers, data.of_answer, codes, names) if few else []
    return figures


def _group(data: _Input, name: str) -> tuple[np.ndarray, list[str]]:
    texts = data.beside.get(name) or [None] * len(data.answers)
    counts = Counter(text for text in texts if text is not None)
    if len(counts) <= MOST_GROUPS:
        return coded(texts)
    order = sorted(counts, key=lambda text: (-counts[text], text))
    kept = set(order[: MOST_GROUPS - 1])
    return coded([text if text is None or text in kept else TOGETHER for text in texts])


def _cells(data: _Input) -> dict[str, Any]:
    columns = {
        name.removeprefix(CELL): column
        for name, column in data.beside.items()
        if name.startswith(CELL)
    }
    whom = _group(data, "kind")
    found = by_cells(data.wrong, data.answers.worker, columns, whom, called="kind")
    return {"least_people": LEAST_PEOPLE, "others": OTHERS, "attributes": found}
