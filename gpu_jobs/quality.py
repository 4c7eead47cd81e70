"""Kind `quality`: agreement, labels, gold, anomalies and a score for each submission.

Input: Parquet with submission_id, item_id, worker_id, answer, gold (string, null when there is
none), seconds (float, null when unknown), at (float, seconds since the project began) and annotator
(null for people, else what the worker is: a model, a labelling function). The last four may be
missing. Parameters (`Params`) have the defaults shown.

Annotators that are no people enter the labels with their own confusion matrix and nothing else:
agreement, gold scores, signals and scores are those of a run without them. They have a stage of
their own.

Files written: labels.parquet (item_id, answer, probability, n, and n_non_human where there are
machines), workers.parquet (a line a person), gold_items.parquet, anomalies.parquet, signals.parquet
(a line a person), scores.parquet (a line a row of a person, in the order of the input). Figures: a
key for each stage. The method pages are the modules named in the imports; docs/scoring.md
says what the numbers mean.

Version 1 knew neither times nor machines, and its method was always Dawid–Skene. Version 2 drew the
items behind an interval otherwise, and names decided which of equal pairs and classes were told.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gpu_jobs import backend, matrices, tables
from gpu_jobs.aggregation import methods
from gpu_jobs.aggregation.em import MAX_ITER, STOPS, TOL
from gpu_jobs.aggregation.labels import UNDECIDED
from gpu_jobs.agreement import alpha, fleiss, gwet, intra, kappa, percent
from gpu_jobs.agreement.bootstrap import RESAMPLES
from gpu_jobs.anomalies import seconds as anomaly
from gpu_jobs.anomalies.signals import combine
from gpu_jobs.anomalies.survey import Survey, signal_table, survey
from gpu_jobs.answers import LEVELS, NO_GOLD, Answers, cells, encode
from gpu_jobs.contracts import InputError, Report, Result, Spec, check_names, is_texts
from gpu_jobs.gold import posterior as gold
from gpu_jobs.gold import suspects
from gpu_jobs.stages import Stages
from gpu_jobs.types import typed

COLUMNS = ("submission_id", "item_id", "worker_id", "answer")
CLOSED = ("nominal", "ordinal")
METHOD = {1: "dawid-skene", 2: methods.AUTO, 3: methods.AUTO}
"""What each version aggregates with, unless the parameters name another."""


@dataclass(frozen=True, kw_only=True)
class Params:
    """classes: all allowed answers in their order, or null: those that are there.
    kappa_min_shared: items that two workers share before their kappa is given. resamples: draws
    of items behind an interval of agreement, with the seed of the run. signals: the names of those
    that are kept, or null: all. An undisclosed signal about people is not kept.
    """

    level: str = "nominal"
    method: str = methods.AUTO
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
    signals: list[str] | None = None

    @classmethod
    def of(cls, values: Mapping[str, Any], *, version: int = 3) -> Self:
        """Raises InputError for a parameter that is unknown or out of range."""
        check_names("quality", cls, values)
        for field in fields(cls):
            _check_type(field.name, values.get(field.name, field.default), field.default)
        params = cls(**{"method": METHOD[version], **values})
        allowed = {"level": LEVELS, "method": methods.METHODS, "stop": STOPS}
        for name, choices in allowed.items():
            if getattr(params, name) not in choices:
                raise InputError(f"{name} must be one of {', '.join(choices)}")
        return params


def _check_type(name: str, value: Any, default: Any) -> None:
    if default is None:
        fits, wanted = is_texts(value), "null or a list of strings"
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
    """people: the answers of people, coded without all others. everybody: with the machines, whose
    workers are True in `machine`, bool (W,). seconds, at: float64 (rows,), NaN where unknown; at
    None where the input has no such column. of_person: bool (rows,).
    """

    table: pa.Table
    seconds: np.ndarray
    at: np.ndarray | None
    people: Answers
    everybody: Answers
    machine: np.ndarray
    of_person: np.ndarray
    params: Params

    @property
    def has_machines(self) -> bool:
        return bool(self.machine.any())

    @property
    def among_all(self) -> Answers:
        """The answers of people, with the codes of everybody."""
        if not self.has_machines:
            return self.everybody
        all_ = self.everybody
        kept = ~self.machine[all_.worker]
        codes = {name: getattr(all_, name)[kept] for name in ("item", "worker", "value", "row")}
        return replace(all_, **codes)


def run(spec: Spec, *, workdir: Path, report: Report) -> Result:
    """All stages; see `runner.run` for resuming and errors."""
    params = Params.of(spec.params, version=spec.version)
    digest = tables.sha256_of(Path(spec.input))
    stages = Stages(workdir=workdir, total=6 if spec.version == 1 else 7, report=report)
    stages.claim(spec, input_sha256=digest)
    data = _read(Path(spec.input), params)
    stages.make("agreement", lambda: (_agreement(data, spec.seed), {}))
    stages.make("labels", lambda: _labels(data, spec.seed))
    stages.make("gold", lambda: _gold(data))
    stages.make("anomalies", lambda: _anomalies(data, spec.seed))
    stages.make("scores", lambda: _scores(data, workdir))
    stages.make("matrices", lambda: (_matrices(data, workdir), {}))
    if spec.version > 1:
        stages.make("machines", lambda: (_machines(data, workdir), {}))
    return Result(
        kind=spec.kind,
        version=spec.version,
        input_sha256=digest,
        figures=stages.figures,
        files=stages.files,
    )


def _read(path: Path, params: Params) -> _Input:
    raw = tables.read_parquet(path)
    table = tables.clean(raw, required=COLUMNS, optional=("gold", "annotator"))
    if pc.count_distinct(table["submission_id"]).as_py() != table.num_rows:
        raise InputError("column submission_id holds the same id twice")
    seconds = _numbers(raw, "seconds")
    if seconds is None:
        seconds = np.full(table.num_rows, np.nan)
    names = tables.machine_ids(table)
    how: Any = {"repeats": params.repeats, "classes": params.classes}
    everybody = encode(table, **how)
    if not names:
        of_person, people = np.ones(table.num_rows, dtype=bool), everybody
    else:
        theirs = pc.is_in(table["worker_id"], value_set=pa.array(sorted(names), pa.string()))
        of_person = ~theirs.to_numpy()
        people = _rows_of(encode(table.filter(pa.array(of_person)), **how), of_person)
    return _Input(
        table=table,
        seconds=seconds,
        at=_numbers(raw, "at"),
        people=people,
        everybody=everybody,
        machine=np.isin(np.array(everybody.workers, dtype=object), sorted(names)),
        of_person=of_person,
        params=params,
    )


def _rows_of(answers: Answers, kept: np.ndarray) -> Answers:
    """The same with rows of the whole table, of which only those in `kept` were coded."""
    return replace(answers, row=np.flatnonzero(kept)[answers.row])


def _numbers(raw: pa.Table, name: str) -> np.ndarray | None:
    """A column of numbers, NaN where it is null; None without it. All finite and none below 0."""
    if name not in raw.column_names:
        return None
    try:
        column = raw[name].cast(pa.float64())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InputError(f"column {name} does not hold numbers") from error
    found = column.to_numpy(zero_copy_only=False).astype(np.float64)
    if np.any(np.isinf(found) | (found < 0)):
        raise InputError(f"column {name} holds a time below zero or without end")
    return found


def _agreement(data: _Input, seed: int) -> dict[str, Any]:
    answers = data.people
    draws: Any = {"resamples": data.params.resamples, "seed": seed}
    coefficients = (
        percent.percent_of(answers, **draws),
        fleiss.fleiss_kappa(answers, **draws),
        gwet.gwet_ac(answers, **draws),
    )
    counts = cells(answers.item, answers.value, len(answers.classes))
    pairs = kappa.kappas(answers, min_shared=data.params.kappa_min_shared)
    figures = {
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
    if answers.repeats and data.params.repeats == "keep":
        figures["intra"] = _with_themselves(data, draws)
    return figures


def _with_themselves(data: _Input, draws: dict[str, Any]) -> dict[str, Any]:
    """Agreement of people with their own answers to an item that they were given twice."""
    kinds = {"nominal": "choice", "ordinal": "ordinal"}
    task = typed(data.people, kinds.get(data.params.level, "number"))
    found = intra.intra_rater(data.people, task, level=data.params.level, **draws)
    return {
        "agreement": found.overall,
        "low": found.overall_low,
        "high": found.overall_high,
        "units": int(found.items.sum()),
        "workers": len(found.worker),
    }


def _labels(data: _Input, seed: int) -> tuple[dict[str, Any], dict[str, pa.Table]]:
    params = data.params
    machine = data.machine if data.has_machines else None
    found = methods.aggregate(
        data.everybody,
        method=params.method,
        max_iter=params.max_iter if params.method in methods.EM else None,
        tol=params.tol if params.method in methods.EM else None,
        stop=params.stop,
        seed=seed,
        fall_back=True,
        non_human=machine,
    )
    chosen = backend.pick()
    figures = found.figures | {"backend": chosen.name, "device": chosen.device}
    return figures, {
        "labels.parquet": methods.label_table(data.everybody, found.labels, machine),
    }


def _gold(data: _Input) -> tuple[dict[str, Any], dict[str, pa.Table]]:
    answers, params = data.people, data.params
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


def _anomalies(data: _Input, seed: int) -> tuple[dict[str, Any], dict[str, pa.Table]]:
    params = data.params
    table = data.table.filter(pa.array(data.of_person))
    codes = table["item_id"].combine_chunks().dictionary_encode().indices
    taken = data.seconds[data.of_person]
    found = anomaly.time_anomalies(
        codes.to_numpy(zero_copy_only=False).astype(np.int64),
        taken,
        threshold=params.anomaly_threshold,
        min_times=params.anomaly_min_times,
    )
    flag = np.select([found.fast, found.slow], ["fast", "slow"], "")
    figures: dict[str, Any] = {
        "fast": int(found.fast.sum()),
        "slow": int(found.slow.sum()),
        "timed": int((~np.isnan(taken)).sum()),
        "compared": int((~np.isnan(found.z)).sum()),
        "compared_with_project": int(found.by_project.sum()),
        "threshold": params.anomaly_threshold,
        "min_times": params.anomaly_min_times,
    }
    times = pa.table(
        {
            "submission_id": table["submission_id"],
            "anomaly": pa.array(flag.tolist(), pa.string(), mask=flag == ""),
            "z": pa.array(found.z, mask=np.isnan(found.z)),
            "against": pa.array(np.where(found.by_project, "project", "item").tolist()),
        }
    )
    signals = _survey(data, seed)
    figures |= {
        "signals": {name: int(each.speaks.sum()) for name, each in signals.signals.items()},
        "flagged_workers": int(signals.flags.flagged.sum()),
        "judged": {
            name: {
                "family": each.family,
                "threshold": each.threshold,
                "judged": int((~np.isnan(each.value)).sum()),
            }
            for name, each in signals.signals.items()
        },
        "absent": {
            name: why
            for name, why in signals.absent.items()
            if params.signals is None or name in params.signals
        },
    }
    return figures, {
        "anomalies.parquet": times,
        "signals.parquet": signal_table(data.people, signals),
    }


def _survey(data: _Input, seed: int) -> Survey:
    """The signals that may be kept, and the flags that these alone make."""
    answers, wanted = data.people, data.params.signals
    order = None if data.at is None else data.at[answers.row]
    if order is not None and np.isnan(order).any():
        # An order with gaps orders nothing.
        order = None
    found = survey(
        answers,
        order=order,
        times=data.seconds[answers.row],
        closed=data.params.level in CLOSED,
        seed=seed,
    )
    if wanted is None:
        return found
    kept = {name: each for name, each in found.signals.items() if name in wanted}
    flags = combine(kept.values(), len(answers.workers))
    return replace(found, signals=kept, flags=flags)


def _scores(data: _Input, workdir: Path) -> tuple[dict[str, Any], dict[str, pa.Table]]:
    """Rows that did not enter (blank, or a repeat that lost) have no scores but their time."""
    answers, among, rows = data.people, data.among_all, data.table.num_rows
    labels = methods.read_labels(workdir / "labels.parquet", data.everybody)
    counts = cells(answers.item, answers.value, len(answers.classes))
    others = percent.agreement_of_each(answers, counts)
    of_person = pa.array(data.of_person)
    columns = {
        "agrees_with_label": _spread(
            among,
            rows,
            among.value == labels.label[among.item],
            labels.label[among.item] != UNDECIDED,
        ),
        "label_probability": _spread(among, rows, labels.probability[among.item]),
        "gold_correct": _spread(
            answers,
            rows,
            answers.value == answers.gold[answers.item],
            answers.gold[answers.item] != NO_GOLD,
        ),
        "item_agreement": _spread(answers, rows, others, ~np.isnan(others)),
    }
    found = pa.table(
        {"submission_id": data.table["submission_id"], **columns},
    ).filter(of_person)
    flags = tables.read_parquet(workdir / "anomalies.parquet")["anomaly"]
    found = found.add_column(found.column_names.index("item_agreement"), "anomaly", flags)
    figures = {"submissions": int(data.of_person.sum()), "scored": len(answers)}
    return figures, {"scores.parquet": found.combine_chunks()}


def _matrices(data: _Input, workdir: Path) -> dict[str, Any]:
    """What a page draws: kappas of the busiest, answers against labels and gold, sure labels."""
    answers, among = data.people, data.among_all
    labels = methods.read_labels(workdir / "labels.parquet", data.everybody)
    people = matrices.kappa_matrix(answers, min_shared=data.params.kappa_min_shared)
    against = {
        "labels": matrices.confusion(among, labels.label),
        "gold": matrices.confusion(among, among.gold),
    }
    return {
        "people": matrices.kappa_figures(people, answers.workers),
        "confusion": {
            "classes": [among.classes[code] for code in against["labels"].classes],
            **{name: found.counts.tolist() for name, found in against.items()},
        },
        "reliable": matrices.reliable(labels, data.everybody.gold),
    }


def _machines(data: _Input, workdir: Path) -> dict[str, Any]:
    """Each annotator that is no person: answers, those equal to the label, and its gold score."""
    if not data.has_machines:
        return {}
    answers = data.everybody
    labels = methods.read_labels(workdir / "labels.parquet", answers)
    size = len(answers.workers)
    decided = labels.label[answers.item] != UNDECIDED
    equal = decided & (answers.value == labels.label[answers.item])
    scores = gold.gold_scores(answers, k=data.params.prior, decisive=data.params.decisive_gold)
    given, labelled, agreed = (
        np.bincount(answers.worker[kept], minlength=size)
        for kept in (np.ones(len(answers), dtype=bool), decided, equal)
    )
    return {
        answers.workers[code]: {
            "answers": int(given[code]),
            "labelled": int(labelled[code]),
            "agreed": int(agreed[code]),
            "gold": int(scores.gold[code]),
            "correct": int(scores.correct[code]),
            "q": float(scores.q[code]),
            "low": float(scores.low[code]),
            "high": float(scores.high[code]),
        }
        for code in np.flatnonzero(data.machine).tolist()
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
