"""Error rates by cells of self-description, for the command and for runs alike.

Columns of cells are those of `cells.written`. Figures are rounded, since whoever knows each
person's answers could otherwise add up who is in which cell: people down to fives, answers down to
two digits, shares to hundredths, intervals outwards.
"""

from collections.abc import Mapping, Sequence
from math import ceil, floor
from typing import Any

import numpy as np

from gpu_jobs.errors import bias
from gpu_jobs.errors.cells import LEAST_PEOPLE
from gpu_jobs.errors.figures import coded, rows


def by_cells(
    wrong: np.ndarray,
    worker: np.ndarray,
    columns: Mapping[str, Sequence[str | None]],
    whom: tuple[np.ndarray, list[str]],
    *,
    called: str,
) -> dict[str, dict[str, Any]]:
    """An entry an attribute of `columns` that has cells: error rates by cell, and where there are
    several of them by group of items. wrong float64 (n,), NaN where nothing is known; worker int64
    (n,); whom: `coded` groups of items, which are called so.
    """
    of, groups = whom
    found = {}
    for name in sorted(columns):
        who, cells = coded(columns[name])
        if not cells:
            continue
        shares = bias.gaps(wrong, who, worker, len(cells), least_people=LEAST_PEOPLE)
        found[name] = {"cells": _rounded(rows(shares, cells))}
        if len(groups) > 1:
            both = bias.crossed(wrong, who, of, worker, cells=len(cells), groups=len(groups))
            places = [(cell, group) for cell in cells for group in groups]
            named = _rounded(rows(both, list(map(str, range(len(places))))))
            found[name][f"cells_by_{called}"] = [
                row | dict(zip(("name", called), places[int(row["name"])], strict=True))
                for row in named
            ]
    return found


def _rounded(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        row
        | {
            "people": row["people"] // 5 * 5,
            "answers": _two_digits(row["answers"]),
            "error_rate": round(row["error_rate"], 2),
            "low": floor(row["low"] * 100) / 100,
            "high": ceil(row["high"] * 100) / 100,
            "difference": None if row["difference"] is None else round(row["difference"], 2),
        }
        for row in found
    ]


def _two_digits(n: int) -> int:
    step = 10 ** max(len(str(n)) - 2, 0)
    return n // step * step
