"""What passes by while a release is written, counted for its metadata. Pure, in one pass.

Each tally is fed with every row of its file and asked afterwards.
"""

import datetime as dt
import statistics
from collections import Counter, defaultdict
from collections.abc import Mapping

from apps.core.money import half_even
from apps.exports.rules.croissant import Gathering, Pay

_TYPES = {bool: "sc:Boolean", int: "sc:Integer", float: "sc:Float", str: "sc:Text"}


class Columns:
    """The columns of a table with the types that their values really have."""

    def __init__(self) -> None:
        self._seen: dict[str, set[type]] = {}

    def add(self, row: Mapping) -> None:
        if not self._seen:
            # A CSV has the columns of its first row.
            self._seen = {name: set() for name in row}
        for name, value in row.items():
            if name in self._seen:
                self._seen[name].add(type(value))

    def types(self) -> dict[str, str]:
        """Column → data type, in the file's order; "" where no row has a value."""
        return {name: _type_of(seen - {type(None)}) for name, seen in self._seen.items()}


def _type_of(seen: set[type]) -> str:
    if not seen:
        return ""
    if seen == {int, float}:
        return _TYPES[float]
    return _TYPES.get(next(iter(seen)), _TYPES[str]) if len(seen) == 1 else _TYPES[str]


class AnswerTally:
    """Fed with rows of `answers`."""

    def __init__(self) -> None:
        self._items: Counter[str] = Counter()
        self._people: set[str] = set()
        self._first = self._last = ""
        self._known = self._right = 0
        self.versions: set[int] = set()

    def add(self, row: Mapping) -> None:
        self._items[row["item_id"]] += 1
        self._people.add(row["worker_id"])
        # Times of one zone in one form: their order is that of their letters.
        at = row["submitted_at"]
        self._first = min(self._first or at, at)
        self._last = max(self._last, at)
        self.versions.add(row["criteria_version"])
        if isinstance(row["gold_correct"], bool):
            self._known += 1
            self._right += row["gold_correct"]

    def told(self) -> Gathering | None:
        """None where there is no answer."""
        if not self._items:
            return None
        return Gathering(
            answers=self._items.total(),
            items=len(self._items),
            people=len(self._people),
            fewest=min(self._items.values()),
            most=max(self._items.values()),
            first=dt.datetime.fromisoformat(self._first),
            last=dt.datetime.fromisoformat(self._last),
            known=self._known,
            right=self._right,
        )


class WageTally:
    """Fed with lines of the wage file; those of the buyer's own people are not counted."""

    def __init__(self) -> None:
        self._net: dict[str, int] = defaultdict(int)
        self._floors: set[int] = set()

    def add(self, line: Mapping) -> None:
        if line["line"] == "own_people":
            return
        self._net[line["who"]] += line["net"]
        if line["line"] == "assignment":
            self._floors.add(line["floor_per_hour"])

    def told(self, seconds: Mapping[str, int]) -> Pay:
        """Hourly figures in minor units, ties to even; None where no second was counted.

        `seconds` is paid time by person: the lines have whole minutes, which say too little of pay
        where an item takes seconds.
        """
        whole = sum(seconds.values())
        net = sum(self._net.values())
        hourly = [3600 * self._net[who] / each for who, each in seconds.items() if each]
        return Pay(
            net=net,
            seconds=whole,
            people=len(self._net),
            floors=tuple(sorted(self._floors)),
            hourly=half_even(3600 * net, whole) if whole else None,
            median=round(statistics.median(hourly)) if hourly else None,
        )
