"""All that is said about agreement at once: one frozen result, for the command and for a page."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from gpu_jobs import svg
from gpu_jobs.agreement import kappa
from gpu_jobs.agreement.alpha import Alpha, alpha_of_typed
from gpu_jobs.agreement.bootstrap import RESAMPLES
from gpu_jobs.agreement.coefficients import Coefficient
from gpu_jobs.agreement.drift import Drift, drift
from gpu_jobs.agreement.fleiss import fleiss_kappa
from gpu_jobs.agreement.gwet import gwet_ac
from gpu_jobs.agreement.intra import Intra, intra_rater
from gpu_jobs.agreement.lines import Line, questioned, rubric_lines
from gpu_jobs.agreement.percent import agreement_of_items, percent_of
from gpu_jobs.answers import Answers
from gpu_jobs.types import typed

CLASSES = frozenset({"choice", "pairwise", "ordinal"})
"""Types whose answers are classes: kappas and AC are about those alone."""
LOWEST = 10
NAMES = {
    "percent_agreement": "percent agreement",
    "fleiss_kappa": "Fleiss' κ",
    "gwet_ac1": "Gwet's AC1",
    "gwet_ac2_ordinal": "Gwet's AC2, ordinal",
}


@dataclass(frozen=True)
class Agreement:
    """What `agree` finds. coefficients: percent agreement and, for classes, Fleiss' κ and Gwet's
    AC1 (ordinal: AC2, too). kappas: of workers, for classes. intra: None without repeats. drift:
    None without times. lines: of a rubric. item: float64 (I,), mean of 1 − d of each item's
    pairs, NaN without one. questions_rubric: raters disagree as a whole, by the rule of `lines`;
    of a rubric: on every line.
    """

    type: str
    alpha: Alpha
    coefficients: tuple[Coefficient, ...]
    kappas: kappa.Kappas | None
    intra: Intra | None
    drift: Drift | None
    lines: tuple[Line, ...]
    item: np.ndarray
    questions_rubric: bool
    items: list[str]
    workers: list[str]

    def plot(self) -> str:
        """SVG: every coefficient with its interval, then lines, pairs and drift where there are."""
        rows = [svg.Bar("Krippendorff's α", self.alpha.alpha, self.alpha.low, self.alpha.high)]
        rows += [
            svg.Bar(NAMES.get(each.name, each.name), each.value, each.low, each.high)
            for each in self.coefficients
        ]
        pictures = [svg.bars("Agreement, with 95% intervals", rows)]
        if self.lines:
            of_lines = [
                svg.Bar(each.line, each.alpha.alpha, each.alpha.low, each.alpha.high)
                for each in self.lines
            ]
            pictures.append(svg.bars("Alpha of each line of the rubric", of_lines))
        if self.kappas is not None and len(self.kappas.kappa):
            pictures.append(self.kappas.plot(self.workers))
        if self.drift is not None and self.drift.windows:
            pictures.append(self.drift.plot())
        return svg.stacked("Agreement", pictures)

    def lowest(self, most: int = LOWEST) -> list[tuple[str, float]]:
        """The items that raters agree on least, by agreement and then name; none at 1."""
        low = np.flatnonzero(self.item < 1)
        order = low[np.argsort(self.item[low], kind="stable")][:most]
        return [(self.items[index], float(self.item[index])) for index in order]

    def figures(self) -> dict[str, Any]:
        """As JSON values."""
        found: dict[str, Any] = {
            "alpha_low": self.alpha.low,
            "alpha_high": self.alpha.high,
            "alpha_resamples": self.alpha.resamples,
            "alpha_sampled": self.alpha.sampled,
            "coefficients": {each.name: _figures(each) for each in self.coefficients},
            "questions_rubric": self.questions_rubric,
        }
        if self.intra is not None:
            found["intra"] = _intra(self.intra, self.workers)
        if self.drift is not None:
            found["drift"] = asdict(self.drift)
        if self.lines:
            found["lines"] = [asdict(each) for each in self.lines]
        return found


def agree(
    answers: Answers,
    *,
    name: str = "choice",
    level: str | None = None,
    at: np.ndarray | None = None,
    min_shared: int = kappa.MIN_SHARED,
    resamples: int = RESAMPLES,
    seed: int = 0,
    say: Callable[[str], None] = lambda _: None,
    **options: Any,
) -> Agreement:
    """Everything that the type `name` allows. at: float64 (n,), times of the answers.

    say: told what begins. options: of the type's distance. Raises InputError for an unknown type,
    for answers that it does not allow and for a level that it does not take.
    """
    kind = typed(answers, name, **options)
    draws: Any = {"resamples": resamples, "seed": seed}
    say("alpha")
    alpha = alpha_of_typed(answers, kind, level=level, **draws)
    say("other coefficients")
    classes = name in CLASSES
    coefficients = [percent_of(answers, None if classes else kind, **draws)]
    kappas = None
    if classes:
        coefficients += [fleiss_kappa(answers, **draws), gwet_ac(answers, **draws)]
        if name == "ordinal" or level == "ordinal":
            coefficients.append(gwet_ac(answers, weights="ordinal", **draws))
        say("pairs of workers")
        kappas = kappa.kappas(answers, min_shared=min_shared)
    say("repeats, time and lines")
    intra = intra_rater(answers, kind, level=level, **draws) if answers.repeats else None
    lines = rubric_lines(answers, kind, **draws) if name == "rubric" else ()
    judged = [each for each in lines if each.alpha.alpha is not None]
    return Agreement(
        type=name,
        alpha=alpha,
        coefficients=tuple(coefficients),
        kappas=kappas,
        intra=intra if intra is not None and len(intra.worker) else None,
        drift=None if at is None else drift(answers, kind, at, level=level, **draws),
        lines=lines,
        item=agreement_of_items(answers, None if classes else kind),
        questions_rubric=(
            bool(judged) and all(each.questions_rubric for each in judged)
            if name == "rubric"
            else questioned(answers, kind, alpha, level=level)
        ),
        items=answers.items,
        workers=answers.workers,
    )


def _figures(of: Coefficient) -> dict[str, Any]:
    return {key: value for key, value in asdict(of).items() if key != "name"}


def _intra(of: Intra, workers: list[str]) -> dict[str, Any]:
    return {
        "agreement": of.overall,
        "low": of.overall_low,
        "high": of.overall_high,
        "alpha": asdict(of.alpha),
        "workers": [
            {
                "worker": workers[of.worker[i]],
                "items": int(of.items[i]),
                "agreement": float(of.agreement[i]),
                "low": float(of.low[i]),
                "high": float(of.high[i]),
            }
            for i in np.argsort(of.agreement, kind="stable")[:LOWEST]
        ],
    }
