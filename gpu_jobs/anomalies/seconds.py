"""One anomaly check: the time of a submission against the times of others on the same item.

    z = (x − median) / max(1.4826 · MAD, typical, 0.1),   x = ln max(seconds, 1)

median and MAD are of the *other* times of the item (leave-one-out), so that a lone outlier
cannot hide in its own spread. An item with fewer than 5 times is measured against all other
times of the project. |z| > 3.5 flags, negative as "fast", positive as "slow"; the bar is that
of B. Iglewicz and D. Hoaglin, "How to detect and handle outliers" (1993).

The MAD of a handful of times is often far too small by luck: alone it would flag 13% of ordinary
log-normal times on items with five. So no item's spread counts as less than the project's
typical one, 1.4826 times the median of |x − median| over all submissions that are measured
against their item; then 0.04% are flagged, whatever the number of times. The 0.1 (about 10% of a
time) keeps a hair's breadth from being flagged where the others agree to the second; equal
times are never flagged. A flag is a reason to look, never a verdict.

Sorting, not pairs: leaving out one of m sorted times gives at most three different medians, so
all m leave-one-out medians and MADs cost four sorts of the item, also when m is 37,000.
"""

from dataclasses import dataclass

import numpy as np

THRESHOLD = 3.5
MIN_TIMES = 5
LEAST_SPREAD = 0.1
LEAST_SECONDS = 1.0
_TO_SIGMA = 1.4826


@dataclass(frozen=True)
class Anomalies:
    """Arrays (n,): z, NaN where there is no time or nothing to compare it with; fast and slow,
    bool; by_project, bool: compared with the whole project.
    """

    z: np.ndarray
    fast: np.ndarray
    slow: np.ndarray
    by_project: np.ndarray


def time_anomalies(
    item: np.ndarray,
    seconds: np.ndarray,
    *,
    threshold: float = THRESHOLD,
    min_times: int = MIN_TIMES,
) -> Anomalies:
    """Arrays item int64 (n,), seconds float64 (n,), NaN where unknown; not below zero."""
    z = np.full(len(item), np.nan)
    timed = np.flatnonzero(~np.isnan(seconds))
    x = np.log(np.maximum(seconds[timed], LEAST_SECONDS))
    times = np.bincount(item[timed], minlength=1) if len(timed) else np.zeros(1, dtype=np.int64)
    few = times[item[timed]] < min_times
    enough = np.flatnonzero(~few)
    if len(enough):
        away, spread = _leave_one_out(item[timed][enough], x[enough])
        typical = _TO_SIGMA * np.median(np.abs(away))
        z[timed[enough]] = away / np.maximum(np.maximum(spread, typical), LEAST_SPREAD)
    if len(timed) >= min_times and few.any():
        away, spread = _leave_one_out(np.zeros(len(timed), dtype=np.int64), x)
        z[timed[few]] = (away / np.maximum(spread, LEAST_SPREAD))[few]
    by_project = np.zeros(len(item), dtype=bool)
    by_project[timed[few]] = len(timed) >= min_times
    known = np.nan_to_num(z)
    return Anomalies(z=z, fast=known < -threshold, slow=known > threshold, by_project=by_project)


def _leave_one_out(group: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance to the median, and scaled MAD, of the others of a group of two at least."""
    _, group = np.unique(group, return_inverse=True)
    size = np.bincount(group)
    start = np.cumsum(size) - size
    rank, sorted_x = _sort(group, x, start)
    median = _median_without(sorted_x, start[group], size[group], rank)
    spread = np.empty(len(x))
    third = _third(rank, size[group])
    for which in range(3):
        mine = third == which
        if not mine.any():
            continue
        centre = np.zeros(len(size))
        centre[group[mine]] = median[mine]
        place, sorted_d = _sort(group, np.abs(x - centre[group]), start)
        spread[mine] = _median_without(sorted_d, start[group[mine]], size[group[mine]], place[mine])
    return x - median, _TO_SIGMA * spread


def _sort(group: np.ndarray, x: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rank of each x within its group, and all x sorted group by group."""
    order = np.lexsort((x, group))
    rank = np.empty(len(x), dtype=np.int64)
    rank[order] = np.arange(len(x)) - start[group[order]]
    return rank, x[order]


def _third(rank: np.ndarray, size: np.ndarray) -> np.ndarray:
    """0, 1, 2: below, at or above the middle; members of one third share one median."""
    middle = (size - 1) // 2
    return np.where(size % 2 == 0, np.where(rank <= middle, 0, 2), np.sign(rank - middle) + 1)


def _median_without(
    sorted_x: np.ndarray, start: np.ndarray, size: np.ndarray, rank: np.ndarray
) -> np.ndarray:
    """Median of the size − 1 members that are left when the one at `rank` goes."""
    low, high = (size - 2) // 2, (size - 1) // 2
    low, high = low + (low >= rank), high + (high >= rank)
    return (sorted_x[start + low] + sorted_x[start + high]) / 2
