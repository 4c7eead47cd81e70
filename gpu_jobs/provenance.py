"""Which code, libraries and machine made a result: what has to be equal for equal bytes."""

import hashlib
import os
import platform
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# Their code enters the numbers or the bytes of the files.
LIBRARIES = ("numpy", "scipy", "pyarrow", "krippendorff", "torch")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@cache
def code_version() -> str:
    """SHA-256 in hex over the names and bytes of every module of this package.

    Of the files, not of a repository: an installed package has no history to ask.
    """
    root = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        data = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()}\0{len(data)}\0".encode())
        digest.update(data)
    return digest.hexdigest()


@cache
def environment() -> dict[str, str]:
    """Versions, processor and pinned threads, as text; what is not installed is left out."""
    found = {"python": platform.python_version(), "processor": _processor()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    threads = {os.environ[name] for name in THREADS if name in os.environ}
    return found | {"threads": ",".join(sorted(threads)) or "not pinned"}


def _processor() -> str:
    """The family of the processor, as precisely as the system says it."""
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return f"{platform.machine()}, {line.partition(':')[2].strip()}"
    return platform.machine()
