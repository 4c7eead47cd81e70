"""Agreement on each line of a rubric, and whether the line or the people are to be questioned.

Each line is a scale of its own: α with the interval distance where all its scores are numbers,
else nominal; a blank score is a missing answer.

A line is questioned when raters disagree as a whole: the upper end of its interval lies below
0.667, K. Krippendorff's bound for tentative conclusions ("Content Analysis", 4th ed. 2018), and
α stays below it without the tenth of the raters (at least one) who disagree most with the others.
If it rises above, the trouble is with those few and not with the line.
"""

from dataclasses import dataclass, replace

import numpy as np

from gpu_jobs.agreement.alpha import Alpha, alpha_of_typed
from gpu_jobs.agreement.bootstrap import RESAMPLES
from gpu_jobs.agreement.percent import agreement_of_items, agreement_with_others
from gpu_jobs.answers import Answers
from gpu_jobs.distances.rubrics import numeric_lines
from gpu_jobs.distances.scales import Nominal, Scale
from gpu_jobs.types import Typed

TENTATIVE = 0.667
LEFT_OUT = 0.1


@dataclass(frozen=True)
class Line:
    """agreement: mean over items of the mean of 1 − d, None without pairs. answers: not blank.

    without: α without the raters who disagree most, None where there are too few raters.
    """

    line: str
    numeric: bool
    answers: int
    workers: int
    agreement: float | None
    alpha: Alpha
    without: float | None
    questions_rubric: bool


def rubric_lines(
    answers: Answers, typed: Typed, *, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[Line, ...]:
    """One Line for each line of the rubrics in `typed`, by name."""
    found = []
    for line, numeric in numeric_lines(typed.values).items():
        scores = [dict(value).get(line) for value in typed.values]
        shown = [None if s is None else (s if numeric else str(s)) for s in scores]
        distinct = sorted({s for s in shown if s is not None})
        place = {score: index for index, score in enumerate(distinct)}
        code = np.array([-1 if s is None else place[s] for s in shown], dtype=np.int64)
        value = code[typed.code][answers.value]
        entered = np.flatnonzero(value >= 0)
        part = replace(
            answers,
            item=answers.item[entered],
            worker=answers.worker[entered],
            value=value[entered],
            row=answers.row[entered],
            classes=[str(score) for score in distinct],
            classes_from="numbers" if numeric else "text",
        )
        of_line = Typed(
            type="rubric line",
            values=distinct,
            code=np.arange(len(distinct)),
            gold=np.full(len(answers.items), -1),
            distance=Scale.of_numbers(distinct) if numeric else Nominal(),  # type: ignore[arg-type]
            level="interval" if numeric else "nominal",
        )
        found.append(_line(line, part, of_line, resamples=resamples, seed=seed))
    return tuple(found)


def questioned(answers: Answers, typed: Typed, alpha: Alpha, *, level: str | None = None) -> bool:
    """Whether raters disagree as a whole, by the rule above."""
    if alpha.high is None or alpha.high >= TENTATIVE:
        return False
    rest = without_least(answers, typed, level=level)
    return rest is None or rest < TENTATIVE


def without_least(answers: Answers, typed: Typed, *, level: str | None = None) -> float | None:
    """α without the tenth of the raters who disagree most; None with fewer than three raters."""
    others = agreement_with_others(answers, typed)
    known = ~np.isnan(others)
    width = len(answers.workers)
    given = np.bincount(answers.worker[known], minlength=width)
    total = np.bincount(answers.worker[known], weights=others[known], minlength=width)
    raters = np.flatnonzero(given)
    if len(raters) < 3:
        return None
    mean = total[raters] / given[raters]
    worst = np.sort(mean)[int(np.ceil(LEFT_OUT * len(raters))) - 1]
    # All who are as bad as the last of the tenth go, so that no name decides between them.
    leave = raters[mean <= worst + 1e-12]
    if len(raters) - len(leave) < 2:
        return None
    kept = np.flatnonzero(~np.isin(answers.worker, leave))
    return alpha_of_typed(answers, typed, level=level, kept=kept, resamples=0).alpha


def _line(line: str, answers: Answers, typed: Typed, *, resamples: int, seed: int) -> Line:
    alpha = alpha_of_typed(answers, typed, resamples=resamples, seed=seed)
    each = agreement_of_items(answers, typed)
    each = each[~np.isnan(each)]
    return Line(
        line=line,
        numeric=typed.level == "interval",
        answers=len(answers),
        workers=len(np.unique(answers.worker)),
        agreement=float(each.mean()) if len(each) else None,
        alpha=alpha,
        without=without_least(answers, typed),
        questions_rubric=questioned(answers, typed, alpha),
    )
