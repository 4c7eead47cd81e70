"""What explains a group's value: single rows that helped and hurt the model.

A linear head tells which of the group's own rows did (`examples`). Where a model is trained anew
for each coalition, no row has an influence that is known; the models themselves tell which test
items they got better at with the group's rows, and which worse (`moves`).
"""

import numpy as np

from gpu_jobs.lift.coalitions import Utility
from gpu_jobs.lift.examples import HELPED, HURT, MOST, Example, examples
from gpu_jobs.lift.methods import METHODS, Settings, chosen
from gpu_jobs.lift.problem import Problem
from gpu_jobs.lift.results import LEVEL
from gpu_jobs.lift.run import own_chunks

MOST_ITEMS = 100
"""Of test items in a file: a contributor reads only of those that they answered themselves."""


def explained(
    problem: Problem,
    settings: Settings,
    chunks: int,
    *,
    utility: Utility,
    most: int | None = None,
    level: float = LEVEL,
) -> list[Example]:
    """Up to `most` that helped and as many that hurt, by group's name. chunks: how many of the run
    count. utility: of the problem; with a folder that holds the models of these chunks, nothing is
    trained again.
    """
    if problem.recipe.fit is None:
        return examples(problem, utility.full().weights[0], most=MOST if most is None else most)
    method = METHODS[chosen(problem, settings)]
    assert method.moved is not None  # noqa: S101 - screens take no such recipe
    mine = Utility(problem, folder=utility.folder, each=True)
    arrays = [
        method.compute(mine, settings, number)
        for number in range(own_chunks(problem, settings, chunks))
    ]
    found = method.moved(problem, arrays)
    half = found.half(level)
    return [
        one
        for name, code in sorted((name, code) for code, name in enumerate(problem.groups))
        for effect, sign in ((HELPED, 1.0), (HURT, -1.0))
        for one in _moved(
            problem,
            name,
            effect,
            sign * found.value[code],
            half[code],
            MOST_ITEMS if most is None else most,
        )
    ]


def _moved(
    problem: Problem, name: str, effect: str, size: np.ndarray, half: np.ndarray, most: int
) -> list[Example]:
    """Those whose interval leaves out zero first, of these the largest first."""
    order = np.lexsort((problem.test_row, -size, size - half <= 0))
    known = np.isfinite(half)
    return [
        Example(
            group=name,
            row=int(problem.test_row[at]),
            effect=effect,
            size=float(size[at]),
            is_test=True,
            low=float(size[at] - half[at]) if known[at] else None,
            high=float(size[at] + half[at]) if known[at] else None,
        )
        for at in order[size[order] > 0][:most].tolist()
    ]
