"""Pictures of short texts made by the package `captcha`, and which seed each of them has.

`captcha` draws its random numbers from the operating system and cannot be seeded. Here a private
copy of its module draws them from a generator of each picture's own, so that picture `index` of
a part is the same whenever and wherever it is made, and however many others are made.
"""

import importlib.util
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from gpu_jobs.contracts import InputError
from gpu_jobs.device import need

HEIGHT, WIDTH = 60, 160
DIGITS = "0123456789"
DIGITS_AND_CAPITALS = DIGITS + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
PARTS = {"train": 0, "validation": 1, "test": 2}


@dataclass(frozen=True)
class Task:
    """Texts of `characters` characters, each drawn evenly from `alphabet`."""

    alphabet: str = DIGITS
    characters: int = 4

    def __post_init__(self) -> None:
        if not 1 <= self.characters <= 12:
            raise InputError("there must be 1 to 12 characters")
        if len(self.alphabet) < 2 or len(set(self.alphabet)) != len(self.alphabet):
            raise InputError("the alphabet must hold at least two characters, each once")
        if not (self.alphabet.isascii() and self.alphabet.isalnum()):
            raise InputError("the alphabet must hold ASCII letters and digits only")

    def text(self, codes: Sequence[int] | np.ndarray) -> str:
        return "".join(self.alphabet[int(code)] for code in codes)


@dataclass(frozen=True)
class Pictures:
    """pixels: uint8 (n, 60, 160, 3), RGB. codes: int64 (n, characters), places in the alphabet."""

    pixels: np.ndarray
    codes: np.ndarray

    def __len__(self) -> int:
        return len(self.codes)

    def first(self, count: int) -> "Pictures":
        return Pictures(self.pixels[:count], self.codes[:count])


@dataclass(frozen=True)
class Distortion:
    """What the generator is told to do otherwise; None is what the package does itself.

    rotation: most degrees of a character, either way (the package: 30). dots: their number (30).
    dot_width: pixels (3). curves: their number (1). blur: pixels of a Gaussian after everything
    (0). contrast: text and noise at this share of their distance from the background (1).
    """

    rotation: float | None = None
    dots: int | None = None
    dot_width: int | None = None
    curves: int | None = None
    blur: float | None = None
    contrast: float | None = None


def seed_of(seed: int, part: str, index: int) -> np.random.SeedSequence:
    """Of one picture. Parts never share one: the key of a sequence is its identity."""
    return np.random.SeedSequence(seed, spawn_key=(PARTS[part], index))


def make(
    task: Task,
    count: int,
    *,
    seed: int,
    part: str,
    distortion: Distortion | None = None,
) -> Pictures:
    """Pictures 0 … count - 1 of a part. Raises InputError where `captcha` is not installed."""
    if count < 1:
        raise InputError("at least one picture is needed")
    made = distortion or Distortion()
    pixels = np.empty((count, HEIGHT, WIDTH, 3), dtype=np.uint8)
    codes = np.empty((count, task.characters), dtype=np.int64)
    for index in range(count):
        words = seed_of(seed, part, index).generate_state(4)
        source = random.Random(int.from_bytes(words.tobytes(), "little"))  # noqa: S311 - pictures
        codes[index] = [source.randrange(len(task.alphabet)) for _ in range(task.characters)]
        pixels[index] = _drawn(task.text(codes[index]), source, made)
    return Pictures(pixels, codes)


class _Source:
    """The three functions of `secrets` that `captcha.image` calls, from a seeded generator."""

    def __init__(self) -> None:
        self.random = random.Random(0)  # noqa: S311 - pictures

    def randbelow(self, bound: int) -> int:
        return self.random.randrange(bound)

    def randbits(self, bits: int) -> int:
        return self.random.getrandbits(bits)

    def choice(self, options: Sequence[Any]) -> Any:
        return self.random.choice(options)


@cache
def _copy() -> tuple[ModuleType, _Source]:
    """`captcha.image` under a name of its own, so that nobody else's captcha becomes guessable."""
    need("captcha")
    spec = importlib.util.find_spec("captcha.image")
    if spec is None or spec.loader is None:
        raise InputError("the package captcha is there, but its module image is not")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    source = _Source()
    module.__dict__["secrets"] = source
    return module, source


@cache
def _generator() -> Any:
    """One for all pictures: it keeps the opened fonts."""
    return _copy()[0].ImageCaptcha(width=WIDTH, height=HEIGHT)


def _drawn(text: str, source: random.Random, made: Distortion) -> np.ndarray:
    """The package's own `generate_image`, whose steps are written out for what it fixes."""
    module, seeded = _copy()
    seeded.random = source
    generator = _generator()
    turn = made.rotation if made.rotation is not None else 30
    generator.character_rotate = (-turn, turn)
    background = module.random_color(238, 255)
    ink = module.random_color(10, 200, source.randrange(36) + 220)
    if made.contrast is not None:
        share = made.contrast
        mixed = (round(b + (i - b) * share) for i, b in zip(ink[:3], background, strict=True))
        ink = (*mixed, ink[3])
    image = generator.create_captcha_image(text, ink, background)
    generator.create_noise_dots(
        image,
        ink,
        width=made.dot_width if made.dot_width is not None else 3,
        number=made.dots if made.dots is not None else 30,
    )
    for _ in range(made.curves if made.curves is not None else 1):
        generator.create_noise_curve(image, ink)
    image = image.filter(module.SMOOTH)
    if made.blur:
        image = image.filter(import_module("PIL.ImageFilter").GaussianBlur(made.blur))
    return np.asarray(image)
