"""A reader so small that a test trains it in a second, on pictures made once for all tests."""

from dataclasses import dataclass

import pytest

from gpu_jobs.ocr import images, ink
from gpu_jobs.ocr.recipe import Recipe


@dataclass(frozen=True)
class Set:
    pictures: images.Pictures
    ink: ink.Ink

    @classmethod
    def of(cls, task, count, part):
        pictures = images.make(task, count, seed=3, part=part)
        return cls(pictures, ink.of_pixels(pictures.pixels))


@pytest.fixture(scope="session")
def task():
    return images.Task(images.DIGITS, 2)


@pytest.fixture(scope="session")
def learned(task):
    return Set.of(task, 32, "train")


@pytest.fixture(scope="session")
def checked(task):
    return Set.of(task, 12, "validation")


@pytest.fixture
def recipe():
    return Recipe(
        backbone="test_nfnet",
        epochs=5,
        tail=2,
        level_size=(24, 64),
        tail_size=(30, 80),
        batch=16,
        warmup=2,
        ema=0.5,
    )
