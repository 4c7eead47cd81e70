"""Months of UTC, which statements and invoices are cut by."""

import datetime as dt
import re
from dataclasses import dataclass

_NAME = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """`first` is its first day; `start` and `end` are moments in UTC, the end not included."""

    first: dt.date

    @classmethod
    def named(cls, name: str) -> "Month | None":
        """`2026-02`, or None for anything else."""
        match = _NAME.fullmatch(name)
        return cls(dt.date(int(match[1]), int(match[2]), 1)) if match else None

    @classmethod
    def of(cls, at: dt.datetime) -> "Month":
        return cls(at.astimezone(dt.UTC).date().replace(day=1))

    @property
    def next(self) -> "Month":
        return Month((self.first + dt.timedelta(days=31)).replace(day=1))

    @property
    def before(self) -> "Month":
        return Month((self.first - dt.timedelta(days=1)).replace(day=1))

    @property
    def start(self) -> dt.datetime:
        return dt.datetime.combine(self.first, dt.time(), tzinfo=dt.UTC)

    @property
    def end(self) -> dt.datetime:
        return self.next.start

    @property
    def name(self) -> str:
        return f"{self.first:%Y-%m}"

    def __str__(self) -> str:
        return f"{self.first:%B %Y}"


def months(first: Month, last: Month) -> list[Month]:
    """Both included, the earliest first; none if the last is before the first."""
    found = []
    while first <= last:
        found.append(first)
        first = first.next
    return found


def plain(text: str) -> str:
    """A title that begins like a formula stays text in a spreadsheet."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text
