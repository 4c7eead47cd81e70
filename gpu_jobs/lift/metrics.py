"""What a model is worth on the test set: one number for each coalition and each resample.

Every metric is turned so that more is better (losses are negated). A metric takes chances
float32 (K, C, t) of K models, labels int64 (t,), resamples float32 (S, t), how often each test
row counts in each of S resamples, and the code of the positive class; it gives float64 (K, S).
A model that finds classes equally likely counts as a guess: its vote is split between them.
Undefined ratios (no positive row, none predicted) are 0.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from gpu_jobs.contracts import InputError

type Metric = Callable[[np.ndarray, np.ndarray, np.ndarray, int], np.ndarray]

_BINS = 10
_LEAST = 1e-12


def accuracy(
    chances: np.ndarray, label: np.ndarray, resamples: np.ndarray, positive: int
) -> np.ndarray:
    """Share of the rows whose likeliest class is right."""
    del positive
    return _mean(_of_label(_votes(chances), label), resamples)


def f1(chances: np.ndarray, label: np.ndarray, resamples: np.ndarray, positive: int) -> np.ndarray:
    """2·TP / (2·TP + FP + FN) of the positive class (C. J. van Rijsbergen, 1979)."""
    return _f1(_votes(chances)[:, positive], label == positive, resamples)


def macro_f1(
    chances: np.ndarray, label: np.ndarray, resamples: np.ndarray, positive: int
) -> np.ndarray:
    """Mean of the F1 of all classes."""
    del positive
    votes = _votes(chances)
    each = [_f1(votes[:, code], label == code, resamples) for code in range(votes.shape[1])]
    return np.mean(each, axis=0)


def log_loss(
    chances: np.ndarray, label: np.ndarray, resamples: np.ndarray, positive: int
) -> np.ndarray:
    """Minus the mean of −ln p of the right class, p at least 1e-12."""
    del positive
    return _mean(np.log(np.maximum(_of_label(chances, label), np.float32(_LEAST))), resamples)


def brier(
    chances: np.ndarray, label: np.ndarray, resamples: np.ndarray, positive: int
) -> np.ndarray:
    """Minus the mean of Σ_c (p_c − [c is right])² (G. W. Brier, Monthly Weather
    Review 78, 1950).
    """
    del positive
    wrong = (chances * chances).sum(axis=1) - 2 * _of_label(chances, label) + 1
    return _mean(-wrong, resamples)


def calibration(
    chances: np.ndarray, label: np.ndarray, resamples: np.ndarray, positive: int
) -> np.ndarray:
    """Minus the expected calibration error over 10 equal bins of the highest chance (C. Guo et
    al., "On Calibration of Modern Neural Networks", ICML 2017).
    """
    del positive
    sure = chances.max(axis=1)
    gap = _of_label(_votes(chances), label) - sure
    place = np.minimum((sure * _BINS).astype(np.int64), _BINS - 1)
    bins = [np.abs(_sum(np.where(place == code, gap, 0), resamples)) for code in range(_BINS)]
    return -np.sum(bins, axis=0) / resamples.sum(axis=1, dtype=np.float64)


def token_loss(
    written: np.ndarray, label: np.ndarray, resamples: np.ndarray, positive: int
) -> np.ndarray:
    """Minus the mean of −ln p over all tokens of the right answers, each after those before it.

    In the place of chances it takes float32 (K, 2, t), of each test row the sum of −ln p over the
    tokens of its right answer, and how many there are.
    """
    del label, positive
    return -_sum(written[:, 0], resamples) / _sum(written[:, 1], resamples)


TOKEN_LOSS = "token-loss"  # noqa: S105 - a name
"""The metric of recipes that write, and of no other."""


def of_rows(chances: np.ndarray, label: np.ndarray, *, writes: bool) -> np.ndarray:
    """float64 (K, t): the chance of each test row's right answer; where it is written, that of a
    token of it, the geometric mean.
    """
    found = np.exp(-chances[:, 0] / chances[:, 1]) if writes else _of_label(chances, label)
    return np.asarray(found, dtype=np.float64)


OUTSIDE = "O"
"""The class of a word in no span."""


def span_f1(
    chances: np.ndarray,
    label: np.ndarray,
    resamples: np.ndarray,
    outside: int,
    *,
    document: np.ndarray,
) -> np.ndarray:
    """2·hits / (spans found + spans there). A span is a run of words of one class but `outside`
    within a document; a hit has the same ends and the same class (E. F. Tjong Kim Sang, F. De
    Meulder, CoNLL 2003). document: int64 (t,), its words in a row.
    """
    begins = np.append(True, np.diff(document) != 0)
    found, found_end = _runs(chances.argmax(axis=1), begins)
    there, there_end = _runs(label[None, :], begins)
    named, right = chances.argmax(axis=1) != outside, label[None, :] != outside
    same = chances.argmax(axis=1) == label[None, :]
    hit = found & there & named & same & (found_end == there_end)
    both = _sum(found & named, resamples) + _sum(there & right, resamples)
    return np.where(both > 0, 2 * _sum(hit, resamples) / np.where(both > 0, both, 1), 0.0)


def _runs(code: np.ndarray, begins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of (K, t): where a run begins, and where the next one does after each place."""
    starts = np.ones(code.shape, dtype=bool)
    starts[:, 1:] = code[:, 1:] != code[:, :-1]
    starts |= begins
    size = code.shape[1]
    place = np.where(starts, np.arange(size), size)
    after = np.full(code.shape, size)
    after[:, :-1] = np.minimum.accumulate(place[:, ::-1], axis=1)[:, ::-1][:, 1:]
    return starts, after


def _unbound(
    _chances: np.ndarray, _label: np.ndarray, _resamples: np.ndarray, _positive: int
) -> np.ndarray:
    raise InputError("metric span-f1 needs to know which words are of one document")


METRICS: dict[str, Metric] = {
    "accuracy": accuracy,
    "macro-f1": macro_f1,
    "f1": f1,
    "log-loss": log_loss,
    "brier": brier,
    "ece": calibration,
    "span-f1": _unbound,
    TOKEN_LOSS: token_loss,
}


BEST: dict[str, float] = {
    "accuracy": 1.0,
    "macro-f1": 1.0,
    "f1": 1.0,
    "log-loss": 0.0,
    "brier": 0.0,
    "ece": 0.0,
    "span-f1": 1.0,
    TOKEN_LOSS: 0.0,
}
"""The most that each can be."""


def metric_of(name: str, document: np.ndarray | None = None) -> Metric:
    """Document: of each test row, for the metrics that look at several rows at once."""
    if name == "span-f1" and document is not None:
        return partial(span_f1, document=document)
    if name not in METRICS:
        raise InputError(f"metric must be one of {', '.join(METRICS)}, not {name!r}")
    return METRICS[name]


def draws(rows: int, resamples: int, seed: int) -> np.ndarray:
    """float32 (1 + resamples, rows): the test set itself, then bootstrap draws of its rows."""
    rng = np.random.default_rng([seed, 1])
    drawn = rng.multinomial(rows, np.full(rows, 1 / rows), size=resamples)
    return np.vstack([np.ones((1, rows)), drawn]).astype(np.float32)


def _votes(chances: np.ndarray) -> np.ndarray:
    top = chances >= chances.max(axis=1, keepdims=True)
    return (top / top.sum(axis=1, keepdims=True)).astype(np.float32)


def _of_label(values: np.ndarray, label: np.ndarray) -> np.ndarray:
    """(K, t): the entry of each row's right class."""
    return np.take_along_axis(values, label[None, None, :], axis=1)[:, 0]


def _sum(values: np.ndarray, resamples: np.ndarray) -> np.ndarray:
    return (values.astype(np.float32) @ resamples.T).astype(np.float64)


def _mean(values: np.ndarray, resamples: np.ndarray) -> np.ndarray:
    return _sum(values, resamples) / resamples.sum(axis=1, dtype=np.float64)


def _f1(votes: np.ndarray, positive: np.ndarray, resamples: np.ndarray) -> np.ndarray:
    hit = _sum(votes * positive, resamples)
    both = _sum(votes, resamples) + resamples @ positive.astype(np.float32)
    return np.where(both > 0, 2 * hit / np.where(both > 0, both, 1), 0.0)
