"""Kind `repeats`: how far people agree with themselves on items that they were given twice.

Input: Parquet with item_id, worker_id, answer: every answer of a person to an item that they were
given twice, and no other. Parameters (`Params`) have the defaults shown. Formulas: `intra.py`.

Figures, a key for each stage: `agreement` (mean over all units with its interval, units, workers;
alpha of the units, or why there is none) and `people` (`workers`: worker, items, agreement, low,
high of each). No files.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from gpu_jobs import tables
from gpu_jobs.agreement.bootstrap import RESAMPLES
from gpu_jobs.agreement.intra import Intra, intra_rater
from gpu_jobs.answers import LEVELS, Answers, encode
from gpu_jobs.contracts import InputError, Report, Result, Spec, check_names, is_texts
from gpu_jobs.stages import Stages
from gpu_jobs.types import typed

COLUMNS = ("item_id", "worker_id", "answer")
TYPES = {"nominal": "choice", "ordinal": "ordinal"}


@dataclass(frozen=True, kw_only=True)
class Params:
    """classes: all allowed answers in their order, or null: those that are there. resamples: draws
    of units behind the interval of alpha, with the seed of the run.
    """

    level: str = LEVELS[0]
    classes: list[str] | None = None
    resamples: int = RESAMPLES

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Raises InputError for a parameter that is unknown or out of range."""
        check_names("repeats", cls, values)
        params = cls(**values)
        if params.level not in LEVELS:
            raise InputError(f"level must be one of {', '.join(LEVELS)}")
        if not is_texts(params.classes):
            raise InputError("classes must be null or a list of strings")
        count = params.resamples
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            raise InputError("resamples must be a whole number from 0")
        return params


def run(spec: Spec, *, workdir: Path, report: Report) -> Result:
    """Both stages; see `runner.run` for resuming and errors."""
    params = Params.of(spec.params)
    digest = tables.sha256_of(Path(spec.input))
    stages = Stages(workdir=workdir, total=2, report=report)
    stages.claim(spec, input_sha256=digest)
    table = tables.clean(tables.read_parquet(Path(spec.input)), required=COLUMNS, optional=())
    answers = encode(table, repeats="keep", classes=params.classes)
    found = intra_rater(
        answers,
        typed(answers, TYPES.get(params.level, "number")),
        level=params.level,
        resamples=params.resamples,
        seed=spec.seed,
    )
    stages.make("agreement", lambda: (_overall(found), {}))
    stages.make("people", lambda: ({"workers": _people(found, answers)}, {}))
    return Result(
        kind=spec.kind,
        version=spec.version,
        input_sha256=digest,
        figures=stages.figures,
        files=stages.files,
    )


def _overall(found: Intra) -> dict[str, Any]:
    return {
        "agreement": found.overall,
        "low": found.overall_low,
        "high": found.overall_high,
        "units": int(found.items.sum()),
        "workers": len(found.worker),
        "alpha": found.alpha.alpha,
        "alpha_low": found.alpha.low,
        "alpha_high": found.alpha.high,
        "reason": found.alpha.reason,
    }


def _people(found: Intra, answers: Answers) -> list[dict[str, Any]]:
    return [
        {
            "worker": answers.workers[found.worker[place]],
            "items": int(found.items[place]),
            "agreement": float(found.agreement[place]),
            "low": float(found.low[place]),
            "high": float(found.high[place]),
        }
        for place in range(len(found.worker))
    ]
