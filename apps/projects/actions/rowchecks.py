"""One imported row: checked, or refused with the reason that its line in the report gives."""

import csv
import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from django.conf import settings

from apps.core import blobs
from apps.core.errors import Invalid
from apps.projects.enums import ItemPurpose
from apps.tasktypes.registry import TaskType
from apps.tasktypes.rows import written_cell

REFUSED_SHOWN = 1_000
ID_COLUMNS = ("item_id", "id")
FIXED_COLUMNS = (*ID_COLUMNS, "gold", "kind", "triggers", "overlap", "explanation")


class Refused:
    """The report of refused rows: a file for all of them, a list for the first thousand."""

    def __init__(self) -> None:
        self.count = 0
        self.first: list[tuple[int, str]] = []

    def __enter__(self) -> Self:
        folder = Path(settings.DATA_DIR)
        folder.mkdir(parents=True, exist_ok=True)
        self._file = tempfile.NamedTemporaryFile(
            "w", dir=folder, prefix="refused-", suffix=".csv", newline="", encoding="utf-8",
            errors="backslashreplace", delete=False,
        )  # fmt: skip
        self._writer = csv.writer(self._file)
        self._writer.writerow(["line", "reason"])
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        Path(self._file.name).unlink(missing_ok=True)

    def add(self, line: int, reason: str) -> None:
        reason = printable(reason)[:500]
        self.count += 1
        if len(self.first) < REFUSED_SHOWN:
            self.first.append((line, reason))
        self._writer.writerow([line, reason])

    def store(self) -> str:
        """SHA-256 of the whole report; empty if nothing was refused."""
        self._file.close()
        return blobs.put_file(Path(self._file.name)) if self.count else ""


@dataclass(slots=True)
class Good:
    """A checked row, ready to be staged."""

    line: int
    external_id: str
    payload: dict
    kind: str
    triggers: list[str]
    overlap: int
    gold: dict | None
    gold_key: str
    explanation: str


@dataclass(frozen=True, slots=True)
class Checks:
    """What the rows of one import are checked against."""

    task_type: TaskType
    config: Mapping
    overlap: int
    purpose: str
    triggers: frozenset[str]


def check(checks: Checks, line: int, cells: Mapping) -> Good:
    given = cells.get("item_id", cells.get("id"))
    external_id = text_of(given, "item_id", 200)
    if not external_id:
        raise Invalid("item_id is empty")
    payload = checks.task_type.check_item(checks.config, cells)
    for name, value in payload.items():
        _check_storable(value, name)
    gold, key, raw = None, "", cells.get("gold")
    if raw is not None and raw != "":
        gold = checks.task_type.check_gold(checks.config, raw)
        key = checks.task_type.answer_key(gold)
    elif checks.purpose == ItemPurpose.QUALIFICATION:
        raise Invalid("a qualification item needs its right answer in the column gold")
    return Good(
        line=line,
        external_id=external_id,
        payload=payload,
        kind=text_of(cells.get("kind"), "kind", 40),
        triggers=_triggers(cells.get("triggers"), checks.triggers),
        overlap=_overlap(cells.get("overlap"), checks.overlap),
        gold=gold,
        gold_key=key,
        explanation=text_of(cells.get("explanation"), "explanation", 4_000),
    )


def text_of(value: object, name: str, maximum: int) -> str:
    text = written_cell(value).strip()
    if len(text) > maximum:
        raise Invalid(f"{name} is longer than {maximum:,} characters")
    _check_storable(text, name)
    return text


def _check_storable(value: object, name: str) -> None:
    """PostgreSQL stores no NUL, and UTF-8 no half of a surrogate pair."""
    text, nul = json.dumps(value, ensure_ascii=False), "\\u0000"
    if isinstance(value, str):
        text, nul = value, "\x00"
    if nul in text or text != printable(text):
        raise Invalid(f"{name} holds a character that cannot be stored")


def printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode().replace("\x00", "?")


def _triggers(value: object, known: frozenset[str]) -> list[str]:
    """Keys of premiums, as a list or with commas, semicolons or spaces between them."""
    listed = value if isinstance(value, list) else re.split(r"[,;\s]+", written_cell(value))
    named = {text_of(one, "triggers", 400) for one in listed} - {""}
    for trigger in sorted(named - known):
        may = ", ".join(sorted(known)) or "none"
        raise Invalid(f"no premium has the trigger {trigger!r}; a row can name: {may}")
    return sorted(named)


def _overlap(value: object, default: int) -> int:
    text = written_cell(value).strip()
    if not text:
        return default
    if not text.isdecimal() or not 1 <= int(text[:5]) <= 1000 or len(text) > 4:
        raise Invalid("overlap is no whole number from 1 to 1,000")
    return int(text)
