"""Files in and out: CSV, Parquet and JSON Lines as tables of text, errors that name the line."""

import csv
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

from gpu_jobs.contracts import InputError, RowError

REQUIRED = ("item_id", "worker_id", "answer")
OPTIONAL = ("gold", "at", "annotator")
PEOPLE = ("", "human", "person")
"""What column `annotator` says of a person; anything else is a model or a labelling function."""
_BLOCK = 16 * 2**20
"""Bytes; a row may not be longer than a block, and texts beside the answers can be long."""


def read_crowd(path: Path, *, gold: Path | None = None, beside: Sequence[str] = ()) -> pa.Table:
    """Table of strings item_id, worker_id, answer[, gold, at, annotator] from CSV, Parquet or JSON
    Lines, with those of the columns `beside` that are there.

    Which of them says the name: .parquet, .pq; .jsonl, .ndjson; else CSV. Blank answers and golds
    become null. gold: a file of item_id and gold, which stands in the place of a column gold; its
    other items are left out. Raises InputError when a file cannot be read, lacks a column or has
    a blank id, or when one item has two golds.
    """
    table = clean(
        read_table(path, (*REQUIRED, *OPTIONAL, *beside)),
        required=REQUIRED,
        optional=(*OPTIONAL, *beside),
        line_of=lines_of(path),
    )
    return table if gold is None else _with_gold(table, gold)


def read_columns(path: Path, *, required: Sequence[str], optional: Sequence[str] = ()) -> pa.Table:
    """The named columns as strings; errors as `read_crowd`."""
    table = read_table(path, (*required, *optional))
    return clean(table, required=required, optional=optional, line_of=lines_of(path))


def machine_ids(table: pa.Table) -> set[str]:
    """Workers that column `annotator` says are no people. Raises InputError for one who is both."""
    if "annotator" not in table.column_names:
        return set()
    lowered = pc.fill_null(pc.utf8_lower(pc.utf8_trim_whitespace(table["annotator"])), "")
    human = pc.is_in(lowered, value_set=pa.array(PEOPLE, pa.string()))
    people = set(table["worker_id"].filter(human).unique().to_pylist())
    machines = set(table["worker_id"].filter(pc.invert(human)).unique().to_pylist())
    both = sorted(people & machines)
    if both:
        raise InputError(
            f"column annotator: worker {both[0]!r} is a person in one row and not in another"
        )
    return machines


def read_items(path: Path) -> pa.Table:
    """Table of strings item_id and whatever else the file says about each item, once an item.

    Raises InputError as `read_crowd` does, and for an item that is there twice.
    """
    raw = read_table(path)
    others = [name for name in raw.column_names if name != "item_id"]
    table = clean(raw, required=("item_id",), optional=others, line_of=lines_of(path))
    counts = table["item_id"].value_counts()
    for each in counts.filter(pc.greater(counts.field("counts"), 1)).to_pylist()[:1]:
        raise InputError(f"{path}: item {each['values']!r} is there more than once")
    return table


def located(path: Path, error: RowError) -> InputError:
    """The same error with the line of the file, where it has lines."""
    line_of = lines_of(path)
    where = f"row {error.row + 1}" if line_of is None else f"line {line_of(error.row + 1)}"
    return InputError(f"{error.sentence} ({where} of {path.name})")


def times(table: pa.Table) -> np.ndarray | None:
    """Column `at` as float64 (rows,): numbers as they are, else ISO 8601 as seconds since 1970.

    NaN where it is blank, None without the column. A time without a zone is taken as UTC. Raises
    InputError for what is neither.
    """
    if "at" not in table.column_names:
        return None
    column = table["at"]
    try:
        found = column.cast(pa.float64()).to_numpy().astype(np.float64)
    except pa.ArrowInvalid:
        zoned = pc.match_substring_regex(column, r"[T ]\d\d.*(Z|[+-]\d\d(:?\d\d)?)$")
        nothing = pa.scalar(None, pa.string())
        try:
            with_zone = pc.if_else(zoned, column, nothing).cast(pa.timestamp("us", tz="UTC"))
            without = pc.if_else(zoned, nothing, column).cast(pa.timestamp("us"))
        except pa.ArrowInvalid as error:
            raise InputError(f"column at is neither numbers nor times: {_first(error)}") from error
        moment = pc.coalesce(with_zone.cast(pa.int64()), without.cast(pa.int64()))
        found = moment.to_numpy().astype(np.float64) / 1e6
    if np.isinf(found).any():
        raise InputError("column at holds a time without end")
    return found


def _with_gold(table: pa.Table, path: Path) -> pa.Table:
    needed = ("item_id", "gold")
    known = clean(read_table(path, needed), required=needed, line_of=lines_of(path))
    known = known.filter(pc.is_valid(known["gold"])).group_by(list(needed)).aggregate([])
    counts = known["item_id"].value_counts()
    for each in counts.filter(pc.greater(counts.field("counts"), 1)).to_pylist()[:1]:
        raise InputError(f"{path}: item {each['values']!r} has two right answers")
    place = pc.index_in(table["item_id"], value_set=known["item_id"].combine_chunks())
    gold = known["gold"].combine_chunks().take(place.combine_chunks())
    kept = [name for name in table.column_names if name != "gold"]
    return table.select(kept).append_column("gold", gold)


def _kind(path: Path) -> str:
    kinds = {".parquet": "parquet", ".pq": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl"}
    return kinds.get(path.suffix.lower(), "csv")


def read_table(path: Path, names: Sequence[str] | None = None) -> pa.Table:
    """As the file has it. names: the columns that matter; None: all that are there."""
    kind = _kind(path)
    if kind == "jsonl":
        return _read_jsonl(path, names)
    return read_parquet(path) if kind == "parquet" else _read_csv(path)


def lines_of(path: Path) -> Callable[[int], int] | None:
    """From the number of a row (from 1) to its line, or None for files without lines."""
    found: dict[str, Callable[[int], int]] = {
        "csv": lambda row: _line_of(path, row),
        "jsonl": lambda row: _json_line_of(path, row),
    }
    return found.get(_kind(path))


def read_parquet(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """The named columns, or all. Raises InputError when it is not there or no Parquet."""
    try:
        return pyarrow.parquet.read_table(path, columns=columns)
    except FileNotFoundError as error:
        raise InputError(f"there is no file {path}") from error
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{path} is not a readable Parquet file: {_first(error)}") from error


def clean(
    table: pa.Table,
    *,
    required: Sequence[str],
    optional: Sequence[str] = (),
    line_of: Callable[[int], int] | None = None,
) -> pa.Table:
    """The named columns as strings, blanks as null; ids (`*_id`) must not be blank.

    line_of: from the number of a row to its line, for the error that names it.
    """
    columns = {}
    for name in (*required, *optional):
        places = [i for i, column in enumerate(table.column_names) if column == name]
        if len(places) > 1:
            raise InputError(f"column {name} is there twice")
        if not places and name in required:
            raise InputError(f"column {name} is missing; needed are {', '.join(required)}")
        if places:
            columns[name] = _as_text(table.column(places[0]), name)
    for name, column in columns.items():
        if name.endswith("_id") and column.null_count:
            row = int(pc.index(pc.is_null(column), True).as_py())
            where = f"row {row + 1}" if line_of is None else f"line {line_of(row + 1)}"
            raise InputError(f"column {name} is blank in {where}")
    return pa.table(columns)


def write_parquet(table: pa.Table, path: Path) -> None:
    """Whole or not at all, so that nobody ever reads half a file."""
    waiting = path.with_name(path.name + ".part")
    pyarrow.parquet.write_table(table, waiting)
    _settle(waiting, path)


def write_csv(table: pa.Table, path: Path) -> None:
    """As `write_parquet`, as CSV with a header."""
    waiting = path.with_name(path.name + ".part")
    pyarrow.csv.write_csv(table, waiting)
    _settle(waiting, path)


def write_named(table: pa.Table, path: Path) -> None:
    """As CSV or Parquet, by the name; InputError for another name or a place that refuses."""
    writers = {".csv": write_csv, ".parquet": write_parquet}
    if path.suffix.lower() not in writers:
        raise InputError(f"--out must end in .csv or .parquet, not {path.name!r}")
    try:
        writers[path.suffix.lower()](table, path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error


def write_text(text: str, path: Path) -> None:
    """As `write_parquet`, for UTF-8 text."""
    waiting = path.with_name(path.name + ".part")
    waiting.write_text(text, encoding="utf-8")
    _settle(waiting, path)


def sha256_of(path: Path) -> str:
    """Hex digest; raises InputError when the file cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error


def _settle(waiting: Path, path: Path) -> None:
    """A rename alone may survive a power cut without the bytes it names: sync both."""
    with waiting.open("rb") as stream:
        os.fsync(stream.fileno())
    waiting.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _as_text(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), None, column)
    try:
        column = column.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InputError(f"column {name} holds {column.type}, which is no text") from error
    blank = pc.equal(pc.utf8_trim_whitespace(column), "")
    return pc.if_else(blank, pa.scalar(None, pa.string()), column)


def _read_csv(path: Path) -> pa.Table:
    try:
        with path.open("rb") as stream:
            header = stream.readline().decode("utf-8-sig")
        if not header.strip():
            raise InputError(f"{path} is empty: its first line must name the columns")
        names = next(csv.reader([header]))
        return pyarrow.csv.read_csv(
            path,
            read_options=pyarrow.csv.ReadOptions(block_size=_BLOCK),
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
    except FileNotFoundError as error:
        raise InputError(f"there is no file {path}") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError("line 1 is not UTF-8 text") from error
    except pa.ArrowInvalid as error:
        raise InputError(_csv_fault(path) or f"not a CSV table: {_first(error)}") from error


def _csv_fault(path: Path) -> str | None:
    """The first broken line, found by a slow reader that runs only after the fast one failed."""
    with path.open("rb") as stream:
        for number, raw in enumerate(stream, start=1):
            try:
                raw.decode("utf-8")
            except UnicodeDecodeError:
                return f"line {number} is not UTF-8 text"
    width = 0
    for line, record in _records(path):
        width = width or len(record)
        if len(record) != width:
            return f"line {line} has {len(record)} columns where the first line names {width}"
    return None


def _line_of(path: Path, record: int) -> int:
    """Line of the file on which record number `record` starts (the header is 0)."""
    return next(line for index, (line, _) in enumerate(_records(path)) if index == record)


def _records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Each record that is not an empty line, with the line it starts on."""
    csv.field_size_limit(2**31 - 1)
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader, start = csv.reader(stream), 1
        for record in reader:
            if record:
                yield start, record
            start = reader.line_num + 1


def _read_jsonl(path: Path, names: Sequence[str] | None) -> pa.Table:
    """Fast where the columns are texts, line by line where something else stands in one."""
    try:
        with path.open("rb") as stream:
            empty = not stream.read(1)
    except FileNotFoundError as error:
        raise InputError(f"there is no file {path}") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    if empty:
        raise InputError(f"{path} is empty: each line must hold one JSON object")
    fast = None if names is None else _read_json_texts(path, names)
    return _read_json_lines(path, names) if fast is None else fast


def _read_json_texts(path: Path, names: Sequence[str]) -> pa.Table | None:
    """None when a column holds anything but texts."""
    try:
        table = pyarrow.json.read_json(
            path,
            read_options=pyarrow.json.ReadOptions(block_size=_BLOCK),
            parse_options=pyarrow.json.ParseOptions(
                explicit_schema=pa.schema([(name, pa.string()) for name in names]),
                unexpected_field_behavior="ignore",
            ),
        )
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
    # A column of nulls alone is one that no line names.
    there = [name for name in names if table[name].null_count < table.num_rows]
    return table.select(there) if set(there) >= set(names) & set(REQUIRED) else None


def _read_json_lines(path: Path, names: Sequence[str] | None) -> pa.Table:
    columns: dict[str, list[str | None]] = {}
    for rows, (line, value) in enumerate(_json_lines(path)):
        if not isinstance(value, dict):
            raise InputError(f"line {line} is not a JSON object")
        for name in value:
            if name not in columns and (names is None or name in names):
                columns[name] = [None] * rows
        for name, column in columns.items():
            column.append(_json_text(value.get(name)))
    return pa.table({name: pa.array(column, pa.string()) for name, column in columns.items()})


def _json_text(value: Any) -> str | None:
    """A text as it is; numbers, lists and objects as JSON."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _json_lines(path: Path) -> Iterator[tuple[int, Any]]:
    with path.open("rb") as stream:
        for line, raw in enumerate(stream, start=1):
            if not raw.strip():
                continue
            try:
                yield line, json.loads(raw.decode("utf-8-sig"))
            except UnicodeDecodeError as error:
                raise InputError(f"line {line} is not UTF-8 text") from error
            except (ValueError, RecursionError) as error:
                raise InputError(f"line {line} is not JSON: {_first(error)}") from error


def _json_line_of(path: Path, row: int) -> int:
    with path.open("rb") as stream:
        filled = (line for line, raw in enumerate(stream, start=1) if raw.strip())
        return next(line for index, line in enumerate(filled, start=1) if index == row)


def _first(error: BaseException) -> str:
    return str(error).splitlines()[0]
