"""How complete a project's answers are, and how many keep to the schema: figures, no judgement.

Completeness is asked at two places: does each item have the answers it was to have (its overlap),
and is each answer there (not blank, and valid under the project's schema)? Gates at submission keep
invalid answers out; what counts here is what came in all the same, or by import.
"""

from dataclasses import dataclass

import numpy as np

from gpu_jobs.contracts import InputError
from gpu_jobs.shares import wilson


@dataclass(frozen=True)
class Completeness:
    """items; complete: those with all of their answers; answers; wanted: Σ of the overlaps;
    filled: Σ of min(answers, overlap)/wanted, None where nothing was wanted; blank; invalid, among
    the answers that are not blank; valid_share with low and high (95%, Wilson), None without.
    missing int64 (I,): answers that each item still lacks.
    """

    items: int
    complete: int
    answers: int
    wanted: int
    filled: float | None
    blank: int
    invalid: int
    valid_share: float | None
    low: float
    high: float
    missing: np.ndarray


def completeness(
    item: np.ndarray, overlap: np.ndarray, blank: np.ndarray, valid: np.ndarray
) -> Completeness:
    """Item int64 (n,) of each answer; overlap int64 (I,): answers wanted; blank, valid bool (n,).

    Only answers that are there and valid fill an item. Raises InputError for a negative overlap.
    """
    if np.any(overlap < 0):
        raise InputError("an item cannot want fewer than no answers")
    good = ~blank & valid
    have = np.bincount(item[good], minlength=len(overlap))
    missing = np.maximum(overlap - have, 0)
    wanted = int(overlap.sum())
    given = int((~blank).sum())
    low, high = wilson(np.array([good.sum()]), np.array([given]))
    return Completeness(
        items=len(overlap),
        complete=int((missing == 0).sum()),
        answers=len(item),
        wanted=wanted,
        filled=1 - float(missing.sum()) / wanted if wanted else None,
        blank=int(blank.sum()),
        invalid=int((~blank & ~valid).sum()),
        valid_share=float(good.sum() / given) if given else None,
        low=float(low[0]) if given else 0.0,
        high=float(high[0]) if given else 1.0,
        missing=missing,
    )
