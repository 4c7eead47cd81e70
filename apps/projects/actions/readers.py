"""Files of items, row by row in constant memory: CSV (RFC 4180), JSON Lines, Parquet.

A row that cannot be used is given with its reason; a file that cannot be read to its end raises
BrokenFile with one sentence.
"""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from apps.core.errors import Invalid
from apps.projects.errors import BrokenFile

FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
LINE_MAX = 1_000_000  # characters of a physical line: a file without line ends is not read whole
PARQUET_ROWS = 1_000
_QUOTES = {
    "unexpected end of data": "a quote is opened and never closed",
    "field larger than field limit": "a cell is too long; perhaps a quote is never closed",
    "expected after": "something stands between a closing quote and the next comma",
}


@dataclass(frozen=True, slots=True)
class Row:
    """`line` is the line of the file (Parquet: the row), from 1. Either cells or a refusal."""

    line: int
    cells: dict[str, Any] | None = None
    refusal: str = ""


# Told which columns there are before the first row; it raises BrokenFile if some are missing.
Header = Callable[[Sequence[str]], None]


def format_of(name: str) -> str:
    """csv, jsonl or parquet, by the ending of the name."""
    found = FORMATS.get(Path(name).suffix.lower())
    if found is None:
        raise Invalid("Rows come as a .csv, .jsonl or .parquet file.", field="file")
    return found


def rows_in(path: Path, form: str) -> int:
    """How many rows there are: exact for Parquet, an upper bound for lines."""
    if form == "parquet":
        return _parquet(path).metadata.num_rows
    with path.open("rb") as file:
        lines = sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))
    return lines if form == "csv" else lines + 1


def read(path: Path, form: str, *, wanted: Sequence[str], header: Header) -> Iterator[Row]:
    """Every row. `wanted` names the columns that are looked at, all in lower case."""
    if form == "csv":
        return _read_csv(path, header)
    if form == "jsonl":
        return _read_jsonl(path)
    return _read_parquet(path, wanted, header)


def _read_csv(path: Path, header: Header) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(_lines(file), strict=True)
        line = 1
        try:
            names = [name.strip().lower() for name in next(reader, [])]
            _check_names(names, header)
            line = reader.line_num + 1
            for cells in reader:
                if len(cells) == len(names):
                    yield Row(line, dict(zip(names, cells, strict=True)))
                elif cells:
                    yield Row(line, None, f"it has {len(cells)} cells, the header {len(names)}")
                line = reader.line_num + 1
        except csv.Error as error:
            why = next((text for part, text in _QUOTES.items() if part in str(error)), str(error))
            raise BrokenFile(f"In the row that begins in line {line:,} {why}.") from error
        except UnicodeDecodeError as error:
            raise BrokenFile(f"The file is not UTF-8 text after line {line:,}.") from error


def _check_names(names: Sequence[str], header: Header) -> None:
    if not any(names):
        raise BrokenFile("The file is empty: its first line must name the columns.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BrokenFile(f"The column {twice[0][:60]!r} is there twice.")
    header(names)


def _lines(file: TextIO) -> Iterator[str]:
    number = 0
    while line := file.readline(LINE_MAX + 1):
        number += 1
        if len(line) > LINE_MAX:
            raise BrokenFile(f"Line {number:,} is longer than {LINE_MAX:,} characters.")
        yield line


def _read_jsonl(path: Path) -> Iterator[Row]:
    with path.open("rb") as file:
        number = 0
        while raw := file.readline(LINE_MAX + 1):
            number += 1
            if len(raw) > LINE_MAX:
                raise BrokenFile(f"Line {number:,} is longer than {LINE_MAX:,} bytes.")
            try:
                text = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
            except UnicodeDecodeError as error:
                raise BrokenFile(f"Line {number:,} is not UTF-8 text.") from error
            if text:
                yield _object(number, text)
        if number == 0:
            raise BrokenFile("The file is empty.")


def _object(number: int, text: str) -> Row:
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return Row(number, None, "it is not JSON")
    if not isinstance(value, dict):
        return Row(number, None, "it is not a JSON object")
    return Row(number, {key.strip().lower(): cell for key, cell in value.items()})


def _no_constant(name: str) -> None:
    message = f"{name} is not JSON"
    raise ValueError(message)


def _parquet(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise BrokenFile("This is not a Parquet file that can be read.") from error


def _read_parquet(path: Path, wanted: Sequence[str], header: Header) -> Iterator[Row]:
    file = _parquet(path)
    names = {name: name.strip().lower() for name in file.schema_arrow.names}
    _check_names(list(names.values()), header)
    columns = [name for name, lowered in names.items() if lowered in wanted]
    number = 0
    try:
        for batch in file.iter_batches(batch_size=PARQUET_ROWS, columns=columns):
            for cells in batch.to_pylist():
                number += 1
                yield Row(number, {names[name]: cell for name, cell in cells.items()})
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise BrokenFile(f"The Parquet file cannot be read after row {number:,}.") from error
