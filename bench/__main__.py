"""`python -m bench [part …]`: measure, write docs/benchmarks.md, leave nothing running."""

import fcntl
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from bench import (
    books,
    ledger,
    lift,
    ocr_report,
    page,
    report,
    robustness,
    scoring,
    signals,
    turns,
)
from bench.flow import report as flow
from bench.pages import report as pages
from marketplace.runtime import RuntimeFault

VAR = turns.ROOT / ".var"


@dataclass(frozen=True, kw_only=True)
class Part:
    """One section of the page: `lines` measures and gives what stands below its heading."""

    title: str
    lines: Callable[[], list[str]]


def _scoring() -> list[str]:
    (VAR / "bench").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="scoring-", dir=VAR / "bench") as folder:
        return report.scoring_lines(scoring.run(Path(folder)))


def _lift() -> list[str]:
    (VAR / "bench").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="lift-", dir=VAR / "bench") as folder:
        return lift.lines(lift.run(Path(folder)))


PARTS = {
    "scoring": Part(title="Scoring: `gpu_jobs` against crowd-kit and krippendorff", lines=_scoring),
    "robustness": Part(
        title="Robustness: spammers, colluders and adversaries", lines=robustness.lines
    ),
    "signals": Part(
        title="Gold, online scores, planning and pre-labels on real crowds", lines=signals.lines
    ),
    "lift": Part(title="Lift: batched coalitions beside pyDVL, and calibration", lines=_lift),
    "ocr": Part(title="OCR: reading generated pictures from 4,000 of them", lines=ocr_report.lines),
    "ledger": Part(
        title="Ledger: `ledger_post` beside pgledger and a plain INSERT",
        lines=lambda: report.ledger_lines(ledger.run()),
    ),
    "books": Part(
        title="Books: `check_ledger` and `check_books` on millions of transfers",
        lines=books.measured_books,
    ),
    "flow": Part(
        title="Flow: claim and submit over HTTP against Label Studio", lines=flow.measured_flow
    ),
    "pages": Part(title="Pages: Chromium's view of the four main ones", lines=pages.measured_pages),
    "claims": Part(title="Claims: a million items against a thousand", lines=flow.measured_growth),
}


def main() -> int:
    wanted = sys.argv[1:] or list(PARTS)
    unknown = [name for name in wanted if name not in PARTS]
    if unknown:
        print(f"No such part: {', '.join(unknown)}. There are: {', '.join(PARTS)}.")
        return 2
    VAR.mkdir(exist_ok=True)
    with (VAR / "bench.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another benchmark of this checkout runs; two would disturb each other.")
            return 1
        for name in wanted:
            try:
                _measure(PARTS[name])
            except (RuntimeError, RuntimeFault) as fault:
                print(f"{name} ended without a result: {fault}", file=sys.stderr)
                return 1
    print(f"Written: {page.PAGE.relative_to(turns.ROOT)}")
    return 0


def _measure(part: Part) -> None:
    start, before = monotonic(), os.getloadavg()[0]
    lines = part.lines()
    text = page.section(part.title, lines, seconds=monotonic() - start, before=before)
    # Written at once: a later part that fails takes nothing away.
    page.write({part.title: text}, [one.title for one in PARTS.values()])
    print(text)


if __name__ == "__main__":
    sys.exit(main())
