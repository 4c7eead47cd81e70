"""Two child processes that take turns, so that both meet the same moods of a shared machine.

Standard library only: the peer's own virtual environment imports this too.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[1]
PYTHON = Path(sys.executable)
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)
"""Holds numpy, scipy, scikit-learn and (through OpenMP's variable) pyarrow to one thread."""

type Job = Callable[[], dict[str, Any]]


def serve(jobs: dict[str, Job]) -> None:
    """Run the job named on each line of stdin; answer {"wall", "cpu", "answer"} as a JSON line.

    Seconds; cpu is user and system time of all threads of this process. A job that fails
    answers {"fault"}. An answer is made outside the time: a job returns a function's results
    under "after", a callable that turns them into JSON values.
    """
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    # Whatever a library prints must not be read as an answer.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for line in sys.stdin:
        try:
            wall, cpu = perf_counter(), process_time()
            done = jobs[line.strip()]()
            wall, cpu = perf_counter() - wall, process_time() - cpu
            reply = {"wall": wall, "cpu": cpu, "answer": done["after"]()}
        except Exception as fault:  # noqa: BLE001 - "the peer cannot" is a result here
            reply = {"fault": f"{type(fault).__name__}: {fault}".splitlines()[0]}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


class Runner(AbstractContextManager["Runner"]):
    """One such child: module `module` under interpreter `python`, arguments `arguments`.

    `env` is its whole environment, this process's own if it is None.
    """

    def __init__(
        self, python: Path, module: str, *arguments: str, env: Mapping[str, str] | None = None
    ) -> None:
        self._child = subprocess.Popen(
            [python, "-m", module, *arguments],
            cwd=ROOT,
            env={**(os.environ if env is None else env), **ONE_THREAD},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_fault: object) -> None:
        self._child.kill()
        self._child.communicate()

    def do(self, job: str) -> dict[str, Any]:
        assert self._child.stdin
        assert self._child.stdout
        try:
            self._child.stdin.write(job + "\n")
            self._child.stdin.flush()
            line = self._child.stdout.readline()
        except BrokenPipeError:
            line = ""
        # No line: the process died, for want of memory perhaps.
        return json.loads(line) if line else {"fault": f"ended with code {self._child.wait()}"}


def spread(values: Iterable[float]) -> dict[str, float]:
    """Median, least and greatest."""
    listed = list(values)
    return {"median": median(listed), "min": min(listed), "max": max(listed)}
