"""Whether a process that a pid file names is still the one that wrote it."""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

POLL_SECONDS = 0.02


def is_process(pid: int, *needles: str) -> bool:
    """Whether `pid` is alive, is no zombie, and has every needle in its command line.

    A pid alone proves nothing: after a crash or a restart of the machine the number may belong
    to another program.
    """
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (OSError, IndexError, UnicodeDecodeError):
        return False
    return state not in {"Z", "X"} and all(needle in command for needle in needles)


def wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Poll `condition` until it holds or `seconds` have passed; return whether it held."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(POLL_SECONDS)
    return True


def send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def tail(path: Path, lines: int = 15) -> str:
    """The last lines of a log file, or an empty string when there is none."""
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
