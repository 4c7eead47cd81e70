"""Small problems with known structure; scikit-learn is the other opinion, for tests only."""

from dataclasses import replace

import numpy as np
import pytest

from gpu_jobs.lift.problem import Rows, build
from gpu_jobs.lift.recipes import RECIPES


def rows_of(features, labels, groups=(), items=()):
    return Rows(
        inputs=[tuple(map(float, row)) for row in features],
        label=[str(label) for label in labels],
        group=list(groups),
        item=list(items),
    )


@pytest.fixture(scope="session")
def drawn():
    """(training rows, test rows): linear classes; group g{i} has a share wrong[i] of its labels
    turned to another class.
    """

    def draw(wrong, *, per_group=30, test=200, width=5, classes=2, seed=0, noise=0.5):
        rng = np.random.default_rng(seed)
        size = len(wrong) * per_group
        features = rng.standard_normal((size + test, width))
        scores = features[:, :classes] + noise * rng.standard_normal((size + test, classes))
        label = scores.argmax(axis=1)
        group = np.repeat(np.arange(len(wrong)), per_group)
        flipped = rng.random(size) < np.asarray(wrong)[group]
        label[:size][flipped] = (label[:size][flipped] + 1) % classes
        names = [f"g{code}" for code in group.tolist()]
        return (
            rows_of(features[:size], label[:size], names),
            rows_of(features[size:], label[size:]),
        )

    return draw


@pytest.fixture(scope="session")
def problem_of(drawn):
    def make(wrong, *, metric="accuracy", resamples=50, l2=1.0, **options):
        recipe = replace(RECIPES["tabular"], l2=l2)
        return build(*drawn(wrong, **options), recipe=recipe, metric=metric, resamples=resamples)

    return make
