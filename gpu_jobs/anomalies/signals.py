"""What every signal about a contributor looks like, and why none of them acts alone.

A signal has a family: what it looks at. Signals of one family see the same thing twice (a
spammer's score and little agreement both compare with the crowd), so they count once. A
contributor is flagged only when signals of two families speak, each from enough answers. With six
independent families at a false-positive rate of 1% each, two speak by chance for 3 contributors in
2,000; the measured rates are in docs/benchmarks.md.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from gpu_jobs.contracts import InputError

FAMILIES = ("time", "pattern", "crowd", "copying", "change", "gold")
NEEDED = 2


@dataclass(frozen=True)
class Signal:
    """Arrays (W,). value: in the signal's own unit, NaN where there are too few answers.
    speaks: bool, beyond the published threshold (above it where `high`, else below it); never where
    value is NaN.
    """

    name: str
    family: str
    threshold: float
    high: bool
    value: np.ndarray
    speaks: np.ndarray


@dataclass(frozen=True)
class Flags:
    """families int64 (W,): how many families speak. flagged bool (W,): at least two do."""

    families: np.ndarray
    flagged: np.ndarray
    names: list[list[str]]


def above(name: str, family: str, threshold: float, value: np.ndarray) -> Signal:
    """A signal that speaks where value > threshold."""
    return Signal(name, family, threshold, True, value, value > threshold)


def below(name: str, family: str, threshold: float, value: np.ndarray) -> Signal:
    """A signal that speaks where value < threshold."""
    return Signal(name, family, threshold, False, value, value < threshold)


def combine(signals: Iterable[Signal], workers: int, *, needed: int = NEEDED) -> Flags:
    """Raises InputError for a family that is unknown, or fewer than two needed."""
    if needed < NEEDED:
        raise InputError("no signal acts alone: at least two families are needed")
    speaks = {family: np.zeros(workers, dtype=bool) for family in FAMILIES}
    names: list[list[str]] = [[] for _ in range(workers)]
    for signal in signals:
        if signal.family not in speaks:
            raise InputError(f"family must be one of {', '.join(FAMILIES)}, not {signal.family!r}")
        speaks[signal.family] |= signal.speaks
        for worker in np.flatnonzero(signal.speaks).tolist():
            names[worker].append(signal.name)
    families = np.sum(list(speaks.values()), axis=0, dtype=np.int64)
    return Flags(families=families, flagged=families >= needed, names=names)
