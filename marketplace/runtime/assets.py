"""The pages' style sheet and font, from `assets/` and npm, into a folder that WhiteNoise serves.

`python -m marketplace.runtime.assets`. Does nothing while the sources and the lock file are what
they were at the last build.
"""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from marketplace.runtime import node
from marketplace.runtime.places import CHECKOUT, RuntimeFault, locked, private

SOURCES = CHECKOUT / "assets"
OUTPUT = CHECKOUT / ".var" / "assets"


def digest(sources: Path = SOURCES) -> str:
    """SHA-256 over the names and bytes of all sources and of the lock file."""
    files = sorted(path for path in sources.rglob("*") if path.is_file())
    total = hashlib.sha256()
    for path in (*files, CHECKOUT / "package-lock.json"):
        total.update(path.name.encode() + b"\0")
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def build(*, say: Callable[[str], object]) -> bool:
    """Make the assets unless they are there; whether anything was made.

    Raises RuntimeFault with a sentence when Node.js is missing or the build fails.
    """
    folder = private(CHECKOUT / ".var", mode=0o711)
    stamp = folder / "assets.sha256"
    with locked(folder / "assets.lock"):
        wanted = digest()
        if OUTPUT.is_dir() and stamp.exists() and stamp.read_text() == wanted:
            return False
        say("Style sheet and font (npm, sass, esbuild)")
        _make(OUTPUT)
        stamp.write_text(wanted)
    return True


def _make(output: Path) -> None:
    runner = node.find()
    if runner is None:
        message = "The style sheet needs Node.js 20.11 or newer, and none was found."
        raise RuntimeFault(message)
    if not node.install(runner, dev=False, say=lambda _text: None):
        message = "npm could not install what package-lock.json names; is its registry reachable?"
        raise RuntimeFault(message)
    fresh = output.with_name("assets.new")
    shutil.rmtree(fresh, ignore_errors=True)
    made = subprocess.run(  # noqa: S603 - our own program
        [runner, SOURCES / "build.mjs", fresh],
        capture_output=True,
        text=True,
        check=False,
        cwd=CHECKOUT,
    )
    if made.returncode != 0:
        message = f"The style sheet could not be built:\n{made.stderr.strip()[-2000:]}"
        raise RuntimeFault(message)
    shutil.rmtree(output, ignore_errors=True)
    fresh.rename(output)


def main() -> int:
    try:
        build(say=lambda text: sys.stdout.write(f"-> {text}\n"))
    except RuntimeFault as fault:
        sys.stderr.write(f"{fault}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
