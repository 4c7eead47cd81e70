"""`python -m gpu_jobs prelabel ITEMS --train ACCEPTED`."""

import argparse
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow as pa

from gpu_jobs import tables
from gpu_jobs.contracts import InputError
from gpu_jobs.prelabel.model import SURE, suggest, train


def add(commands: "argparse._SubParsersAction[Any]", _common: argparse.ArgumentParser) -> None:
    before = commands.add_parser("prelabel", help="suggest answers to items, from accepted ones")
    before.add_argument("items", type=Path, metavar="ITEMS", help="item_id and a column of text")
    before.add_argument(
        "--train",
        type=Path,
        required=True,
        metavar="ACCEPTED",
        help="item_id, answer[, probability]",
    )
    before.add_argument("--text", default="text", metavar="COLUMN", help="of ITEMS")
    before.add_argument("--sure", type=float, default=SURE, help="below: marked as uncertain")
    before.add_argument("--seed", type=int, default=0, help="of the folds")
    before.add_argument("--out", type=Path, metavar="LABELS", help=".csv or .parquet")
    before.add_argument("--json", action="store_true", help="JSON also on a terminal")
    before.set_defaults(command=run)


def run(options: argparse.Namespace) -> dict[str, Any]:
    """ITEMS holds the texts of both: those with an accepted answer train, the others get one."""
    items = tables.read_columns(options.items, required=("item_id", options.text))
    accepted = tables.read_columns(
        options.train, required=("item_id", "answer"), optional=("probability",)
    )
    ids, texts = items["item_id"].to_pylist(), items[options.text].to_pylist()
    if len(set(ids)) != len(ids):
        raise InputError("column item_id of the items holds the same id twice")
    place = {name: row for row, name in enumerate(ids)}
    rows, truth, classes = _truth(accepted, place)
    start = perf_counter()
    # Sorted by id, so that the folds do not depend on the order of rows.
    order = np.array(sorted(range(len(rows)), key=lambda i: ids[rows[i]]), dtype=np.int64)
    model = train(
        [texts[rows[i]] for i in order],
        truth[order],
        classes=classes,
        draw=np.random.default_rng(options.seed),
    )
    trained = set(rows)
    others = [row for row in range(len(ids)) if row not in trained]
    probability = suggest(model, [texts[row] for row in others])
    seconds = perf_counter() - start
    top = probability.max(axis=1, initial=0)
    uncertain = top < options.sure
    if options.out:
        best = probability.argmax(axis=1).tolist() if others else []
        table = pa.table(
            {
                "item_id": pa.array([ids[row] for row in others], pa.string()),
                "answer": pa.array([classes[code] for code in best], pa.string()),
                "probability": top,
                "uncertain": uncertain,
            }
        )
        tables.write_named(table, options.out)
    return {
        "items": len(others),
        "trained_on": model.trained,
        "held_out_accuracy": model.accuracy,
        "calibration_error_before": model.error_before,
        "calibration_error": model.error_after,
        "temperature": model.temperature,
        "penalty": model.penalty,
        "classes": classes,
        "uncertain": int(uncertain.sum()),
        "sure": options.sure,
        "seconds_compute": round(seconds, 6),
    }


def _truth(accepted: pa.Table, place: dict[str, int]) -> tuple[list[int], np.ndarray, list[str]]:
    """Rows of the items with an accepted answer, its probabilities (rows, C), classes.

    A label with probability p leaves 1 − p to the other classes evenly. Items with several accepted
    answers take their shares.
    """
    known = [name in place for name in accepted["item_id"].to_pylist()]
    given = accepted.filter(pa.array(known))
    given = given.filter(given["answer"].is_valid())
    classes = sorted(set(given["answer"].to_pylist()))
    code = {name: index for index, name in enumerate(classes)}
    value = np.array([code[name] for name in given["answer"].to_pylist()], dtype=np.int64)
    sure = np.ones(len(value))
    if "probability" in given.column_names:
        try:
            sure = given["probability"].cast(pa.float64()).fill_null(1.0).to_numpy()
        except pa.ArrowInvalid as error:
            raise InputError("column probability does not hold numbers") from error
        if np.any((sure < 0) | (sure > 1)):
            raise InputError("column probability must lie between 0 and 1")
    names = given["item_id"].to_pylist()
    rows = sorted({place[name] for name in names})
    of_row = {row: index for index, row in enumerate(rows)}
    item = np.array([of_row[place[name]] for name in names], dtype=np.int64)
    each = np.repeat(((1 - sure) / max(len(classes) - 1, 1))[:, None], len(classes), axis=1)
    each[np.arange(len(value)), value] = sure
    truth = np.zeros((len(rows), len(classes)))
    np.add.at(truth, item, each)
    return rows, truth / np.maximum(truth.sum(axis=1, keepdims=True), 1e-300), classes
