"""The timed jobs of the peers, from a data frame of strings in memory to the result.

Runs in the peers' own virtual environment and imports nothing of this project but `bench.turns`.
"""

import sys
from importlib.metadata import version
from typing import Any

import krippendorff
import numpy as np
import pandas as pd
from crowdkit.aggregation import DawidSkene, MajorityVote

from bench import turns


def _labels(
    probabilities: pd.DataFrame, labels: pd.Series, gold: pd.Series, iterations: int | None = None
) -> dict[str, Any]:
    """Accuracy with ties (within 1e-9 of the top) split evenly, as ours."""
    values = probabilities.to_numpy(dtype=float)
    tied = values >= values.max(axis=1, keepdims=True) - 1e-9
    known = gold.reindex(probabilities.index)
    right = tied & (probabilities.columns.to_numpy()[None, :] == known.to_numpy()[:, None])
    share = right.sum(axis=1) / tied.sum(axis=1)
    some = known.notna().to_numpy()
    return {
        "accuracy": float(share[some].mean()) if some.any() else None,
        "iterations": iterations,
        "labels": labels.to_dict(),
    }


def main() -> None:
    read = pd.read_csv(sys.argv[1], dtype=str, keep_default_na=False)
    frame = read.rename(columns={"item_id": "task", "worker_id": "worker", "answer": "label"})
    gold = frame[frame["gold"] != ""].drop_duplicates("task").set_index("task")["gold"]
    frame = frame[["task", "worker", "label"]]

    def vote() -> dict[str, Any]:
        made = MajorityVote().fit(frame)
        return {"after": lambda: _labels(made.probas_, made.labels_, gold)}

    def em() -> dict[str, Any]:
        made = DawidSkene(n_iter=100).fit(frame)
        return {"after": lambda: _labels(made.probas_, made.labels_, gold, len(made.loss_history_))}

    def agree() -> dict[str, Any]:
        # The smaller of the package's two inputs; the other is workers × items.
        item, value = frame["task"].factorize()[0], frame["label"].factorize()[0]
        classes = value.max() + 1
        counts = np.bincount(item * classes + value, minlength=(item.max() + 1) * classes)
        found = krippendorff.alpha(
            value_counts=counts.reshape(-1, classes), level_of_measurement="nominal"
        )
        return {"after": lambda: {"alpha": float(found)}}

    def versions() -> dict[str, Any]:
        names = ("crowd-kit", "krippendorff", "numpy", "pandas")
        return {"after": lambda: {name: version(name) for name in names}}

    turns.serve({"majority": vote, "dawid-skene": em, "alpha": agree, "versions": versions})


if __name__ == "__main__":
    main()
