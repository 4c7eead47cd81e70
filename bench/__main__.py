"""`python -m bench`: measure everything, write docs/benchmarks.md, leave nothing running."""

import datetime as dt
import fcntl
import os
import sys
import tempfile
from pathlib import Path
from time import monotonic

from bench import ledger, report, scoring, turns
from marketplace.runtime import RuntimeFault

PAGE = turns.ROOT / "docs" / "benchmarks.md"
VAR = turns.ROOT / ".var"


def main() -> int:
    VAR.mkdir(exist_ok=True)
    with (VAR / "bench.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another benchmark of this checkout runs; two would disturb each other.")
            return 1
        try:
            _measure()
        except (RuntimeError, RuntimeFault) as fault:
            print(f"The benchmark ended without a result: {fault}", file=sys.stderr)
            return 1
    return 0


def _measure() -> None:
    start, before = monotonic(), os.getloadavg()[0]
    posted = ledger.run()
    # After the ledger: its instance has the same folder, and takes it away at both ends.
    (VAR / ledger.INSTANCE).mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="scoring-", dir=VAR / ledger.INSTANCE) as folder:
        scored = scoring.run(Path(folder))
    text = report.document(
        scored,
        posted,
        today=dt.datetime.now(dt.UTC).date(),
        seconds=monotonic() - start,
        load=(before, os.getloadavg()[0]),
    )
    PAGE.write_text(text, encoding="utf-8")
    print(text)
    print(f"Written: {PAGE.relative_to(turns.ROOT)}")


if __name__ == "__main__":
    sys.exit(main())
