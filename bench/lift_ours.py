"""The timed jobs of `gpu_jobs`, from arrays in memory to values: `bench.lift`."""

import sys
from pathlib import Path
from typing import Any

import numpy as np

from bench import lift, turns
from gpu_jobs.lift.methods import Settings
from gpu_jobs.lift.run import measure


def main() -> None:
    data = dict(np.load(Path(sys.argv[1])))
    threads = int(sys.argv[2])
    # Without the control of chance, which the peers do not have.
    # Texts and tuples into arrays, once: the peers get arrays, too. The rotation of the features
    # and the bootstrap of the test rows, which the peers do not do, are inside the time.
    rows = lift.rows_of(data)

    def exact() -> dict[str, Any]:
        problem = lift.problem_of(rows)
        found = measure(problem, Settings(method="shapley-exact", chance=0), threads=threads)
        return {
            "after": lambda: {
                "values": {one.name: one.value for one in found.groups},
                "models": found.convergence["models"],
                "unsolved": found.convergence["models_not_converged"],
            }
        }

    turns.serve({"exact": exact, "kernels": lift.kernels})


if __name__ == "__main__":
    main()
