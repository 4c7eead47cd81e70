"""`python -m bench.scoring_scale ANSWERS`: Dawid–Skene at one size, in a process of its own.

One JSON line: seconds an iteration, seconds of a fit with the default rule, peak memory in GiB, of
which `before` was there before the fit (the interpreter, its libraries and the codes).
"""

import json
import sys
from pathlib import Path
from statistics import median
from time import process_time

import numpy as np

from bench.scoring_methods import codes
from gpu_jobs.aggregation.dawid_skene import dawid_skene
from gpu_jobs.answers import Answers

WORKERS, CLASSES, OVERLAP = 1_000, 4, 10


REPEATS = 5
FEW, MANY = 1, 4
"""Iterations; a crowd this easy is done after a few more."""


def _peak() -> float:
    """Of this program alone: what getrusage says may be the peak of the one that started it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 2**20


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
    before, slopes = _peak(), []
    for _ in range(REPEATS):
        seconds = []
        for count in (FEW, MANY):
            start = process_time()
            done = dawid_skene(answers, max_iter=count, tol=0, stop="likelihood").iterations
            seconds.append(process_time() - start)
            if done != count:
                raise RuntimeError(f"stopped by itself after {done} iterations")
        slopes.append((seconds[1] - seconds[0]) / (MANY - FEW))
    start = process_time()
    fit = dawid_skene(answers)
    whole = process_time() - start
    found = {
        "answers": size,
        "iteration": median(slopes),
        "fit": whole,
        "iterations": fit.iterations,
        "before": before,
        "peak": _peak(),
    }
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
