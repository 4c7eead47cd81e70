"""docs/benchmarks.md, a section a part: a part that is measured alone replaces its own section."""

import datetime as dt
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from bench import turns

PAGE = turns.ROOT / "docs" / "benchmarks.md"
HEAD = (
    "# Benchmarks\n\n"
    "Written by `make bench`, or one section of it by `make bench ARGS=<part>`; do not edit. Peer"
    " and product ran in turns on one machine, so the ratios say more than the absolute numbers"
    " below them. Each section names its day, its machine, and the machine's load before and after"
    " (average of a minute, ours included); other work on it was not stopped, and a wide range is"
    " that other work.\n"
)


def section(title: str, lines: Iterable[str], *, seconds: float, before: float) -> str:
    """before: the machine's load when the part began."""
    measured = (
        f"Measured on {dt.datetime.now(dt.UTC).date().isoformat()} in {seconds / 60:.1f} minutes:"
        f" {_processor()}, {os.process_cpu_count()} cores, {_memory()} GiB, {platform.system()}"
        f" {platform.release().split('-')[0]}, Python {platform.python_version()}; load"
        f" {before:.1f} before, {os.getloadavg()[0]:.1f} after."
    )
    return "\n".join([f"## {title}", "", measured, "", *lines]) + "\n"


def write(fresh: Mapping[str, str], titles: Sequence[str]) -> None:
    """Put the measured sections in their places; those not measured now stay as they are."""
    known = _sections(PAGE.read_text(encoding="utf-8")) if PAGE.exists() else {}
    known |= fresh
    text = "\n".join([HEAD, *(known[title] for title in titles if title in known)])
    PAGE.write_text(text, encoding="utf-8")


def _sections(text: str) -> dict[str, str]:
    parts = text.split("\n## ")[1:]
    return {part.partition("\n")[0]: f"## {part.rstrip()}\n" for part in parts}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def number(value: float) -> str:
    """Two digits that count, three from 100 on."""
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def ratio(found: Mapping[str, float]) -> str:
    low, high = number(found["min"]), number(found["max"])
    return f"{number(found['median'])} ({low} – {high})"


def counted(clients: int) -> str:
    return "1 client" if clients == 1 else f"{clients} clients"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory() -> str:
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f}"
