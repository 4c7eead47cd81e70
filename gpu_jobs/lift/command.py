"""`python -m gpu_jobs lift`."""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gpu_jobs import crowd_files, tables
from gpu_jobs.contracts import InputError, canonical
from gpu_jobs.lift.coalitions import Utility
from gpu_jobs.lift.examples import Example
from gpu_jobs.lift.explained import explained
from gpu_jobs.lift.methods import METHODS, ROWS, Settings
from gpu_jobs.lift.metrics import METRICS
from gpu_jobs.lift.plot import svg
from gpu_jobs.lift.problem import RESAMPLES, Problem, Rows, SetError, build, merged
from gpu_jobs.lift.recipes import RECIPES, adapted, recipe_of
from gpu_jobs.lift.run import measure
from gpu_jobs.lift.table import TEST, TRAIN

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def add(commands: "argparse._SubParsersAction[Any]", _common: argparse.ArgumentParser) -> None:
    lift = commands.add_parser("lift", help="what each group's rows are worth to a model")
    known = Settings()
    add_inputs(lift)
    lift.add_argument("--method", choices=METHODS, default=known.method)
    lift.add_argument("--seeds", type=int, default=known.seeds)
    lift.add_argument("--seed", type=int, default=known.seed)
    lift.add_argument("--base", type=int, default=known.base)
    lift.add_argument("--take", type=int, default=known.take)
    lift.add_argument("--rows", choices=ROWS, default=known.rows)
    lift.add_argument(
        "--chance", type=int, default=known.chance, help="shuffles that a gain is held against"
    )
    lift.add_argument("--resamples", type=int, default=RESAMPLES)
    lift.add_argument("--budget", metavar="300s", help="s, m or h; without it, no limit")
    lift.add_argument("--workdir", type=Path, help="keeps finished chunks; a killed run goes on")
    lift.add_argument("--threads", type=int, default=1)
    lift.add_argument(
        "--examples",
        type=int,
        default=0,
        metavar="N",
        help="rows that explain each group: those that helped most and that hurt most",
    )
    lift.add_argument("--out", type=Path, metavar="LIFT.json")
    lift.add_argument("--plot", type=Path, metavar="LIFT.svg")
    # Nested lists of groups read badly as lines; a terminal gets the JSON, too.
    lift.set_defaults(command=run, json=True)


def add_inputs(lift: argparse.ArgumentParser) -> None:
    """The files, the columns, the recipe and the metric: what `question` reads."""
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
    lift.add_argument("--epochs", type=int, help="of recipes that train a network")
    lift.add_argument(
        "--columns", metavar="A,B,C", help="numbers, for the recipes tabular and plain"
    )
    lift.add_argument("--answer", default="answer", metavar="COLUMN")
    lift.add_argument("--group", default="worker_id", metavar="COLUMN")
    lift.add_argument("--min-rows", type=int, default=1, help="smaller groups become one, 'others'")
    lift.add_argument("--recipe", choices=RECIPES, default="text-linear")
    lift.add_argument("--metric", choices=METRICS, default="accuracy")
    lift.add_argument("--positive", metavar="CLASS", help="for the metric f1")
    lift.add_argument("--l2", type=float, help="penalty of the head, 1 / C of scikit-learn")
    lift.add_argument(
        "--balanced",
        action=argparse.BooleanOptionalAction,
        help="classes weigh the same in training, however often each was answered",
    )
    lift.add_argument("--dims", type=int, help="the most dimensions that the head sees")


def run(options: argparse.Namespace) -> dict[str, Any]:
    settings = Settings(
        method=options.method,
        seeds=options.seeds,
        seed=options.seed,
        base=options.base,
        take=options.take,
        rows=options.rows,
        chance=options.chance,
    )
    if options.threads < 1:
        raise InputError("threads must be at least 1")
    if options.examples < 0:
        raise InputError("examples must not be below 0")
    problem, train, test = question(options)
    with _workdir(options, problem) as workdir:
        result = measure(
            problem,
            settings,
            workdir=workdir,
            budget=_seconds(options.budget),
            threads=options.threads,
        )
        for sentence in result.warnings:
            print(f"gpu_jobs: {sentence}", file=sys.stderr)  # noqa: T201
        found = asdict(result)
        if options.examples:
            models = None if workdir is None else workdir / "models"
            told = explained(
                problem,
                settings,
                result.convergence["chunks"],
                utility=Utility(problem, folder=models),
                most=options.examples,
            )
            found["examples"] = [_example(one, test if one.is_test else train) for one in told]
    _write(options.out, canonical(found) + "\n")
    _write(options.plot, svg(result))
    return found


@contextmanager
def _workdir(options: argparse.Namespace, problem: Problem) -> Iterator[Path | None]:
    """The one that was named; where each model is a training, one for as long as the run lasts."""
    if options.workdir is not None or problem.recipe.fit is None:
        yield options.workdir
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def question(options: argparse.Namespace) -> tuple[Problem, "Set", "Set"]:
    """The problem of the files, the training and the test rows. An InputError names file and
    line.
    """
    train, test = _read(options)
    try:
        problem = build(
            train.rows,
            test.rows,
            recipe=adapted(
                recipe_of(options.recipe),
                l2=options.l2,
                balanced=options.balanced,
                dims=options.dims,
                encoder=options.encoder,
                random_weights=options.random_weights,
                epochs=options.epochs,
            ),
            metric=options.metric,
            positive=options.positive,
            resamples=options.resamples,
            seed=options.seed,
        )
    except SetError as error:
        of = train if error.name == "training" else test
        raise InputError(
            f"{of.path}: {error.sentence} in {_line(of.path, of.row[error.row])}"
        ) from (error)
    return problem, train, test


def _example(one: Example, of: "Set") -> dict[str, Any]:
    """With the line of the row in its file, its item, answer and input, for a reader to check."""
    return {
        "group": one.group,
        "effect": one.effect,
        "size": one.size,
        "low": one.low,
        "high": one.high,
        "split": TEST if one.is_test else TRAIN,
        "where": _line(of.path, of.row[one.row]),
        "item_id": of.rows.item[one.row] if of.rows.item else None,
        "answer": of.rows.label[one.row],
        "input": of.rows.inputs[one.row],
    }


@dataclass(frozen=True)
class Set:
    """path: of the file whose rows these are. row: of each, from 0, in that file."""

    path: Path
    row: list[int]
    rows: Rows


def _read(options: argparse.Namespace) -> tuple[Set, Set]:
    """Training rows and test rows. A row without an answer teaches nothing and is left out; blank
    ids and inputs are faults of the file.
    """
    named = {"text": options.text, "text_b": options.text_b, "image": options.image}
    wanted = recipe_of(options.recipe).inputs
    numbers = wanted == ("features",)
    if numbers and not options.columns:
        raise InputError(f"the recipe {options.recipe} needs --columns")
    inputs = options.columns.split(",") if numbers else [named[name] for name in wanted]
    raw = _grouped(_table(options.train), options)
    if _is_of_lists(raw, inputs):
        return _read_lists(options, raw, inputs[0])
    own = [] if options.items is not None else inputs
    train = _columns(raw, options.train, [options.answer, options.group, *own], joined=not own)
    answered = _rows_with(pc.is_valid(train[options.answer]))
    train = train.take(pa.array(answered, pa.int64()))
    if options.items is None:
        given = _inputs(train, inputs, options.train, answered, numbers=numbers)
    else:
        given = _joined(train, answered, inputs, options, numbers=numbers)
    away = _table(options.test)
    tested = list(range(len(away)))
    if options.test_split is not None:
        split = _columns(away, options.test, ["split"])["split"]
        tested = _rows_with(pc.fill_null(pc.equal(split, options.test_split), False))
    answer = options.test_answer or (
        options.answer if options.answer in away.column_names else "gold"
    )
    test = _columns(away, options.test, [answer, *inputs]).take(pa.array(tested, pa.int64()))
    return (
        Set(
            path=options.train,
            row=answered,
            rows=Rows(
                inputs=given,
                label=train[options.answer].to_pylist(),
                group=merged(
                    _column(train, options.group, options.train, answered), options.min_rows
                ),
                item=_ids(train),
            ),
        ),
        Set(
            path=options.test,
            row=tested,
            rows=Rows(
                inputs=_inputs(test, inputs, options.test, tested, numbers=numbers),
                label=_column(test, answer, options.test, tested),
                item=_ids(test),
            ),
        ),
    )


def _is_of_lists(table: pa.Table, inputs: Sequence[str]) -> bool:
    """One column that holds all numbers of a row, as the marketplace's own files have it."""
    if len(inputs) != 1 or inputs[0] not in table.column_names:
        return False
    kind = table.schema.field(inputs[0]).type
    return pa.types.is_list(kind) or pa.types.is_large_list(kind)


def _read_lists(options: argparse.Namespace, train: pa.Table, name: str) -> tuple["Set", "Set"]:
    """As `_read`; a table of items or a split has no place beside such files."""
    test = _table(options.test)
    answer = options.test_answer or options.answer
    if name not in test.column_names:
        raise InputError(f"{options.test} has no column {name!r}")
    known = _columns(train, options.train, [options.answer, options.group])
    answered = _rows_with(pc.is_valid(known[options.answer]))
    kept = pa.array(answered, pa.int64())
    known = known.take(kept)
    right = _columns(test, options.test, [answer])
    tested = list(range(len(test)))
    groups = _column(known, options.group, options.train, answered)
    return (
        Set(
            path=options.train,
            row=answered,
            rows=Rows(
                inputs=train[name].take(kept).to_pylist(),
                label=_column(known, options.answer, options.train, answered),
                group=merged(groups, options.min_rows),
                item=_ids(known),
            ),
        ),
        Set(
            path=options.test,
            row=tested,
            rows=Rows(
                inputs=test[name].to_pylist(),
                label=_column(right, answer, options.test, tested),
                item=_ids(right),
            ),
        ),
    )


def _grouped(train: pa.Table, options: argparse.Namespace) -> pa.Table:
    """With the column of groups from the items, where they have it and the training set has not."""
    names = ("item_id", options.group)
    if options.items is None or options.group in train.column_names or names[0] == names[1]:
        return train
    items = _table(options.items)
    if options.group not in items.column_names or "item_id" not in train.column_names:
        return train
    kinds = _columns(items, options.items, names)
    kind_of = dict(zip(*(kinds[name].to_pylist() for name in names), strict=True))
    ids = train["item_id"].cast(pa.string()).to_pylist()
    found = pa.array([kind_of.get(name) for name in ids], pa.string())
    return train.append_column(options.group, found)


def _table(path: Path) -> pa.Table:
    try:
        return tables.read_table(path)
    except InputError as error:
        told = str(error)
        raise InputError(told if str(path) in told else f"{path}: {told}") from error


def _rows_with(which: pa.ChunkedArray) -> list[int]:
    return [row for row, each in enumerate(which.to_pylist()) if each]


def _inputs(
    table: pa.Table, names: Sequence[str], path: Path, row: Sequence[int], *, numbers: bool
) -> list[object]:
    """row: of the file, for each row of the table."""
    columns: list[list[Any]] = [_column(table, name, path, row) for name in names]
    if numbers:
        columns = [
            [_number(text, name, path, row[at]) for at, text in enumerate(column)]
            for name, column in zip(names, columns, strict=True)
        ]
    if len(columns) == 1 and not numbers:
        return columns[0]
    return list(zip(*columns, strict=True))


def _number(text: str, name: str, path: Path, row: int) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InputError(
            f"{path}: column {name} holds {text[:40]!r}, which is no number, in {_line(path, row)}"
        ) from error


def _joined(
    train: pa.Table,
    rows: Sequence[int],
    inputs: Sequence[str],
    options: argparse.Namespace,
    *,
    numbers: bool,
) -> list[object]:
    """The inputs of the training rows, from the file of items."""
    path = options.items
    items = _columns(_table(path), path, ["item_id", *inputs])
    place: dict[str, int] = {}
    for row, name in enumerate(items["item_id"].to_pylist()):
        if name in place:
            raise InputError(f"{path}: item {name!r} is there again in {_line(path, row)}")
        place[name] = row
    taken = []
    for at, name in enumerate(train["item_id"].to_pylist()):
        if name not in place:
            where = _line(options.train, rows[at])
            raise InputError(f"{path} lacks item {name!r}, of {options.train} in {where}")
        taken.append(place[name])
    return _inputs(items.take(pa.array(taken, pa.int64())), inputs, path, taken, numbers=numbers)


def _ids(table: pa.Table) -> list[str]:
    return table["item_id"].to_pylist() if "item_id" in table.column_names else []


def _line(path: Path, row: int) -> str:
    line_of = tables.lines_of(path)
    return f"row {row + 1}" if line_of is None else f"line {line_of(row + 1)}"


def _columns(
    table: pa.Table, path: Path, names: Sequence[str], *, joined: bool = False
) -> pa.Table:
    """The named columns as text, and item_id: where it is there, or where it is joined by."""
    try:
        wanted = [*names, *(["item_id"] if joined else [])]
        optional = [name for name in ("item_id",) if name not in wanted]
        return tables.clean(
            table,
            required=list(dict.fromkeys(wanted)),
            optional=optional,
            line_of=tables.lines_of(path),
        )
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _column(table: pa.Table, name: str, path: Path, row: Sequence[int]) -> list[str]:
    column = table[name].to_pylist()
    if None in column:
        where = _line(path, row[column.index(None)])
        raise InputError(f"{path}: column {name} is blank in {where}")
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
