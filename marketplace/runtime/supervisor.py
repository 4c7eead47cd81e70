"""Start processes, restart those that die, and stop all of them, whatever happens meanwhile."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from marketplace.runtime.places import RuntimeFault
from marketplace.runtime.processes import tail

RESTARTS_MAX = 5
STOP_SECONDS = 15
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class Stopped(Exception):
    """Somebody pressed Ctrl-C or sent SIGTERM."""


def _die_with_parent() -> None:
    # A supervisor that is killed cannot stop its children, so the kernel does it.
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass(kw_only=True)
class Child:
    """One supervised process; `restarts` counts how often it came back."""

    name: str
    command: list[str]
    env: Mapping[str, str]
    cwd: Path
    log: Path
    process: subprocess.Popen[bytes] | None = None
    restarts: int = 0
    log_start: int = 0
    # Speaks in the terminal instead of the log.
    inherit: bool = False

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.log_start = log.tell()
            self.process = subprocess.Popen(  # noqa: S603 - our own programs
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=None if self.inherit else log,
                stderr=None if self.inherit else subprocess.STDOUT,
                cwd=self.cwd,
                env=dict(self.env),
                # Ctrl-C in the terminal is for the supervisor, which stops children in order.
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - this process has one thread
            )

    def said(self, text: str) -> bool:
        """Whether its log has `text` since its last start."""
        with self.log.open("rb") as log:
            log.seek(self.log_start)
            return text.encode() in log.read()

    def stop(self) -> None:
        """Ask it to end; after 15 seconds end it and what it started."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            # Its own session, so what it started and left behind goes too.
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None


@dataclass(kw_only=True)
class Supervisor:
    """Children in the order of their start, and servers that can say whether they run.

    `servers` maps a name to a function that starts the server unless it runs and returns whether
    it had to.
    """

    say: Callable[[str], object] = field(default=lambda line: print(line, flush=True))  # noqa: T201
    children: list[Child] = field(default_factory=list)
    servers: dict[str, Callable[[], bool]] = field(default_factory=dict)
    stopping: bool = False

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """Turn Ctrl-C, SIGTERM and a closed terminal into Stopped at the next safe point."""

        def note(_number: int, _frame: object) -> None:
            self.stopping = True

        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, note) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def pause(self, seconds: float = 0.1) -> None:
        """A safe point: raise Stopped if asked to stop, else wait a little."""
        if self.stopping:
            raise Stopped
        time.sleep(seconds)
        if self.stopping:
            raise Stopped

    def add(self, child: Child) -> None:
        self.children.append(child)
        child.start()

    def wait_for(self, child: Child, ready: Callable[[], bool], *, seconds: float = 90) -> None:
        """Wait until `ready` holds. Raises RuntimeFault with the end of the child's log."""
        end = time.monotonic() + seconds
        while not ready():
            assert child.process is not None  # noqa: S101 - it was started by `add`
            if child.process.poll() is not None or time.monotonic() > end:
                why = "ended" if child.process.poll() is not None else "did not get ready"
                message = f"{child.name} {why}. The end of {child.log}:\n{tail(child.log)}"
                raise RuntimeFault(message)
            self.pause()

    def finish(self, child: Child) -> None:
        """Run `child` to its end. Raises RuntimeFault with the end of its log if it fails."""
        code = self.watch(child)
        if code != 0:
            message = (
                f"{child.name} failed ({code}). The end of {child.log}:\n{tail(child.log, 30)}"
            )
            raise RuntimeFault(message)

    def watch(self, child: Child) -> int:
        """Run `child` to its end beside the others; return its exit code."""
        child.start()
        process = child.process
        assert process is not None  # noqa: S101 - started above
        try:
            while process.poll() is None:
                self.check()
                self.pause()
        finally:
            child.stop()
        return process.returncode

    def check(self) -> None:
        """Restart what died. Raises RuntimeFault when a child died more than five times."""
        for name, ensure in self.servers.items():
            if ensure():
                self.say(f"  {name} had ended; it was started again.")
        for child in self.children:
            if child.process is None or child.process.poll() is None:
                continue
            code = child.process.returncode
            if child.restarts >= RESTARTS_MAX:
                message = (
                    f"{child.name} ended again ({code}), for the last time. "
                    f"The end of {child.log}:\n{tail(child.log)}"
                )
                raise RuntimeFault(message)
            child.restarts += 1
            self.say(f"  {child.name} ended ({code}); restart {child.restarts} of {RESTARTS_MAX}.")
            child.stop()
            child.start()

    def stop_all(self) -> None:
        """Stop the children, the last started first. Never raises."""
        for child in reversed(self.children):
            try:
                child.stop()
            except OSError as error:
                sys.stderr.write(f"{child.name}: {error}\n")
        self.children.clear()
