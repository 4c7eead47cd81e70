"""Shares with their intervals, and whether two results are the same. No ORM.

On the same code, processor family and pinned threads a run gives the same bytes. On others sums
may be added up in another order, so numbers within 1e-6 of each other are the same figure.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

TOLERANCE = 1e-6
Z_90, Z_95 = 1.6448536269514722, 1.959963984540054
# Where it was computed is told beside the figures; it is none.
_NOT_FIGURES = frozenset({"labels.backend", "labels.device"})


@dataclass(frozen=True, slots=True)
class Share:
    """`right` of `n`, the share that is said for it, and its interval; all shares of 1."""

    right: int
    n: int
    value: float
    low: float
    high: float


def wilson(right: int, n: int, z: float = Z_90) -> tuple[float, float]:
    """Low and high of a share (Wilson, JASA 1927), n > 0 trials taken as independent."""
    share, spread = right / n, z * z / n
    centre = share + spread / 2
    half = z * math.sqrt(share * (1 - share) / n + spread / (4 * n))
    # Of none or of all the bound is the share itself; rounding must not put it beyond.
    low, high = (centre - half) / (1 + spread), (centre + half) / (1 + spread)
    return max(0.0, min(low, share)), min(1.0, max(high, share))


def share_of(right: int, n: int, z: float = Z_90) -> Share:
    """With Wilson's interval; n > 0."""
    return Share(right, n, right / n, *wilson(right, n, z))


@dataclass(frozen=True, slots=True)
class Pair:
    """One figure. `difference` is None where the two are not both numbers."""

    name: str
    stored: Any
    found: Any
    difference: float | None = None

    @property
    def is_same(self) -> bool:
        return type(self.stored) is type(self.found) and self.stored == self.found

    @property
    def is_near(self) -> bool:
        return self.is_same or (self.difference is not None and self.difference <= TOLERANCE)


@dataclass(frozen=True, slots=True)
class FilePair:
    """A file of the result. `largest` is the biggest difference of a number in it; `fault` the
    first thing that is no matter of digits, "" when there is none.
    """

    name: str
    is_same: bool
    largest: float = 0.0
    fault: str = ""

    @property
    def is_near(self) -> bool:
        return self.is_same or (not self.fault and self.largest <= TOLERANCE)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`added` are figures that the code of today computes and the stored result does not have;
    `changed` those that it computes by other rules, with the reason: they are no difference.
    """

    pairs: list[Pair]
    files: list[FilePair]
    added: list[str] = field(default_factory=list)
    changed: list[tuple[Pair, str]] = field(default_factory=list)

    @property
    def is_same(self) -> bool:
        return all(p.is_same for p in self.pairs) and all(f.is_same for f in self.files)

    @property
    def is_near(self) -> bool:
        return all(p.is_near for p in self.pairs) and all(f.is_near for f in self.files)

    @property
    def largest(self) -> float:
        numbers = [pair.difference for pair in self.pairs if pair.difference is not None]
        return max([*numbers, *(file.largest for file in self.files)], default=0.0)

    @property
    def faults(self) -> list[str]:
        """What differs, each as one sentence."""
        return [
            f"{pair.name} is stored as {pair.stored!r} and comes out as {pair.found!r}"
            for pair in self.pairs
            if not pair.is_near
        ] + [
            f"{file.name}: {file.fault or f'a number differs by {file.largest:.3g}'}"
            for file in self.files
            if not file.is_near
        ]


def compare_figures(stored: Mapping, found: Mapping) -> tuple[list[Pair], list[str]]:
    """Every stored figure beside the one that came out, and the names of new ones."""
    before, now = dict(_leaves(stored)), dict(_leaves(found))
    pairs = [
        Pair(name, value, now.get(name, _MISSING), _difference(value, now.get(name)))
        for name, value in before.items()
    ]
    return pairs, sorted(set(now) - set(before))


def compare_tables(name: str, stored: pa.Table, found: pa.Table) -> FilePair:
    """Column by column; rows in their order. Columns that only `found` has do not count."""
    if stored.num_rows != found.num_rows:
        return FilePair(
            name, is_same=False, fault=f"{stored.num_rows:,} rows became {found.num_rows:,}"
        )
    largest = 0.0
    for column in stored.column_names:
        if column not in found.column_names:
            return FilePair(name, is_same=False, fault=f"the column {column} is gone")
        one, two = stored[column].combine_chunks(), found[column].combine_chunks()
        if one.equals(two):
            continue
        if not (pa.types.is_floating(one.type) and pa.types.is_floating(two.type)):
            return FilePair(name, is_same=False, fault=f"the column {column} differs")
        if not pc.is_null(one, nan_is_null=True).equals(pc.is_null(two, nan_is_null=True)):
            return FilePair(name, is_same=False, fault=f"the column {column} has other gaps")
        apart = pc.max(pc.abs(pc.subtract(one, two))).as_py()
        largest = max(largest, apart or 0.0)
    return FilePair(name, is_same=False, largest=largest)


def without_changed(
    pairs: list[Pair], rules: Mapping[str, str]
) -> tuple[list[Pair], list[tuple[Pair, str]]]:
    """Figures that must come out again, and those whose rules changed: beginning of name → why."""
    kept, changed = [], []
    for pair in pairs:
        found = [
            why
            for name, why in rules.items()
            if pair.name == name or pair.name.startswith((f"{name}.", f"{name}["))
        ]
        why = found[0] if found else ""
        if why:
            changed.append((pair, why))
        else:
            kept.append(pair)
    return kept, changed


class _Missing:
    def __repr__(self) -> str:
        return "nothing"


_MISSING = _Missing()


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key in sorted(value):
            yield from _leaves(value[key], f"{name}.{key}" if name else str(key))
    elif isinstance(value, list):
        yield f"{name}.length", len(value)
        for place, each in enumerate(value):
            yield from _leaves(each, f"{name}[{place}]")
    elif name not in _NOT_FIGURES:
        yield name, value


def _difference(one: Any, two: Any) -> float | None:
    numbers = (int, float)
    if not (isinstance(one, numbers) and isinstance(two, numbers)):
        return None
    return None if isinstance(one, bool) or isinstance(two, bool) else abs(float(one) - float(two))
