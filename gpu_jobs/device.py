"""Where torch computes: chosen once a process, so that one run never mixes two devices.

WAGEFILE_DEVICE names it (cpu, cuda, cuda:1); without it, it is CUDA where there is a card, else
the CPU. Nothing here is loaded before it is asked for: most of this package runs without torch.
"""

import os
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from gpu_jobs.contracts import InputError

VARIABLE = "WAGEFILE_DEVICE"


@dataclass(frozen=True)
class Device:
    """name: as torch spells it. half: it multiplies bfloat16 in hardware, so that is used."""

    name: str
    half: bool

    @property
    def precision(self) -> str:
        return "bfloat16" if self.half else "float32"


class MissingPackage(InputError):
    """This machine lacks a package; another worker may have it."""

    def __init__(self, package: str) -> None:
        super().__init__(
            f"this needs the package {package}, which is not installed: `make dev GPU=1` brings it"
        )
        self.package = package


def need(name: str) -> Any:
    """The module, which stands in the dependency group gpu. Raises MissingPackage without it."""
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingPackage((error.name or name).partition(".")[0]) from error


@cache
def pick() -> Device:
    """Raises InputError when torch is missing, or the device that was named is not there."""
    torch = need("torch")
    wanted = os.environ.get(VARIABLE, "").strip()
    if not wanted:
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, number = wanted.partition(":")
    if kind not in ("cpu", "cuda") or (number and not number.isdigit()):
        raise InputError(f"{VARIABLE} must be cpu, cuda or cuda:0, not {wanted!r}")
    if kind == "cuda":
        if not torch.cuda.is_available():
            raise InputError(f"{VARIABLE} is {wanted}, and torch finds no CUDA card here")
        if int(number or 0) >= torch.cuda.device_count():
            raise InputError(f"{VARIABLE} is {wanted}; cards here: {torch.cuda.device_count()}")
        return Device(name=wanted, half=bool(torch.cuda.is_bf16_supported()))
    return Device(name="cpu", half=_processor_has_bfloat16(torch))


def autocast(device: Device, *, half: bool | None = None) -> Any:
    """Context in which products are taken in bfloat16 where the device has it.

    half: False where float32 is wanted all the same.
    """
    torch = need("torch")
    on = device.half if half is None else half
    return torch.autocast(device.name.partition(":")[0], dtype=torch.bfloat16, enabled=on)


def _processor_has_bfloat16(torch: Any) -> bool:
    """In hardware: emulated, it would be slower than float32. Unknown counts as no."""
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        probe = getattr(torch.cpu, name, None)
        if probe is not None and probe():
            return True
    return False
