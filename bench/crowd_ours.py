"""The timed jobs of `gpu_jobs`, from a table of strings in memory to the result."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from bench import turns
from gpu_jobs import tables
from gpu_jobs.aggregation.dawid_skene import dawid_skene
from gpu_jobs.aggregation.glad import glad, log_posterior_at
from gpu_jobs.aggregation.labels import UNDECIDED, Labels, accuracy
from gpu_jobs.aggregation.mace import log_likelihood_at, mace
from gpu_jobs.aggregation.majority import majority
from gpu_jobs.aggregation.methods import METHODS, aggregate
from gpu_jobs.aggregation.tally import Tally
from gpu_jobs.agreement import alpha
from gpu_jobs.answers import Answers, encode

STEPS = (2, 5, 12, 25)


def _labels(answers: Answers, labels: Labels, iterations: int | None = None) -> dict[str, Any]:
    return {
        "accuracy": accuracy(labels, answers.gold),
        "iterations": iterations,
        "labels": {
            item: None if code == UNDECIDED else answers.classes[code]
            for item, code in zip(answers.items, labels.label.tolist(), strict=True)
        },
    }


def main() -> None:
    # The command of the product repeats its alpha with the package where that fits; here the
    # package is the peer and must not run inside the time of what is compared with it.
    alpha.PACKAGE_CELLS = 0
    table = tables.read_crowd(Path(sys.argv[1]))

    def vote() -> dict[str, Any]:
        answers = encode(table, repeats="keep")
        found = majority(answers)
        return {"after": lambda: _labels(answers, found)}

    def em() -> dict[str, Any]:
        answers = encode(table, repeats="keep")
        found = dawid_skene(answers)
        return {"after": lambda: _labels(answers, found.labels, found.iterations)}

    def agree() -> dict[str, Any]:
        found = alpha.alpha_of(encode(table, repeats="keep"), level="nominal")
        return {"after": lambda: {"alpha": found.alpha}}

    def codes() -> dict[str, Any]:
        encode(table, repeats="keep")
        return {"after": dict}

    answers = encode(table, repeats="keep")

    def fitted(method: str) -> turns.Job:
        def run() -> dict[str, Any]:
            found = aggregate(answers, method=method)
            return {"after": lambda: found.figures}

        return run

    def steps(method: str, count: int) -> turns.Job:
        """That many iterations, from the same start, whatever the stop rule says."""

        def run() -> dict[str, Any]:
            tally = Tally.of(answers)
            if method == "dawid-skene":
                fit: Any = dawid_skene(
                    answers, tally=tally, max_iter=count, tol=0, stop="likelihood"
                )
            elif method == "glad":
                fit = glad(answers, tally=tally, max_iter=count, tol=0)
            else:
                fit = mace(answers, tally=tally, max_iter=count, tol=0, starts=1)
            return {"after": lambda: {"iterations": fit.iterations}}

        return run

    def at() -> dict[str, Any]:
        """How good the peer's parameters are, by our formulas; from the file it has written."""
        found = json.loads(Path(sys.argv[1] + ".peer.json").read_text(encoding="utf-8"))
        tally, done = Tally.of(answers), {}
        if "glad" in found:
            ability = np.array([found["glad"]["alpha"][name] for name in answers.workers])
            log_beta = np.array([found["glad"]["beta"][name] for name in answers.items])
            done["glad"] = log_posterior_at(tally, ability, log_beta)
        for name in ("mace", "mace-em"):
            if name in found:
                one, pairs = found[name], tally.pairs
                trust = np.array([one["trust"][each] for each in answers.workers])
                column = [one["labels"].index(each) for each in answers.classes]
                habit = np.array([one["habit"][each] for each in answers.workers])[:, column]
                done[name] = log_likelihood_at(tally, trust, habit[pairs.owner, pairs.value])
        return {"after": lambda: done}

    named = {f"fit {name}": fitted(name) for name in METHODS} | {
        f"{method} {count}": steps(method, count)
        for method in ("dawid-skene", "glad", "mace")
        for count in STEPS
    }
    turns.serve(
        named | {"at": at, "codes": codes, "majority": vote, "dawid-skene": em, "alpha": agree}
    )


if __name__ == "__main__":
    main()
