"""Error types from what reviewers cite: which line of the rubric, how often, for how many people.

A line that is cited against nearly everybody is a fault of the rubric or of its examples before it
is one of people. `spread` is the effective number of people behind the citations of a line,
1/Σ s² with s their shares (M. O. Hill, "Diversity and evenness", Ecology 54, 1973), and `people`
the share of all people with decided work who got it at least once, with Wilson's interval. Where
that share's lower bound is above one half, the rubric is questioned first.
"""

from dataclasses import dataclass

import numpy as np

from gpu_jobs.shares import wilson

EVERYBODY = 0.5


@dataclass(frozen=True)
class Citations:
    """Arrays (L,) for L lines: count; share of all answers that cite it, low, high; people, its
    share people_share with people_low, people_high; spread; question_rubric bool.
    """

    count: np.ndarray
    share: np.ndarray
    low: np.ndarray
    high: np.ndarray
    people: np.ndarray
    people_share: np.ndarray
    people_low: np.ndarray
    people_high: np.ndarray
    spread: np.ndarray
    question_rubric: np.ndarray


def citations(line: np.ndarray, worker: np.ndarray, *, lines: int) -> Citations:
    """Line int64 (n,): code of the cited line, negative where an answer has no citation; worker
    int64 (n,). An answer that cites two lines is counted with the one that its reviewer put first.
    """
    n = len(line)
    workers = int(worker.max(initial=-1)) + 1
    everybody = len(np.unique(worker))
    cited = line >= 0
    count = np.bincount(line[cited], minlength=lines)
    keys, each = np.unique(line[cited] * max(workers, 1) + worker[cited], return_counts=True)
    of_line = keys // max(workers, 1)
    people = np.bincount(of_line, minlength=lines)
    squares = np.bincount(of_line, weights=np.square(each), minlength=lines)
    low, high = wilson(count, np.full(lines, n))
    people_low, people_high = wilson(people, np.full(lines, everybody))
    return Citations(
        count=count,
        share=count / max(n, 1),
        low=low,
        high=high,
        people=people,
        people_share=people / max(everybody, 1),
        people_low=people_low,
        people_high=people_high,
        spread=np.divide(np.square(count), squares, out=np.zeros(lines), where=squares > 0),
        question_rubric=people_low > EVERYBODY,
    )
