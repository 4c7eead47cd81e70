"""The timed jobs of `gpu_jobs`, from a table of strings in memory to the result."""

import sys
from pathlib import Path
from typing import Any

from bench import turns
from gpu_jobs import tables
from gpu_jobs.aggregation.dawid_skene import dawid_skene
from gpu_jobs.aggregation.labels import UNDECIDED, Labels, accuracy
from gpu_jobs.aggregation.majority import majority
from gpu_jobs.agreement import alpha
from gpu_jobs.answers import Answers, encode


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

    turns.serve({"codes": codes, "majority": vote, "dawid-skene": em, "alpha": agree})


if __name__ == "__main__":
    main()
