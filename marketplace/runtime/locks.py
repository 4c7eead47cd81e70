"""`make lock` and its check: the three hash-locked files, from pyproject.toml.

They name no index: whoever installs chooses where packages come from. They are solved for Linux
on x86-64, whatever machine this runs on; the hashes cover every platform that a version serves.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
UV = Path(sys.executable).with_name("uv")
WEB = "requirements.lock"
# Each group's lock holds the web's packages too, in the same versions.
GROUPS = {"gpu": "requirements-gpu.lock", "dev": "requirements-dev.lock"}
OPTIONS = (
    *("--python-version", "3.13", "--python-platform", "x86_64-manylinux_2_28"),
    *("--generate-hashes", "--no-emit-index-url", "--no-annotate", "--quiet"),
)


def compile_locks(folder: Path, *, upgrade: bool = False) -> None:
    """Write the locks into `folder`, keeping the versions of those that lie there."""
    more = ["--upgrade"] if upgrade else []
    _compile("-o", str(folder / WEB), *more)
    for group, name in GROUPS.items():
        _compile("--group", group, "-c", str(folder / WEB), "-o", str(folder / name), *more)


def _compile(*arguments: str) -> None:
    subprocess.run(  # noqa: S603 - our own program
        [UV, "pip", "compile", "pyproject.toml", *OPTIONS, *arguments],
        check=True,
        cwd=CHECKOUT,
        env={**os.environ, "UV_CUSTOM_COMPILE_COMMAND": "make lock"},
        stdout=subprocess.DEVNULL,
    )


def outdated() -> list[str]:
    """Names of the locks that pyproject.toml would now make differently."""
    names = (WEB, *GROUPS.values())
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        for name in names:
            shutil.copy(CHECKOUT / name, folder / name)
        compile_locks(folder)
        return [
            name for name in names if (folder / name).read_bytes() != (CHECKOUT / name).read_bytes()
        ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="make lock", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether they are current")
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions allowed")
    options = parser.parse_args()
    try:
        if not options.check:
            compile_locks(CHECKOUT, upgrade=options.upgrade)
        elif old := outdated():
            sys.stderr.write(f"Not current: {', '.join(old)}. Run `make lock`.\n")
            return 1
    except subprocess.CalledProcessError as error:
        return error.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
