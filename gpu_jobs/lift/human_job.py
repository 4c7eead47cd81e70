"""Kind `human`: was the human needed? Models and people on the items with a known answer.

Input: Parquet with a row an answer: item_id, worker_id, answer, gold (the known answer of the item,
null where there is none) and annotator (null of a person, else what kind of machine it was); other
columns are not read. Parameters: see `Params`; prices are whole micro-units, millionths of the
currency's minor unit.

Grading is blind. First the sheet is made and graded: each different answer to an item once, in
random order, read from the columns item_id, answer and gold alone. The grades are written as
scores.parquet (number, item_id, answer, grade) and stand in the result by their SHA-256. Only then
is it read who gave which answer, and models and people are compared by these grades.

Figures: one key, human: sheet (entries, sha256), price of a person's answer, and of each model what
`human.human_need` finds, its grades beside people's (`blind.graded`), its price, people_answers (to
the items compared), and two sentences: `says` and `equal_says`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gpu_jobs import tables
from gpu_jobs.answers import encode
from gpu_jobs.contracts import InputError, Report, Result, Spec
from gpu_jobs.lift.blind import Entry, graded
from gpu_jobs.lift.human import DRAWS, FOLDS, RESAMPLES, at_equal_cost, human_need

SHEET = "scores.parquet"
MICROS = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Params:
    """models: worker_id → price of one answer of it. price: of one answer of a person. Both are
    micro-units. folds, draws, resamples: see `human.human_need`.
    """

    price: int
    models: Mapping[str, int] = field(default_factory=dict)
    folds: int = FOLDS
    draws: int = DRAWS
    resamples: int = RESAMPLES

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Raises InputError for a parameter that is missing, unknown or no whole number."""
        known = {each.name for each in fields(cls)}
        for name in sorted(set(values) - known):
            raise InputError(f"human has no parameter {name!r}")
        if "price" not in values or not values.get("models"):
            raise InputError("human needs the price of a person's answer, and models with theirs")
        prices = values["models"]
        if not isinstance(prices, Mapping):
            raise InputError("models must be an object of prices")
        numbers = [(name, values[name]) for name in sorted(known & set(values) - {"models"})]
        for name, value in [*numbers, *prices.items()]:
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise InputError(f"{name} must be a whole number from 0 on, not {value!r}")
        return cls(**{**values, "models": dict(prices)})


def run(spec: Spec, *, workdir: Path, report: Report) -> Result:
    """The whole run; it is short, so it is made anew after a kill."""
    params, path = Params.of(spec.params), Path(spec.input)
    total = 1 + len(params.models)
    sheet = graded_sheet(path, seed=spec.seed)
    tables.write_parquet(sheet, workdir / SHEET)
    digest = tables.sha256_of(workdir / SHEET)
    report(1, total, f"{sheet.num_rows} answers are graded, and by whom they are is not read yet")
    found = []
    for done, (model, price) in enumerate(sorted(params.models.items()), start=2):
        found.append(_compared(path, pq.read_table(workdir / SHEET), model, price, params, spec))
        report(done, total, f"{model} is compared with people")
    return Result(
        kind=spec.kind,
        version=spec.version,
        input_sha256=tables.sha256_of(path),
        figures={
            "human": {
                "sheet": {"entries": sheet.num_rows, "sha256": digest},
                "price": params.price,
                "models": found,
            }
        },
        files={SHEET: {"sha256": digest, "rows": sheet.num_rows}},
    )


def graded_sheet(path: Path, *, seed: int) -> pa.Table:
    """number, item_id, answer, grade: every answer to an item with gold once, 1.0 where it is it.

    Reads neither who answered nor how many did, so nothing of that can be in a grade or in the
    order. Raises InputError where there is nothing to be graded.
    """
    raw = _read(path, ["item_id", "answer", "gold"])
    rows = {
        (item, answer): float(answer == gold)
        for item, answer, gold in zip(*raw.to_pydict().values(), strict=True)
        if answer is not None and gold is not None
    }
    if not rows:
        raise InputError("no answer stands at an item with a known answer")
    entries = sorted(rows)
    order = np.random.default_rng([seed, 9]).permutation(len(entries)).tolist()
    mixed = [entries[place] for place in order]
    return pa.table(
        {
            "number": pa.array(range(1, len(mixed) + 1), pa.int64()),
            "item_id": pa.array([item for item, _ in mixed], pa.string()),
            "answer": pa.array([answer for _, answer in mixed], pa.string()),
            "grade": pa.array([rows[each] for each in mixed], pa.float64()),
        }
    )


def _compared(
    path: Path, sheet: pa.Table, model: str, price: int, params: Params, spec: Spec
) -> dict[str, Any]:
    table = _read(path, ["item_id", "worker_id", "answer", "gold", "annotator"])
    machines = tables.machine_ids(table)
    if model not in machines:
        raise InputError(f"{model!r} gave no answer as a machine")
    answers = encode(table, repeats="last")
    need = human_need(
        answers,
        np.array([name in machines for name in answers.workers]),
        answers.workers.index(model),
        price=params.price / MICROS,
        model_cents=price / MICROS,
        folds=params.folds,
        draws=params.draws,
        resamples=params.resamples,
        seed=spec.seed,
    )
    grades = graded(
        _entries(sheet, table),
        dict(zip(sheet["number"].to_pylist(), sheet["grade"].to_pylist(), strict=True)),
        machines=machines,
        model=model,
        resamples=params.resamples,
        seed=spec.seed,
    )
    return {
        **asdict(need),
        "curve": [asdict(step) for step in need.curve],
        "price": price,
        # Given to the items compared; whole, so that costs can be whole.
        "people_answers": round(need.cents_people * need.items / (params.price / MICROS)),
        "graded": asdict(grades),
        "equal_says": at_equal_cost(need.equal_over_people),
    }


def _entries(sheet: pa.Table, table: pa.Table) -> list[Entry]:
    """The lines of the sheet with whoever gave the answer: the key, read after the grades."""
    who: dict[tuple[str, str], set[str]] = {}
    columns = (table[name].to_pylist() for name in ("item_id", "answer", "worker_id"))
    for item, answer, worker in zip(*columns, strict=True):
        if answer is not None:
            who.setdefault((item, answer), set()).add(worker)
    lines = (sheet[name].to_pylist() for name in ("number", "item_id", "answer"))
    return [
        Entry(number, item, answer, tuple(sorted(who[(item, answer)])))
        for number, item, answer in zip(*lines, strict=True)
    ]


def _read(path: Path, names: list[str]) -> pa.Table:
    return tables.clean(tables.read_parquet(path, names), required=names)
