"""Databases of the suite: one migrated template, and clones of it that are thrown away.

Nothing is ever flushed, because the ledger refuses TRUNCATE, for the owner of its tables too. The
template is made once for each state of the migrations, their SQL files and the roles; its name
carries that hash, so that several checkouts, sessions and workers can share a server.
"""

import contextlib
import fcntl
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from marketplace.runtime.places import places
from marketplace.runtime.postgres import ROLES, binaries

ROOT = Path(__file__).resolve().parents[1]
LOCK = Path(tempfile.gettempdir()) / f"wagefile-{os.getuid()}-test-databases.lock"


def state_of_the_schema() -> str:
    """A short hash of everything that a migrated database is made from."""
    files = [ROLES, ROOT / "apps" / "core" / "sqlfiles.py"]
    files += ROOT.glob("apps/*/migrations/*.py")
    files += ROOT.glob("apps/*/sql/*.sql")
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(str(path.relative_to(ROOT)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def with_name(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


class Databases:
    """Makes and drops clones. `owner_url` and `admin_url` are the owner's and the superuser's."""

    def __init__(self, *, app_url: str, owner_url: str, admin_url: str) -> None:
        self.app_url, self.owner_url, self.admin_url = app_url, owner_url, admin_url
        self.state = state_of_the_schema()
        self.template = f"wagefile_template_{self.state}"
        self._numbers = count(1)

    def admin(self, database: str = "postgres") -> psycopg.Connection:
        """A superuser's session, each statement its own transaction."""
        return psycopg.connect(with_name(self.admin_url, database), autocommit=True)

    def owner(self, database: str) -> psycopg.Connection:
        """A session of the role that owns the tables."""
        return psycopg.connect(with_name(self.owner_url, database), autocommit=True)

    def prepare(self) -> None:
        """Make the template if it is not there; remove what ended sessions left behind."""
        with LOCK.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            with self.admin() as admin:
                names = {row[0] for row in admin.execute("SELECT datname FROM pg_database")}
                for name in sorted(names):
                    if _is_left_over(name):
                        _drop(admin, name)
                if self.template not in names:
                    self._make_template(admin)

    def _make_template(self, admin: psycopg.Connection) -> None:
        fresh = f"wagefile_making_{self.state}"
        _drop(admin, fresh)
        self._psql("-v", f"database={fresh}", "-v", "createdb=true", "-f", str(ROLES))
        done = subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity", "0", "--skip-checks"],
            cwd=ROOT,
            env={
                **os.environ,
                "DATABASE_URL": with_name(self.app_url, fresh),
                "DATABASE_OWNER_URL": with_name(self.owner_url, fresh),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            message = f"The migrations of the tests' template failed:\n{done.stdout}{done.stderr}"
            raise RuntimeError(message)
        # Nobody can sign in to the template, so that it can always be cloned.
        admin.execute(
            sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
                sql.Identifier(fresh), sql.Identifier(self.template)
            )
        )
        admin.execute(
            sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(
                sql.Identifier(self.template)
            )
        )

    def _psql(self, *arguments: str) -> None:
        program = binaries(places("test")) / "psql"
        done = subprocess.run(
            [program, "-X", "-q", "-v", "ON_ERROR_STOP=1", *arguments, self.admin_url],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            message = f"roles.sql failed:\n{done.stderr}"
            raise RuntimeError(message)

    @contextlib.contextmanager
    def clone(self) -> Iterator[str]:
        """The name of a fresh copy of the template, dropped afterwards."""
        name = f"wagefile_test_{os.getpid()}_{next(self._numbers)}"
        with self.admin() as admin:
            admin.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER wagefile_owner").format(
                    sql.Identifier(name), sql.Identifier(self.template)
                )
            )
        try:
            yield name
        finally:
            with self.admin() as admin:
                _drop(admin, name)


def _drop(admin: psycopg.Connection, name: str) -> None:
    admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _is_left_over(name: str) -> bool:
    """Whether this is a clone whose process has ended."""
    if not name.startswith("wagefile_test_"):
        return False
    try:
        os.kill(int(name.split("_")[2]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
