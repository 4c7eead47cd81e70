"""The timed jobs of the peers: pyDVL, and scikit-learn's fits of the same coalitions alone.

Runs in the peers' own virtual environment and imports nothing of this project but `bench.turns`.
"""

import sys
import warnings
from importlib.metadata import version
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
from joblib import Parallel, delayed, parallel_config
from pydvl.valuation import (
    Dataset,
    DeterministicUniformSampler,
    FiniteSequentialIndexIteration,
    GroupedDataset,
    ModelUtility,
    NoStopping,
    ShapleyValuation,
    SupervisedScorer,
)
from pydvl.valuation.types import Sample
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_info

from bench import turns

GUESS = 0.5


def _model() -> LogisticRegression:
    return LogisticRegression(max_iter=1_000)


def _score(data: dict[str, np.ndarray], who: tuple[int, ...]) -> float:
    rows = np.isin(data["group"], who)
    fitted = _model().fit(data["train"][rows], data["label"][rows])
    return float(fitted.score(data["test"], data["right"]))


class _Fits:
    """Accuracy, and how often it was asked for: once a model."""

    def __init__(self) -> None:
        self.count = 0

    def score(self, model: LogisticRegression, features: np.ndarray, label: np.ndarray) -> float:
        self.count += 1
        return float(model.score(features, label))


class _Once(ModelUtility):
    """Trains each coalition once.

    pyDVL's own cache has the index in its key that a coalition was drawn for, and keeps nothing
    that took less than 0.3 s; with it, as without it, each of the 1,023 is trained ten times.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.known: dict[tuple[int, ...], float] = {}

    def __call__(self, sample: Sample | None) -> float:
        who = () if sample is None else tuple(sorted(int(code) for code in sample.subset))
        if who not in self.known:
            self.known[who] = super().__call__(sample)
        return self.known[who]


def main() -> None:
    data = dict(np.load(sys.argv[1]))
    workers = int(sys.argv[2])
    size = int(data["group"].max()) + 1
    names = [f"g{code:04d}" for code in range(size)]

    def fits() -> dict[str, Any]:
        sets = [who for count in range(1, size + 1) for who in combinations(range(size), count)]
        scores = Parallel(n_jobs=workers)(delayed(_score)(data, who) for who in sets)
        value = {(): GUESS, **dict(zip(sets, scores, strict=True))}
        found = np.zeros(size)
        for who, here in value.items():
            for code in set(range(size)) - set(who):
                gain = value[tuple(sorted((*who, code)))] - here
                found[code] += gain / (size * comb(size - 1, len(who)))
        values = dict(zip(names, found.tolist(), strict=True))
        return {"after": lambda: {"values": values, "models": len(sets)}}

    def pydvl() -> dict[str, Any]:
        train = GroupedDataset(data["train"], data["label"], data["group"])
        test = Dataset(data["test"], data["right"])
        asked = _Fits()
        utility = _Once(
            _model(),
            SupervisedScorer(asked.score, test, default=GUESS, range=(0.0, 1.0)),
            show_warnings=False,
        )
        sampler = DeterministicUniformSampler(index_iteration=FiniteSequentialIndexIteration)
        valuation = ShapleyValuation(utility, sampler, is_done=NoStopping(), progress=False)
        # Threads, since coalitions that are known are known in one process.
        with parallel_config(backend="threading", n_jobs=workers), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            valuation.fit(train)
        result = valuation.result
        values = {
            names[int(code)]: float(value)
            for code, value in zip(result.indices, result.values, strict=True)
        }
        return {"after": lambda: {"values": values, "models": asked.count}}

    def versions() -> dict[str, Any]:
        wanted = ("pydvl", "scikit-learn", "numpy", "scipy")
        return {"after": lambda: {name: version(name) for name in wanted}}

    def kernels() -> dict[str, Any]:
        found = {each.get("architecture", "") for each in threadpool_info()} - {""}
        return {"after": lambda: {"blas": ", ".join(sorted(found))}}

    turns.serve(
        {
            "fits": fits,
            "pydvl": pydvl,
            "versions": versions,
            "kernels": kernels,
        }
    )


if __name__ == "__main__":
    main()
