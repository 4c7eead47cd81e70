"""What `bench.ocr` measures and where its results lie; no torch, so that any machine can report."""

from collections.abc import Sequence

from bench import turns

FOLDER = turns.ROOT / "docs" / "ocr"
WORK = turns.ROOT / ".var" / "ocr"
TEST = 10_000

SIZES = {500: 40, 1_000: 24, 2_000: 13, 4_000: 7, 8_000: 4}
"""Pictures and epochs of the learning curve: more pictures are seen less often."""
SEEDS = 3
CURVE_TEST = 2_000
CURVE_VALIDATION = 250
"""Pictures read after each epoch, of which the smaller runs have many."""

CONTRIBUTORS = 20
WRONGEST = 0.5
LIFT_EPOCHS = 10
LIFT_TEST = 2_000
METHODS = (
    ("loo", "log-loss"),
    ("influence", "log-loss"),
    ("knn", "accuracy"),
    ("shapley", "log-loss"),
)
ROUNDS = 10
"""Permutation pairs of Shapley, a position."""

DISTORTED_TEST = 1_000
LEVELS: dict[str, Sequence[float]] = {
    "rotation": (0, 15, 30, 45, 60),
    "dots": (0, 30, 60, 120, 240),
    "curves": (0, 1, 2, 4, 8),
    "blur": (0, 0.5, 1, 2, 3),
    "contrast": (1, 0.5, 0.2, 0.1, 0.05),
}
