"""Where an instance keeps its files, and as which user its PostgreSQL runs.

PostgreSQL refuses to run as root. So as root it runs as `nobody`, with its data under /var/tmp,
since the checkout may stand in a folder that `nobody` cannot enter, and opening such a folder
for it would change permissions that are not ours.
"""

import contextlib
import fcntl
import hashlib
import os
import pwd
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
# The kernel's limit for a socket address is 107 bytes; PostgreSQL also makes a `.lock` beside it.
SOCKET_PATH_MAX = 100
LONGEST_SOCKET_NAME = len("/.s.PGSQL.5432.lock")


class RuntimeFault(Exception):
    """The embedded servers or the demo cannot go on; the message is a sentence for a person."""


@dataclass(frozen=True, kw_only=True)
class ServerUser:
    """The user PostgreSQL runs as; `switch` is what `subprocess` needs to become that user."""

    uid: int
    gid: int
    other: bool

    @property
    def switch(self) -> dict[str, object]:
        if not self.other:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def server_user() -> ServerUser:
    if os.getuid() != 0:
        return ServerUser(uid=os.getuid(), gid=os.getgid(), other=False)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError as error:
        message = "PostgreSQL does not run as root, and this machine has no user 'nobody'."
        raise RuntimeFault(message) from error
    return ServerUser(uid=nobody.pw_uid, gid=nobody.pw_gid, other=True)


@dataclass(frozen=True, kw_only=True)
class Places:
    """The folders of one named instance.

    `var` holds what the invoking user's processes write (logs, secrets, broker data, uploads),
    `postgres` what PostgreSQL writes, `postgres_run` and `valkey_run` their sockets.
    """

    name: str
    var: Path
    postgres: Path
    postgres_run: Path
    valkey_run: Path
    shared: Path

    @property
    def log(self) -> Path:
        return self.var / "log"

    @property
    def data(self) -> Path:
        return self.var / "data"


def places(name: str, *, checkout: Path = CHECKOUT) -> Places:
    """Name the folders of instance `name`, without creating any."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,30}", name):
        message = f"An instance is named by small letters, digits, '-' and '_', not {name!r}."
        raise RuntimeFault(message)
    var = checkout / ".var" / name
    key = hashlib.sha256(os.fsencode(checkout)).hexdigest()[:10]
    outside = f"wagefile-{os.getuid()}-{key}"
    if os.getuid() == 0:
        shared = Path("/var/tmp") / outside  # noqa: S108 - ownership is checked by `private`
        postgres = shared / name
    else:
        shared = checkout / ".var"
        postgres = var
    run = postgres / "run"
    valkey_run = var / "run"
    for_sockets = Path(tempfile.gettempdir()) / outside / name
    if len(os.fsencode(run)) + LONGEST_SOCKET_NAME > SOCKET_PATH_MAX:
        run = for_sockets
    if len(os.fsencode(valkey_run)) + LONGEST_SOCKET_NAME > SOCKET_PATH_MAX:
        valkey_run = for_sockets
    return Places(
        name=name,
        var=var,
        postgres=postgres / "postgres",
        postgres_run=run,
        valkey_run=valkey_run,
        shared=shared,
    )


def private(folder: Path, *, mode: int = 0o700, uid: int | None = None) -> Path:
    """Create `folder` (and missing parents) with `mode`, or refuse one that somebody else owns.

    /tmp and /var/tmp are open to all, so a folder of that name may have been put there by
    somebody else. Parents that exist are left as they are.
    """
    owner = os.getuid() if uid is None else uid
    if not folder.parent.is_dir():
        private(folder.parent, mode=0o711)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=mode)
        folder.chmod(mode)
        if owner != os.getuid():
            os.chown(folder, owner, -1)
    status = folder.lstat()
    if folder.is_symlink() or status.st_uid not in {owner, os.getuid()}:
        message = f"{folder} belongs to somebody else (uid {status.st_uid}); remove it first."
        raise RuntimeFault(message)
    return folder


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on `path`, waiting for other processes of this machine."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
