"""`python -m gpu_jobs lift`."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gpu_jobs import crowd_files, tables
from gpu_jobs.contracts import InputError, canonical
from gpu_jobs.lift.methods import METHODS, ROWS, Settings
from gpu_jobs.lift.metrics import METRICS
from gpu_jobs.lift.plot import svg
from gpu_jobs.lift.problem import RESAMPLES, Rows, build, merged
from gpu_jobs.lift.recipes import RECIPES, adapted, recipe_of
from gpu_jobs.lift.run import measure

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def add(commands: "argparse._SubParsersAction[Any]", _common: argparse.ArgumentParser) -> None:
    lift = commands.add_parser("lift", help="what each group's rows are worth to a model")
    known = Settings()
    lift.add_argument("train", type=Path, metavar="TRAIN", help="CSV or Parquet, a row an answer")
    lift.add_argument("--test", type=Path, required=True, help="held-out rows with known labels")
    lift.add_argument("--test-answer", metavar="COLUMN", help="of TEST; else --answer or gold")
    lift.add_argument("--test-split", metavar="VALUE", help="rows of TEST with this in split only")
    lift.add_argument("--items", type=Path, help="item_id and the columns that TRAIN lacks")
    lift.add_argument("--text", default="text", metavar="COLUMN")
    lift.add_argument("--text-b", default="text_b", metavar="COLUMN", help="the second, compared")
    lift.add_argument("--image", default="image", metavar="COLUMN", help="paths of pictures")
    lift.add_argument(
        "--encoder", metavar="NAME", help="folder or name of another than the recipe's"
    )
    lift.add_argument(
        "--random-weights", action="store_true", help="of the pictures' encoder: a weak baseline"
    )
    lift.add_argument(
        "--columns", metavar="A,B,C", help="numbers, for the recipes tabular and plain"
    )
    lift.add_argument("--answer", default="answer", metavar="COLUMN")
    lift.add_argument("--group", default="worker_id", metavar="COLUMN")
    lift.add_argument("--min-rows", type=int, default=1, help="smaller groups become one, 'others'")
    lift.add_argument("--recipe", choices=RECIPES, default="text-linear")
    lift.add_argument("--method", choices=METHODS, default=known.method)
    lift.add_argument("--metric", choices=METRICS, default="accuracy")
    lift.add_argument("--positive", metavar="CLASS", help="for the metric f1")
    lift.add_argument("--l2", type=float, help="penalty of the head, 1 / C of scikit-learn")
    lift.add_argument(
        "--balanced",
        action=argparse.BooleanOptionalAction,
        help="classes weigh the same in training, however often each was answered",
    )
    lift.add_argument("--dims", type=int, help="the most dimensions that the head sees")
    lift.add_argument("--seeds", type=int, default=known.seeds)
    lift.add_argument("--seed", type=int, default=known.seed)
    lift.add_argument("--base", type=int, default=known.base)
    lift.add_argument("--take", type=int, default=known.take)
    lift.add_argument("--rows", choices=ROWS, default=known.rows, help="of with-without")
    lift.add_argument("--resamples", type=int, default=RESAMPLES)
    lift.add_argument("--budget", metavar="300s", help="s, m or h; without it, no limit")
    lift.add_argument("--workdir", type=Path, help="keeps finished chunks; a killed run goes on")
    lift.add_argument("--threads", type=int, default=1)
    lift.add_argument("--out", type=Path, metavar="LIFT.json")
    lift.add_argument("--plot", type=Path, metavar="LIFT.svg")
    # Nested lists of groups read badly as lines; a terminal gets the JSON, too.
    lift.set_defaults(command=run, json=True)


def run(options: argparse.Namespace) -> dict[str, Any]:
    settings = Settings(
        method=options.method,
        seeds=options.seeds,
        seed=options.seed,
        base=options.base,
        take=options.take,
        rows=options.rows,
    )
    if options.threads < 1:
        raise InputError("threads must be at least 1")
    train, test = _rows(options)
    problem = build(
        train,
        test,
        recipe=adapted(
            recipe_of(options.recipe),
            l2=options.l2,
            balanced=options.balanced,
            dims=options.dims,
            encoder=options.encoder,
            random_weights=options.random_weights,
        ),
        metric=options.metric,
        positive=options.positive,
        resamples=options.resamples,
        seed=options.seed,
    )
    result = measure(
        problem,
        settings,
        workdir=options.workdir,
        budget=_seconds(options.budget),
        threads=options.threads,
    )
    found = asdict(result)
    _write(options.out, canonical(found) + "\n")
    _write(options.plot, svg(result))
    return found


def _rows(options: argparse.Namespace) -> tuple[Rows, Rows]:
    named = {"text": options.text, "text_b": options.text_b, "image": options.image}
    numbers = recipe_of(options.recipe).inputs == ("features",)
    if numbers and not options.columns:
        raise InputError(f"the recipe {options.recipe} needs --columns")
    inputs = (
        options.columns.split(",")
        if numbers
        else [named[name] for name in recipe_of(options.recipe).inputs]
    )
    train = tables.read_table(options.train)
    if options.items is not None:
        train = _joined(train, tables.read_table(options.items), inputs, options.items)
    train = _columns(train, options.train, [options.answer, options.group, *inputs])
    # A row without an answer teaches nothing; blank ids and texts are faults of the file.
    train = train.filter(pc.is_valid(train[options.answer]))
    test = tables.read_table(options.test)
    if options.test_split is not None:
        split = _columns(test, options.test, ["split"])["split"]
        test = test.filter(pc.fill_null(pc.equal(split, options.test_split), False))
    answer = options.test_answer or (
        options.answer if options.answer in test.column_names else "gold"
    )
    test = _columns(test, options.test, [answer, *inputs])
    groups = _column(train, options.group, options.train)
    return (
        Rows(
            inputs=_inputs(train, inputs, options, options.train),
            label=train[options.answer].to_pylist(),
            group=merged(groups, options.min_rows),
            item=_ids(train),
        ),
        Rows(
            inputs=_inputs(test, inputs, options, options.test),
            label=_column(test, answer, options.test),
            item=_ids(test),
        ),
    )


def _inputs(
    table: pa.Table, names: Sequence[str], options: argparse.Namespace, path: Path
) -> list[object]:
    if recipe_of(options.recipe).inputs != ("features",):
        texts = [_column(table, name, path) for name in names]
        return list(texts[0]) if len(texts) == 1 else list(zip(*texts, strict=True))
    columns = []
    for name in names:
        try:
            columns.append(table[name].cast(pa.float64()).to_pylist())
        except pa.ArrowInvalid as error:
            raise InputError(f"{path}: column {name} holds something that is no number") from error
        if None in columns[-1]:
            row = columns[-1].index(None) + 1
            raise InputError(f"{path}: column {name} is blank in row {row}")
    return list(zip(*columns, strict=True))


def _joined(train: pa.Table, items: pa.Table, inputs: Sequence[str], path: Path) -> pa.Table:
    needed = _columns(items, path, ["item_id", *inputs])
    place = {name: row for row, name in enumerate(needed["item_id"].to_pylist())}
    if len(place) < len(needed):
        raise InputError(f"{path}: an item stands there more than once")
    rows = []
    for name in _columns(train, path, ["item_id"])["item_id"].to_pylist():
        if name not in place:
            raise InputError(f"{path}: item {name!r} of the training set is not there")
        rows.append(place[name])
    for name in inputs:
        if name in train.column_names:
            train = train.drop_columns(name)
        train = train.append_column(name, needed[name].take(pa.array(rows, pa.int64())))
    return train


def _ids(table: pa.Table) -> list[str]:
    return table["item_id"].to_pylist() if "item_id" in table.column_names else []


def _columns(table: pa.Table, path: Path, names: Sequence[str]) -> pa.Table:
    """The named columns as text, and item_id where it is there."""
    try:
        optional = [name for name in ("item_id",) if name not in names]
        return tables.clean(table, required=list(dict.fromkeys(names)), optional=optional)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _column(table: pa.Table, name: str, path: Path) -> list[str]:
    column = table[name].to_pylist()
    if None in column:
        raise InputError(f"{path}: column {name} is blank in row {column.index(None) + 1}")
    return column


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    unit = next((each for each in _UNITS if text.endswith(each)), "")
    try:
        found = float(text.removesuffix(unit)) * _UNITS.get(unit, 1.0)
    except ValueError:
        found = 0.0
    if not 0 < found < float("inf"):
        raise InputError(f"--budget must be a time above zero such as 300s or 5m, not {text!r}")
    return found


def _write(path: Path | None, text: str) -> None:
    if path is not None:
        crowd_files.save(lambda: tables.write_text(text, path), path)
