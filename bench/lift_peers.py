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
from pydvl.utils.caching.memory import InMemoryCacheBackend
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
from sklearn.linear_model import LogisticRegression

from bench import turns

GUESS = 0.5


def _model() -> LogisticRegression:
    return LogisticRegression(max_iter=1_000)


def _score(data: dict[str, np.ndarray], who: tuple[int, ...]) -> float:
    rows = np.isin(data["group"], who)
    fitted = _model().fit(data["train"][rows], data["label"][rows])
    return float(fitted.score(data["test"], data["right"]))


def main() -> None:
    data = dict(np.load(sys.argv[1]))
    workers = int(sys.argv[2])
    size = int(data["group"].max()) + 1
    names = [f"g{code:04d}" for code in range(size)]

    def exact() -> dict[str, Any]:
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
        cache = InMemoryCacheBackend()
        utility = ModelUtility(
            _model(),
            SupervisedScorer("accuracy", test, default=GUESS, range=(0.0, 1.0)),
            show_warnings=False,
            cache_backend=cache,
        )
        sampler = DeterministicUniformSampler(index_iteration=FiniteSequentialIndexIteration)
        valuation = ShapleyValuation(utility, sampler, is_done=NoStopping(), progress=False)
        # Threads, since its cache, which trains each coalition once, is of one process.
        with parallel_config(backend="threading", n_jobs=workers), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            valuation.fit(train)
        result = valuation.result
        values = {
            names[int(code)]: float(value)
            for code, value in zip(result.indices, result.values, strict=True)
        }
        return {"after": lambda: {"values": values, "models": cache.stats.misses}}

    def versions() -> dict[str, Any]:
        wanted = ("pydvl", "scikit-learn", "numpy", "scipy")
        return {"after": lambda: {name: version(name) for name in wanted}}

    turns.serve({"exact": exact, "pydvl": pydvl, "versions": versions})


if __name__ == "__main__":
    main()
