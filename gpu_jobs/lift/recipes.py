"""The recipes by name. A new one is a function that gives a `Recipe`, and a line in RECIPES."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gpu_jobs.contracts import InputError
from gpu_jobs.lift.encoded import image_linear, pairwise, text_minilm
from gpu_jobs.lift.features import Matrix
from gpu_jobs.lift.finetuned import dpo, image_finetune, lora, sft
from gpu_jobs.lift.recipe import Recipe
from gpu_jobs.lift.spans import spans
from gpu_jobs.lift.text import TfIdf


def _text_linear(train: Sequence[object], test: Sequence[object]) -> tuple[Matrix, Matrix]:
    texts, others = [str(each) for each in train], [str(each) for each in test]
    learned = TfIdf.fit(texts)
    return learned.transform(texts), learned.transform(others)


def _tabular(train: Sequence[object], test: Sequence[object]) -> tuple[Matrix, Matrix]:
    """Columns scaled to mean 0 and spread 1 over the training rows; constant ones are dropped."""
    rows, others = _plain(train, test)
    mean, spread = rows.mean(axis=0), rows.std(axis=0)
    real = spread > 1e-12 * np.maximum(np.abs(mean), 1.0)
    scale = spread[real]
    return (rows[:, real] - mean[real]) / scale, (others[:, real] - mean[real]) / scale


def _plain(train: Sequence[object], test: Sequence[object]) -> tuple[np.ndarray, np.ndarray]:
    """Numbers as they are, such as embeddings made elsewhere."""
    rows, others = np.asarray(train, dtype=np.float64), np.asarray(test, dtype=np.float64)
    if rows.ndim != 2 or others.ndim != 2 or rows.shape[1] != others.shape[1]:
        raise InputError("training and test rows must have the same number of feature columns")
    return rows, others


RECIPES: dict[str, Recipe] = {
    "text-linear": Recipe(
        name="text-linear",
        encode=_text_linear,
        says=(
            "The model is a logistic regression on TF-IDF of words and pairs of words, learned on"
            " all training texts without their answers."
        ),
        inputs=("text",),
        # Rows of length 1 need little shrinking: with 1.0 the intercept, and so the mix of
        # answers, decides more than the words do (docs/lift.md, the reference).
        l2=0.1,
        dims=None,
    ),
    "tabular": Recipe(
        name="tabular",
        encode=_tabular,
        says="The model is a logistic regression on standardized columns.",
    ),
    "plain": Recipe(
        name="plain",
        encode=_plain,
        says="The model is a logistic regression on the columns as they are.",
    ),
    "text-minilm": text_minilm(),
    "pairwise": pairwise(),
    "image-linear": image_linear(),
    "image-finetune": image_finetune(),
    "spans": spans(),
    "lora": lora(),
    "sft": sft(),
    "dpo": dpo(),
}


def recipe_of(name: str) -> Recipe:
    if name not in RECIPES:
        raise InputError(f"recipe must be one of {', '.join(RECIPES)}, not {name!r}")
    return RECIPES[name]


def adapted(
    recipe: Recipe,
    *,
    l2: float | None = None,
    balanced: bool | None = None,
    dims: int | None = None,
    encoder: str | None = None,
    random_weights: bool = False,
    epochs: int | None = None,
) -> Recipe:
    """The recipe with what is not None in place of its own. encoder: a name or a folder, see
    `encoders.hub.located`; of pictures a timm name. random_weights: of pictures, those that
    nobody trained. epochs: of recipes that train a network.
    """
    if epochs is not None and (epochs < 1 or recipe.fit is None):
        raise InputError("epochs are at least 1, for a recipe that trains a network")
    if l2 is not None and not 0 < l2 < float("inf"):
        raise InputError("l2 must be above 0")
    if dims is not None and dims < 1:
        raise InputError("dims must be at least 1")
    if encoder is not None or random_weights:
        recipe = _encoded(recipe, encoder or recipe.encoder or "", random=random_weights)
    return replace(
        recipe,
        l2=recipe.l2 if l2 is None else l2,
        balanced=recipe.balanced if balanced is None else balanced,
        dims=recipe.dims if dims is None else dims,
        epochs=recipe.epochs if epochs is None else epochs,
    )


def _encoded(recipe: Recipe, name: str, *, random: bool) -> Recipe:
    pictures = {"image-linear": image_linear, "image-finetune": image_finetune}
    if recipe.name in pictures:
        return pictures[recipe.name](name, random=random)
    makers = {
        "text-minilm": text_minilm,
        "pairwise": pairwise,
        "spans": spans,
        "lora": lora,
        "sft": sft,
        "dpo": dpo,
    }
    if recipe.name not in makers:
        raise InputError(f"the recipe {recipe.name} has no encoder that could be another")
    if random:
        raise InputError("random weights are for recipes of pictures")
    return makers[recipe.name](name)
