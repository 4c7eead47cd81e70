"""`python -m bench.scoring_scale ANSWERS`: Dawid–Skene at one size, in a process of its own.

One JSON line: seconds an iteration, seconds of a fit with the default rule, peak memory in GiB, of
which `before` was there before the fit (the interpreter, its libraries and the codes).
"""

import json
import resource
import sys
from time import process_time

import numpy as np

from bench.scoring_methods import codes
from gpu_jobs.aggregation.dawid_skene import dawid_skene
from gpu_jobs.answers import Answers

WORKERS, CLASSES, OVERLAP = 1_000, 4, 10


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    size = int(sys.argv[1])
    items = size // OVERLAP
    made = codes(items, OVERLAP, WORKERS, CLASSES)
    answers = Answers(
        item=made["item"],
        worker=made["worker"],
        value=made["value"],
        row=np.arange(size),
        items=[""] * items,
        workers=[""] * WORKERS,
        classes=[str(code) for code in range(CLASSES)],
        gold=made["truth"],
        classes_from="numbers",
        missing=0,
        repeats=0,
    )
    before, seconds, done = _peak(), {}, {}
    for count in (5, 15):
        start = process_time()
        done[count] = dawid_skene(answers, max_iter=count, tol=0, stop="likelihood").iterations
        seconds[count] = process_time() - start
    start = process_time()
    fit = dawid_skene(answers)
    whole = process_time() - start
    found = {
        "answers": size,
        "iteration": (seconds[15] - seconds[5]) / max(done[15] - done[5], 1),
        "fit": whole,
        "iterations": fit.iterations,
        "before": before,
        "peak": _peak(),
    }
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
