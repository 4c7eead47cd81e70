"""Recipes whose features come from a frozen encoder; its vectors are computed once and kept.

torch is loaded when such a recipe encodes, not before; the cache lies where `encoders.cache.folder`
says.
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from gpu_jobs.contracts import InputError
from gpu_jobs.encoders.encoder import Encoder, embed
from gpu_jobs.encoders.hub import MINILM
from gpu_jobs.encoders.images import BACKBONE, content, image_encoder
from gpu_jobs.encoders.texts import sentence_encoder
from gpu_jobs.lift.recipe import Recipe

type Made = Callable[[], Encoder]


def text_minilm(name: str = MINILM) -> Recipe:
    """A sentence encoder, then the batched linear head."""
    made = partial(sentence_encoder, name)
    return Recipe(
        name="text-minilm",
        encode=partial(each, made),
        says=(
            f"The model is a logistic regression on vectors of whole texts by {name}, which is"
            " not trained further."
        ),
        inputs=("text",),
        # As for TF-IDF, rows have length 1, and much shrinking lets the intercept decide.
        l2=0.3,
        mark=partial(mark_of, made),
        encoder=name,
    )


def pairwise(name: str = MINILM) -> Recipe:
    """A reward for each text, from which of two was preferred.

    The Bradley-Terry loss −ln σ(r(winner) − r(loser)) of a reward r(x) = w·e(x) is that of a
    logistic regression on e(second) − e(first) without an intercept (R. Bradley, M. Terry,
    Biometrika 39, 1952; as reward models are trained, L. Ouyang et al., NeurIPS 2022).
    """
    made = partial(sentence_encoder, name)
    return Recipe(
        name="pairwise",
        encode=partial(_differences, made),
        says=(
            "The model is a reward, linear in a text's vector, trained with the Bradley-Terry loss"
            f" on which of two texts was preferred; vectors are by {name}, which is not trained"
            " further. Ties are left out."
        ),
        inputs=("text", "text_b"),
        l2=0.3,
        mark=partial(mark_of, made),
        intercept=False,
        skips=frozenset({"tie"}),
        encoder=name,
    )


def image_linear(name: str = BACKBONE, *, random: bool = False) -> Recipe:
    """A frozen timm backbone, then the batched linear head."""
    made = partial(image_encoder, name, random=random)
    origin = "with random weights, which nobody trained" if random else "which is frozen"
    return Recipe(
        name="image-linear",
        encode=partial(scaled, made),
        says=f"The model is a logistic regression on vectors of pictures by {name}, {origin}.",
        inputs=("image",),
        keys=of_files,
        mark=partial(mark_of, made),
        encoder=name,
    )


def mark_of(made: Made) -> str:
    return made().key


def each(
    made: Made, train: Sequence[object], test: Sequence[object]
) -> tuple[np.ndarray, np.ndarray]:
    found = embed(made(), [*train, *test])
    return found[: len(train)], found[len(train) :]


def scaled(
    made: Made, train: Sequence[object], test: Sequence[object]
) -> tuple[np.ndarray, np.ndarray]:
    """Centred, and with a mean square length of 1 over the training inputs: backbones give vectors
    of any length, and the penalty is for short ones.
    """
    rows, others = each(made, train, test)
    mean = rows.mean(axis=0)
    length = float(np.sqrt(np.mean(np.square(rows - mean).sum(axis=1)))) or 1.0
    return (rows - mean) / length, (others - mean) / length


def _differences(
    made: Made, train: Sequence[object], test: Sequence[object]
) -> tuple[np.ndarray, np.ndarray]:
    """Vector of the second text minus vector of the first."""
    pairs = [_pair(each) for each in (*train, *test)]
    found = embed(made(), [text for pair in pairs for text in pair])
    moved = found[1::2] - found[::2]
    return moved[: len(train)], moved[len(train) :]


def _pair(value: object) -> tuple[str, str]:
    if not isinstance(value, tuple) or len(value) != 2:
        raise InputError("a comparison needs two texts, text and text_b")
    return str(value[0]), str(value[1])


def of_files(paths: Sequence[object] | np.ndarray) -> list[str]:
    """Digests of the pictures' bytes: two copies of one file are one input."""
    return [hashlib.sha256(content(str(path))).hexdigest() for path in paths]
