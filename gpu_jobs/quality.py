"""Kind `quality`: agreement, labels, gold, anomalies and a score for each submission.

Input: Parquet with submission_id, item_id, worker_id, answer, gold (string, null when there is
none) and seconds (float, null when unknown). Parameters (`Params`) have the defaults shown.
Files written: labels.parquet (item_id, answer, probability, n), workers.parquet (a line a
worker), anomalies.parquet, scores.parquet (a line a row of the input, in its order). Figures: a
key for each stage. The method pages are the modules named in the imports; docs/scoring.md
says what the numbers mean.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gpu_jobs import backend, matrices, tables
from gpu_jobs.aggregation import methods
from gpu_jobs.aggregation.em import MAX_ITER, STOPS, TOL
from gpu_jobs.aggregation.labels import UNDECIDED
from gpu_jobs.agreement import alpha, fleiss, gwet, kappa, percent
from gpu_jobs.agreement.bootstrap import RESAMPLES
from gpu_jobs.anomalies import seconds as anomaly
from gpu_jobs.anomalies.survey import signal_table, survey
from gpu_jobs.answers import LEVELS, NO_GOLD, Answers, cells, encode
from gpu_jobs.contracts import InputError, Report, Result, Spec
from gpu_jobs.gold import posterior as gold
from gpu_jobs.gold import suspects
from gpu_jobs.stages import Stages

COLUMNS = ("submission_id", "item_id", "worker_id", "answer")


@dataclass(frozen=True, kw_only=True)
class Params:
    """classes: all allowed answers in their order, or null: those that are there.
    kappa_min_shared: items that two workers share before their kappa is given. resamples: draws
    of items behind an interval of agreement, with the seed of the run.
    """

    level: str = "nominal"
    method: str = "dawid-skene"
    classes: list[str] | None = None
    repeats: str = "last"
    prior: float = gold.K
    decisive_gold: int = gold.DECISIVE
    max_iter: int = MAX_ITER
    tol: float = TOL
    stop: str = STOPS[0]
    kappa_min_shared: int = kappa.MIN_SHARED
    resamples: int = RESAMPLES
    anomaly_threshold: float = anomaly.THRESHOLD
    anomaly_min_times: int = anomaly.MIN_TIMES

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Raises InputError for a parameter that is unknown or out of range."""
        unknown = sorted(set(values) - {field.name for field in fields(cls)})
        if unknown:
            raise InputError(f"quality has no parameter {unknown[0]!r}")
        for field in fields(cls):
            _check_type(field.name, values.get(field.name, field.default), field.default)
        params = cls(**values)
        allowed = {"level": LEVELS, "method": methods.METHODS, "stop": STOPS}
        for name, choices in allowed.items():
            if getattr(params, name) not in choices:
                raise InputError(f"{name} must be one of {', '.join(choices)}")
        return params


def _check_type(name: str, value: Any, default: Any) -> None:
    if default is None:
        listed = isinstance(value, list) and all(isinstance(each, str) for each in value)
        fits, wanted = value is None or listed, "null or a list of strings"
    elif isinstance(default, str):
        fits, wanted = isinstance(value, str), "a string"
    else:
        kinds = (int, float) if isinstance(default, float) else int
        fits = isinstance(value, kinds) and not isinstance(value, bool) and value >= 0
        wanted = "a number not below 0" if isinstance(default, float) else "a whole number from 0"
    if not fits:
        raise InputError(f"{name} must be {wanted}, not {value!r}")


@dataclass(frozen=True)
class _Input:
    table: pa.Table
    seconds: np.ndarray
    answers: Answers
    params: Params


def run(spec: Spec, *, workdir: Path, report: Report) -> Result:
    """All six stages; see `runner.run` for resuming and errors."""
    params = Params.of(spec.params)
    digest = tables.sha256_of(Path(spec.input))
    stages = Stages(workdir=workdir, total=6, report=report)
    stages.claim(spec, input_sha256=digest)
    data = _read(Path(spec.input), params)
    stages.make("agreement", lambda: (_agreement(data, spec.seed), {}))
    stages.make("labels", lambda: _labels(data))
    stages.make("gold", lambda: _gold(data))
    stages.make("anomalies", lambda: _anomalies(data))
    stages.make("scores", lambda: _scores(data, workdir))
    stages.make("matrices", lambda: (_matrices(data, workdir), {}))
    return Result(
        kind=spec.kind,
        version=spec.version,
        input_sha256=digest,
        figures=stages.figures,
        files=stages.files,
    )


def _read(path: Path, params: Params) -> _Input:
    raw = tables.read_parquet(path)
    table = tables.clean(raw, required=COLUMNS, optional=("gold",))
    if pc.count_distinct(table["submission_id"]).as_py() != table.num_rows:
        raise InputError("column submission_id holds the same id twice")
    seconds = np.full(table.num_rows, np.nan)
    if "seconds" in raw.column_names:
        try:
            column = raw["seconds"].cast(pa.float64())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise InputError("column seconds does not hold numbers") from error
        seconds = column.to_numpy(zero_copy_only=False).astype(np.float64)
    if np.any(np.isinf(seconds) | (seconds < 0)):
        raise InputError("column seconds holds a time below zero or without end")
    answers = encode(table, repeats=params.repeats, classes=params.classes)
    return _Input(table=table, seconds=seconds, answers=answers, params=params)


def _agreement(data: _Input, seed: int) -> dict[str, Any]:
    answers = data.answers
    draws: Any = {"resamples": data.params.resamples, "seed": seed}
    coefficients = (
        percent.percent_of(answers, **draws),
        fleiss.fleiss_kappa(answers, **draws),
        gwet.gwet_ac(answers, **draws),
    )
    counts = cells(answers.item, answers.value, len(answers.classes))
    pairs = kappa.kappas(answers, min_shared=data.params.kappa_min_shared)
    return {
        **asdict(alpha.alpha_of(answers, level=data.params.level, **draws)),
        "coefficients": {each.name: asdict(each) for each in coefficients},
        "percent_agreement": percent.percent_agreement(counts),
        "kappa": kappa.summary(pairs, answers.workers),
        "items": len(answers.items),
        "workers": len(answers.workers),
        "answers": len(answers),
        "classes": len(answers.classes),
        "order_from": answers.classes_from,
        "missing": answers.missing,
        "repeats": answers.repeats,
        "repeats_rule": data.params.repeats,
    }


def _labels(data: _Input) -> tuple[dict[str, Any], dict[str, pa.Table]]:
    params = data.params
    found = methods.aggregate(
        data.answers,
        method=params.method,
        max_iter=params.max_iter if params.method in methods.EM else None,
        tol=params.tol if params.method in methods.EM else None,
        stop=params.stop,
        fall_back=True,
    )
    chosen = backend.pick()
    figures = found.figures | {"backend": chosen.name, "device": chosen.device}
    return figures, {"labels.parquet": methods.label_table(data.answers, found.labels)}


def _gold(data: _Input) -> tuple[dict[str, Any], dict[str, pa.Table]]:
    answers, params = data.answers, data.params
    scores = gold.gold_scores(answers, k=params.prior, decisive=params.decisive_gold)
    known, right = int(scores.gold.sum()), int(scores.correct.sum())
    figures = {
        "gold_items": int((answers.gold != NO_GOLD).sum()),
        "gold_answers": known,
        "correct": right,
        "share_correct": right / known if known else None,
        "decisive_workers": int(scores.decisive.sum()),
        "prior": params.prior,
        "decisive_gold": params.decisive_gold,
    }
    given = np.bincount(answers.worker, minlength=len(answers.workers))
    columns = {"worker_id": pa.array(answers.workers, pa.string()), "answers": given}
    doubted = suspects.suspect_gold(answers)
    figures["suspect_gold"] = int(doubted.suspect.sum())
    return figures, {
        "workers.parquet": pa.table(columns | vars(scores)),
        "gold_items.parquet": suspects.table(answers, doubted),
    }


def _anomalies(data: _Input) -> tuple[dict[str, Any], dict[str, pa.Table]]:
    params = data.params
    codes = data.table["item_id"].combine_chunks().dictionary_encode().indices
    found = anomaly.time_anomalies(
        codes.to_numpy(zero_copy_only=False).astype(np.int64),
        data.seconds,
        threshold=params.anomaly_threshold,
        min_times=params.anomaly_min_times,
    )
    flag = np.select([found.fast, found.slow], ["fast", "slow"], "")
    figures: dict[str, Any] = {
        "fast": int(found.fast.sum()),
        "slow": int(found.slow.sum()),
        "timed": int((~np.isnan(data.seconds)).sum()),
        "compared": int((~np.isnan(found.z)).sum()),
        "compared_with_project": int(found.by_project.sum()),
        "threshold": params.anomaly_threshold,
        "min_times": params.anomaly_min_times,
    }
    table = pa.table(
        {
            "submission_id": data.table["submission_id"],
            "anomaly": pa.array(flag.tolist(), pa.string(), mask=flag == ""),
            "z": pa.array(found.z, mask=np.isnan(found.z)),
            "against": pa.array(np.where(found.by_project, "project", "item").tolist()),
        }
    )
    signals = survey(
        data.answers,
        times=data.seconds[data.answers.row],
        closed=params.level in {"nominal", "ordinal"},
    )
    figures |= {
        "signals": {name: int(each.speaks.sum()) for name, each in signals.signals.items()},
        "flagged_workers": int(signals.flags.flagged.sum()),
    }
    return figures, {
        "anomalies.parquet": table,
        "signals.parquet": signal_table(data.answers, signals),
    }


def _scores(data: _Input, workdir: Path) -> tuple[dict[str, Any], dict[str, pa.Table]]:
    """Rows that did not enter (blank, or a repeat that lost) have no scores but their time."""
    answers, rows = data.answers, data.table.num_rows
    labels = methods.read_labels(workdir / "labels.parquet", answers)
    counts = cells(answers.item, answers.value, len(answers.classes))
    others = percent.agreement_of_each(answers, counts)
    columns = {
        "submission_id": data.table["submission_id"],
        "agrees_with_label": _spread(
            answers,
            rows,
            answers.value == labels.label[answers.item],
            labels.label[answers.item] != UNDECIDED,
        ),
        "label_probability": _spread(answers, rows, labels.probability[answers.item]),
        "gold_correct": _spread(
            answers,
            rows,
            answers.value == answers.gold[answers.item],
            answers.gold[answers.item] != NO_GOLD,
        ),
        "anomaly": tables.read_parquet(workdir / "anomalies.parquet")["anomaly"],
        "item_agreement": _spread(answers, rows, others, ~np.isnan(others)),
    }
    figures = {"submissions": rows, "scored": len(answers)}
    return figures, {"scores.parquet": pa.table(columns)}


def _matrices(data: _Input, workdir: Path) -> dict[str, Any]:
    """What a page draws: kappas of the busiest, answers against labels and gold, sure labels."""
    answers = data.answers
    labels = methods.read_labels(workdir / "labels.parquet", answers)
    people = matrices.kappa_matrix(answers, min_shared=data.params.kappa_min_shared)
    against = {
        "labels": matrices.confusion(answers, labels.label),
        "gold": matrices.confusion(answers, answers.gold),
    }
    return {
        "people": matrices.kappa_figures(people, answers.workers),
        "confusion": {
            "classes": [answers.classes[code] for code in against["labels"].classes],
            **{name: found.counts.tolist() for name, found in against.items()},
        },
        "reliable": matrices.reliable(labels, answers.gold),
    }


def _spread(
    answers: Answers, rows: int, values: np.ndarray, known: np.ndarray | bool = True
) -> pa.Array:
    """Values of answers (n,) to their rows of the table; null elsewhere and where not known."""
    whole = np.zeros(rows, dtype=values.dtype)
    whole[answers.row] = values
    unknown = np.ones(rows, dtype=bool)
    unknown[answers.row] = ~np.broadcast_to(known, len(answers))
    return pa.array(whole, mask=unknown)
