"""Contributors with more wrong labels are worth less, by features of which the truth is known."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from gpu_jobs.contracts import InputError
from gpu_jobs.lift.methods import Settings
from gpu_jobs.ocr import contributors

SHARES = np.linspace(0, 0.5, 6)
NAMES = [f"c{number}" for number in range(len(SHARES))]


@pytest.fixture(scope="module")
def data():
    """Two positions, ten letters, each a cloud; right labels of 1,200 and of 500 test rows."""
    rng = np.random.default_rng(4)
    middle = rng.normal(size=(2, 10, 80))

    def rows(count):
        codes = rng.integers(0, 10, (count, 2))
        noise = 1.5 * rng.normal(size=(count, 2, 80))
        seen = np.stack([middle[p][codes[:, p]] for p in range(2)], axis=1) + noise
        return seen.astype(np.float32), codes

    return rows(1_200), rows(500)


def test_exactly_the_share_of_texts_is_wrong(data):
    (_, codes), _ = data
    found = contributors.with_wrong_labels(codes, SHARES, letters=10, seed=1)
    wrong = (found.codes != codes).any(axis=1)
    share = [wrong[found.contributor == code].mean() for code in range(len(SHARES))]
    assert np.allclose(share, np.round(SHARES * 200) / 200)
    assert found.codes.min() >= 0
    assert found.codes.max() <= 9


@pytest.mark.parametrize("method", ["loo", "influence", "knn"])
def test_ranked_by_their_wrong_labels(data, method):
    (train, codes), (test, right) = data
    labelled = contributors.with_wrong_labels(codes, SHARES, letters=10, seed=1)
    asked = contributors.problems(train, labelled, test, right, names=NAMES, metric="log-loss")
    found = contributors.lift(asked, Settings(method=method))
    value = {one.name: one.value for one in found}
    assert [one.rows for one in found] == [200] * 6
    assert all(one.low <= one.value <= one.high for one in found)
    assert spearmanr([value[name] for name in NAMES], -SHARES).statistic >= 0.95


def test_pictures_that_cannot_be_dealt(data):
    (_, codes), _ = data
    with pytest.raises(InputError, match="dealt evenly"):
        contributors.with_wrong_labels(codes, [0.0] * 7, letters=10, seed=1)
