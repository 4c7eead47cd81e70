"""Reading a crowd: answers, what the items say, and what is known to be right."""

import csv
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq

from apps.core.errors import Invalid

NEEDED = ("item_id", "worker_id", "answer")
PAIRWISE = frozenset({"a", "b", "tie"})
CHOICES_MAX = 200
_KEY = re.compile(r"[\w.+-]{1,60}")


@dataclass(frozen=True, slots=True)
class Answer:
    item: str
    worker: str
    answer: str


@dataclass(slots=True)
class Crowd:
    """`texts` is item → columns of the items file; `keys` answer text → key of the choice."""

    name: str
    digest: str
    answers: list[Answer]
    gold: dict[str, str]
    texts: dict[str, dict[str, str]]
    type: str
    level: str
    keys: dict[str, str] = field(default_factory=dict)
    repeats: int = 0
    blanks: int = 0

    @property
    def workers(self) -> list[str]:
        return list(dict.fromkeys(row.worker for row in self.answers))

    @property
    def overlap(self) -> dict[str, int]:
        """Item → how many answers it has in the data."""
        found: dict[str, int] = {}
        for row in self.answers:
            found[row.item] = found.get(row.item, 0) + 1
        return found


def read(
    path: Path,
    *,
    items: Path | None,
    gold: Path | None,
    type_: str | None,
    level: str,
    repeats: str,
    limit: int | None,
) -> Crowd:
    """Read and check the files. Raises Invalid with one sentence that names the line."""
    rows = list(_rows(path))
    if limit:
        rows = rows[:limit]
    known: dict[str, str] = {}
    kept: dict[tuple[str, str], Answer] = {}
    blanks = repeated = 0
    for line, row in rows:
        item, worker, answer = (str(row[name] or "").strip() for name in NEEDED)
        if not item or not worker:
            raise Invalid(f"{path.name}, line {line}: item_id or worker_id is empty.")
        _learn_gold(known, item, str(row.get("gold") or "").strip(), f"{path.name}, line {line}")
        if not answer:
            blanks += 1
            continue
        if (item, worker) in kept:
            repeated += 1
            if repeats == "reject":
                raise Invalid(f"{path.name}, line {line}: {worker} answered item {item} twice.")
            if repeats == "keep":
                # The marketplace takes one answer a person and item: a repeat is another person.
                worker = _second_person(worker, item, kept)
        kept[(item, worker)] = Answer(item, worker, answer)
    if gold:
        for line, row in _rows(gold, ("item_id", "gold")):
            _learn_gold(
                known, str(row["item_id"]), str(row["gold"] or ""), f"{gold.name}, line {line}"
            )
    if not kept:
        raise Invalid(f"{path.name} holds no answers.")
    answers = list(kept.values())
    found_type = type_ or _guess(answers)
    crowd = Crowd(
        name=path.stem,
        digest=hashlib.sha256(path.read_bytes()).hexdigest(),
        answers=answers,
        gold={item: value for item, value in known.items() if value},
        texts=_texts(items or path.with_suffix(".items.csv"), is_needed=items is not None),
        type=found_type,
        level=level,
        repeats=repeated,
        blanks=blanks,
    )
    _give_keys(crowd)
    return crowd


def _rows(path: Path, needed: tuple[str, ...] = NEEDED) -> Iterator[tuple[int, dict]]:
    if not path.exists():
        raise Invalid(f"There is no file {path}.")
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        _check_columns(path, table.column_names, needed)
        yield from enumerate(table.to_pylist(), start=1)
        return
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        try:
            # The first line is read here, and may be no text either.
            _check_columns(path, reader.fieldnames or [], needed)
            for row in reader:
                if None in row or None in row.values():
                    raise Invalid(
                        f"{path.name}, line {reader.line_num}: too few or too many cells."
                    )
                yield reader.line_num, row
        except (csv.Error, UnicodeDecodeError) as error:
            raise Invalid(f"{path.name}, after line {reader.line_num}: {error}.") from error


def _check_columns(path: Path, names: Sequence[str], needed: tuple[str, ...]) -> None:
    missing = [name for name in needed if name not in names]
    if missing:
        raise Invalid(f"{path.name} has no column {', '.join(missing)}.")


def _learn_gold(known: dict[str, str], item: str, value: str, where: str) -> None:
    if known.setdefault(item, value) != value:
        if not known[item]:
            known[item] = value
        elif value:
            raise Invalid(f"{where}: item {item} has two gold answers, {known[item]} and {value}.")


def _second_person(worker: str, item: str, kept: dict) -> str:
    number = 2
    while (item, f"{worker}~{number}") in kept:
        number += 1
    return f"{worker}~{number}"


def _guess(answers: list[Answer]) -> str:
    return "pairwise" if {row.answer for row in answers} <= PAIRWISE else "choice"


def _texts(path: Path, *, is_needed: bool) -> dict[str, dict[str, str]]:
    if not path.exists():
        if is_needed:
            raise Invalid(f"There is no file {path}.")
        return {}
    return {str(row["item_id"]): row for _, row in _rows(path, ("item_id",))}


def _order(values: set[str]) -> list[str]:
    """Numbers as numbers, everything else as text."""
    try:
        return sorted(values, key=float)
    except ValueError:
        return sorted(values)


def _give_keys(crowd: Crowd) -> None:
    values = _order({row.answer for row in crowd.answers} | set(crowd.gold.values()))
    if crowd.type == "pairwise":
        strange = [value for value in values if value not in PAIRWISE]
        if strange:
            raise Invalid(f"A pairwise answer is a, b or tie, not {strange[0]!r}.")
        crowd.keys = {value: value for value in values}
        return
    if len(values) > CHOICES_MAX:
        raise Invalid(f"{len(values)} different answers: a choice has at most {CHOICES_MAX}.")
    if len(values) == 1:
        # A choice needs an alternative; nobody in this data chose it.
        values = [*values, "other" if values[0] != "other" else "none"]
    plain = all(_KEY.fullmatch(value) for value in values)
    crowd.keys = {v: v if plain else f"c{n}" for n, v in enumerate(values, start=1)}
