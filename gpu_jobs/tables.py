"""Files in and out: CSV and Parquet tables of text, errors that name the column and the line."""

import csv
import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from gpu_jobs.contracts import InputError

REQUIRED = ("item_id", "worker_id", "answer")


def read_crowd(path: Path, *, beside: Sequence[str] = ()) -> pa.Table:
    """Table of strings item_id, worker_id, answer[, gold] from CSV or Parquet (by its name), with
    those of the columns `beside` that are there.

    Blank answers and golds become null. Raises InputError when the file cannot be read, lacks
    a column or has a blank id.
    """
    parquet = path.suffix.lower() in {".parquet", ".pq"}
    table = read_parquet(path) if parquet else _read_csv(path)
    wanted = ("gold", *beside)
    return clean(table, required=REQUIRED, optional=wanted, csv_path=None if parquet else path)


def read_columns(path: Path, *, required: Sequence[str], optional: Sequence[str] = ()) -> pa.Table:
    """The named columns as strings, from CSV or Parquet; errors as `read_crowd`."""
    parquet = path.suffix.lower() in {".parquet", ".pq"}
    table = read_parquet(path) if parquet else _read_csv(path)
    return clean(table, required=required, optional=optional, csv_path=None if parquet else path)


def read_parquet(path: Path) -> pa.Table:
    """Raises InputError when it is not there or no Parquet."""
    try:
        return pyarrow.parquet.read_table(path)
    except FileNotFoundError as error:
        raise InputError(f"there is no file {path}") from error
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{path} is not a readable Parquet file: {_first(error)}") from error


def clean(
    table: pa.Table,
    *,
    required: Sequence[str],
    optional: Sequence[str] = (),
    csv_path: Path | None = None,
) -> pa.Table:
    """The named columns as strings, blanks as null; ids (`*_id`) must not be blank."""
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
            where = f"row {row + 1}" if csv_path is None else f"line {_line_of(csv_path, row + 1)}"
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
            # A row may not be longer than a block; texts beside the answers can be long.
            read_options=pyarrow.csv.ReadOptions(block_size=16 * 2**20),
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


def _first(error: BaseException) -> str:
    return str(error).splitlines()[0]
