"""Build `.venv` from a hash-locked file, once. Runs before anything is installed.

`python3.13 marketplace/runtime/venv.py web|dev|gpu`. Only the standard library, and no import
from this project. uv does the installing: it reads no pip configuration of the machine.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
VENV = CHECKOUT / ".venv"
PYTHON = VENV / "bin" / "python"
UV = VENV / "bin" / "uv"
UV_VERSION = "0.13.9"
LOCKS = {
    "web": "requirements.lock",
    "dev": "requirements-dev.lock",
    "gpu": "requirements-gpu.lock",
}


def main() -> int:
    names = sys.argv[1:] or ["web"]
    if sys.version_info[:2] != (3, 13):
        sys.stderr.write("Wagefile needs Python 3.13.\n")
        return 1
    (CHECKOUT / ".var").mkdir(exist_ok=True)
    # Two commands may be started at the same moment; the second waits and finds it done.
    with (CHECKOUT / ".var" / "venv.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            for name in names:
                _install(name)
        except (subprocess.CalledProcessError, OSError) as error:
            sys.stderr.write(f"The environment could not be built: {error}\n")
            return 1
    return 0


def _install(name: str) -> None:
    lock = CHECKOUT / LOCKS[name]
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    stamp = VENV / f"wagefile-{name}"
    if not _usable():
        _make()
    elif stamp.exists() and stamp.read_text() == wanted:
        return
    if not _is_version(UV, UV_VERSION):
        _say("Installing uv")
        _run(PYTHON, "-m", "pip", "install", "-q", "--no-input", f"uv=={UV_VERSION}")
    size = sum(line[:1].isalnum() for line in lock.read_text().splitlines())
    _say(f"Installing {size} packages from {lock.name}" + (" (several GB)" * (name == "gpu")))
    # `install`, not `sync`: `make demo` must not take away what `make test` has installed.
    _run(UV, "pip", "install", "-q", "--python", PYTHON, "--require-hashes", "-r", lock)
    stamp.write_text(wanted)
    if name != "web":
        # The other locks hold all of it, in the same versions (`make check` compares).
        web = hashlib.sha256((CHECKOUT / LOCKS["web"]).read_bytes()).hexdigest()
        (VENV / "wagefile-web").write_text(web)


def _usable() -> bool:
    test = "import sys; sys.exit(sys.version_info[:2] != (3, 13))"
    try:
        return subprocess.run([PYTHON, "-c", test], check=False).returncode == 0  # noqa: S603
    except OSError:
        return False


def _make() -> None:
    _say("Making .venv")
    if VENV.exists():
        shutil.rmtree(VENV)
    _run(Path(sys.executable), "-m", "venv", VENV)


def _is_version(program: Path, version: str) -> bool:
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            [program, "--version"], capture_output=True, text=True, check=False
        )
    except OSError:
        return False
    return version in done.stdout.split()


def _run(*command: Path | str) -> None:
    # Settings of the machine that would send the installation somewhere else.
    elsewhere = {"PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_REQUIRE_HASHES", "PYTHONHOME"}
    elsewhere |= {"UV_SYSTEM_PYTHON", "UV_TARGET", "UV_PREFIX", "UV_CONSTRAINT", "UV_OVERRIDE"}
    env = {key: value for key, value in os.environ.items() if key not in elsewhere}
    subprocess.run(command, check=True, env=env, cwd=CHECKOUT)  # noqa: S603 - our own programs


def _say(text: str) -> None:
    sys.stdout.write(f"-> {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
