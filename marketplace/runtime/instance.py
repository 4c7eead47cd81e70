"""A named pair of embedded servers: started once, shared by whoever uses it, stopped by the last.

Each process that uses an instance holds a shared lock on its `users.lock` until it ends, however
it ends; only a process that can take that lock alone stops the servers.
"""

import contextlib
import fcntl
import shutil
from dataclasses import asdict, dataclass
from io import TextIOWrapper
from pathlib import Path

from marketplace.runtime.places import CHECKOUT, locked, places, private
from marketplace.runtime.postgres import Postgres
from marketplace.runtime.valkey import Valkey

type Server = Postgres | Valkey

_held: dict[str, TextIOWrapper] = {}


@dataclass(frozen=True, kw_only=True)
class Environment:
    """How to reach an instance. `database_admin_url` is the superuser's, for cloning in tests."""

    name: str
    var: Path
    database_url: str
    database_owner_url: str
    database_admin_url: str
    celery_broker_url: str
    cache_url: str
    data_dir: Path

    def variables(self) -> dict[str, str]:
        """The environment variables that settings.py and the test suite read."""
        names = {"data_dir": "WAGEFILE_DATA_DIR", "var": "WAGEFILE_VAR", "name": "WAGEFILE_NAME"}
        return {names.get(key, key.upper()): str(value) for key, value in asdict(self).items()}


def servers(name: str, *, fast: bool = False) -> tuple[Postgres, Valkey]:
    where = places(name)
    return Postgres(places=where, fast=fast), Valkey(places=where, fast=fast)


def environment(name: str) -> Environment:
    """How to reach instance `name`, running or not."""
    postgres, valkey = servers(name)
    return Environment(
        name=name,
        var=postgres.places.var,
        database_url=postgres.url("wagefile_app"),
        database_owner_url=postgres.url("wagefile_owner"),
        database_admin_url=postgres.url("postgres"),
        celery_broker_url=valkey.broker_url,
        cache_url=valkey.cache_url,
        data_dir=postgres.places.data,
    )


def ensure(name: str, *, fast: bool = False, keep: bool = False) -> Environment:
    """Start what does not run of instance `name`, and register this process as its user.

    `fast` gives up safety against crashes (for tests); it acts when a server starts.
    `keep` leaves the servers running after their last user, until `stop`.
    Raises RuntimeFault with a sentence for a person.
    """
    where = places(name)
    private(where.var, mode=0o755)
    private(where.data, mode=0o755)
    with locked(where.var / "start.lock"):
        if name not in _held:
            _held[name] = (where.var / "users.lock").open("a")
            fcntl.flock(_held[name], fcntl.LOCK_SH)
        if keep:
            (where.var / "keep").touch()
        for server in servers(name, fast=fast):
            server.ensure()
    return environment(name)


def release(name: str) -> bool:
    """Say that this process is done; stop the servers if nobody else uses them.

    Returns whether they were stopped.
    """
    where = places(name)
    if not where.var.is_dir():
        return False
    with locked(where.var / "start.lock"):
        if name in _held:
            _held.pop(name).close()
        if (where.var / "keep").exists():
            return False
        with (where.var / "users.lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            _stop(name)
    return True


def stop(name: str) -> None:
    """Stop the servers of instance `name`, whoever uses them."""
    where = places(name)
    if not where.var.is_dir():
        return
    with locked(where.var / "start.lock"):
        if name in _held:
            _held.pop(name).close()
        (where.var / "keep").unlink(missing_ok=True)
        _stop(name)


def remove(name: str) -> None:
    """Stop instance `name`, whoever uses it, and delete its data, logs and secrets."""
    stop(name)
    where = places(name)
    for folder in (where.postgres, where.postgres_run, where.valkey_run, where.var):
        shutil.rmtree(folder, ignore_errors=True)
    if where.shared != CHECKOUT / ".var":
        shutil.rmtree(where.shared / where.name, ignore_errors=True)


def remove_all() -> None:
    """Remove every instance of this checkout."""
    for lock in CHECKOUT.glob(".var/*/start.lock"):
        remove(lock.parent.name)


def _stop(name: str) -> None:
    with contextlib.ExitStack() as stack:
        for server in servers(name):
            stack.callback(server.stop)
