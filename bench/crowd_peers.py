"""The timed jobs of the peers, from a data frame of strings in memory to the result.

Runs in the peers' own virtual environment and imports nothing of this project but `bench.turns`.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import krippendorff
import numpy as np
import pandas as pd
from crowdkit.aggregation import GLAD, MACE, DawidSkene, MajorityVote, OneCoinDawidSkene

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


NAMES = ("majority", "dawid-skene", "one-coin", "glad", "mace", "mace-em")
STEPS = (1, 2, 3, 5, 12)


def _new(name: str, steps: int | None = None) -> Any:
    """With its defaults; with `steps` as many iterations as that, if it lets itself be held."""
    if name == "majority":
        return MajorityVote()
    if name == "dawid-skene":
        return DawidSkene(n_iter=steps or 100, tol=1e-5 if steps is None else -1.0)
    if name == "one-coin":
        return OneCoinDawidSkene(n_iter=100)
    if name == "glad":
        return GLAD() if steps is None else GLAD(n_iter=steps, tol=-1e9)
    if steps is None:
        return MACE(method="em" if name == "mace-em" else "vb")
    return MACE(n_restarts=1, n_iter=steps)


def _kept(name: str, made: Any, frame: pd.DataFrame, gold: pd.Series, path: str) -> dict[str, Any]:
    """Accuracy; the parameters go beside the crowd's file, to be judged by the other side."""
    beside = Path(path + ".peer.json")
    found = json.loads(beside.read_text(encoding="utf-8")) if beside.exists() else {}
    if name == "glad":
        found[name] = {"alpha": made.alphas_.to_dict(), "beta": made.betas_.to_dict()}
    elif name.startswith("mace"):
        workers = list(pd.factorize(frame["worker"])[1])
        trust = made.spamming_ / made.spamming_.sum(axis=1, keepdims=True)
        habit = np.asarray(made.thetas_)
        habit = habit / habit.sum(axis=1, keepdims=True)
        found[name] = {
            "trust": dict(zip(workers, trust[:, 1].tolist(), strict=True)),
            "habit": dict(zip(workers, habit.tolist(), strict=True)),
            "labels": list(pd.factorize(frame["label"])[1]),
        }
    beside.write_text(json.dumps(found), encoding="utf-8")
    iterations = len(made.loss_history_) if hasattr(made, "loss_history_") else None
    if name.startswith("mace"):
        iterations = made.n_restarts * made.n_iter
    kept = _labels(made.probas_, made.labels_, gold, iterations)
    kept.pop("labels")
    return kept


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

    def fitted(name: str) -> turns.Job:
        def run() -> dict[str, Any]:
            made = _new(name).fit(frame.copy())
            return {"after": lambda: _kept(name, made, frame, gold, sys.argv[1])}

        return run

    def steps(name: str, count: int) -> turns.Job:
        def run() -> dict[str, Any]:
            made = _new(name, count).fit(frame.copy())
            done = getattr(made, "loss_history_", None)
            return {"after": lambda: {"iterations": count if done is None else len(done)}}

        return run

    named = {f"fit {name}": fitted(name) for name in NAMES} | {
        f"{name} {count}": steps(name, count)
        for name in ("dawid-skene", "glad", "mace")
        for count in STEPS
    }

    def versions() -> dict[str, Any]:
        names = ("crowd-kit", "krippendorff", "numpy", "pandas")
        return {"after": lambda: {name: version(name) for name in names}}

    turns.serve(named | {"majority": vote, "dawid-skene": em, "alpha": agree, "versions": versions})


if __name__ == "__main__":
    main()
