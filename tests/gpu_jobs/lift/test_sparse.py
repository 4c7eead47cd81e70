"""More distinct texts than a dense span holds: nothing is cut, and the models are the same."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from gpu_jobs.contracts import InputError
from gpu_jobs.lift import features, problem
from gpu_jobs.lift.coalitions import Utility
from gpu_jobs.lift.examples import of_rows
from gpu_jobs.lift.features import principal
from gpu_jobs.lift.methods import Settings
from gpu_jobs.lift.problem import Rows, build
from gpu_jobs.lift.recipes import RECIPES
from gpu_jobs.lift.run import measure


@pytest.fixture(scope="module")
def sets():
    """Texts of 12 words of 900, whose label is that of most of them; group g3 turns it."""
    draw = np.random.default_rng(6)

    def some(count, tag):
        code = draw.integers(0, 900, size=(count, 12))
        texts = [
            " ".join(f"w{each}" for each in row) + f" {tag}{at}" for at, row in enumerate(code)
        ]
        return texts, ((code < 450).sum(axis=1) > 6).astype(int)

    texts, label = some(400, "a")
    group = np.arange(400) % 4
    label = np.where(group == 3, 1 - label, label)
    away, right = some(300, "b")
    return (
        Rows(texts, [str(each) for each in label], [f"g{each}" for each in group]),
        Rows(away, [str(each) for each in right]),
    )


@pytest.fixture
def both(sets, monkeypatch):
    """The same problem in the dense span, and sparse."""

    def make(**options):
        recipe = RECIPES["text-linear"]
        dense = build(*sets, recipe=recipe, metric="log-loss", **options)
        monkeypatch.setattr(
            problem, "principal", lambda *pair, **how: principal(*pair, rows=100, **how)
        )
        return dense, build(*sets, recipe=recipe, metric="log-loss", **options)

    return make


def test_values_are_those_of_the_dense_span(both):
    dense, thin = both()
    assert isinstance(dense.axes.train, np.ndarray) and sparse.issparse(thin.axes.train)
    assert thin.axes.kept == 1.0
    for method in ("shapley", "with-without", "loo"):
        settings = Settings(method=method, seeds=2, base=150, chance=2)
        one, two = measure(dense, settings), measure(thin, settings)
        assert two.convergence["models_not_converged"] == 0
        left = {each.name: each.value for each in one.groups}
        right = {each.name: each.value for each in two.groups}
        assert left == pytest.approx(right, abs=3e-4)
        assert min(right, key=right.get) == "g3"


def test_rows_have_the_same_influence(both):
    dense, thin = both()
    found = [of_rows(each, Utility(each).full().weights[0]) for each in (dense, thin)]
    assert found[0] == pytest.approx(found[1], rel=0.02, abs=2e-6)


def test_knn_wants_fewer_features(both):
    _, thin = both()
    with pytest.raises(InputError, match="it needs them cut, with dims 512"):
        measure(thin, Settings(method="knn"))


def test_dims_still_cut(sets):
    recipe = replace(RECIPES["text-linear"], dims=16)
    encoded = recipe.encode(sets[0].inputs, sets[1].inputs)
    axes = features.principal(*encoded, dims=16, rows=100)
    assert axes.train.shape == (400, 16) and axes.kept < 1
