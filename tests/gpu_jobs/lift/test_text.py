"""TF-IDF against scikit-learn's."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from gpu_jobs.contracts import InputError
from gpu_jobs.lift.text import TfIdf

TRAIN = [
    "A gorgeous film; gorgeous and true",
    "not a film, not true",
    "Élan vital: 1999 was no year",
    "x y z",
    "",
    "the end the end the end",
]
TEST = ["gorgeous year, no end", "unknown words only", "the end the film", "film"]


def test_same_matrix_as_scikit_learn():
    other = TfidfVectorizer(ngram_range=(1, 2)).fit(TRAIN)
    found = TfIdf.fit(TRAIN)
    words = found.words.to_pylist()
    names = words + [
        f"{words[pair // len(words)]} {words[pair % len(words)]}" for pair in found.pairs.tolist()
    ]
    assert sorted(names) == sorted(other.get_feature_names_out())
    columns = [other.vocabulary_[name] for name in names]
    for texts in (TRAIN, TEST):
        wanted = other.transform(texts).toarray()[:, columns]
        assert found.transform(texts).toarray() == pytest.approx(wanted, abs=1e-12)


def test_single_words_only():
    found = TfIdf.fit(["one", "two"]).transform(["two one", "one"]).toarray()
    assert np.allclose((found**2).sum(axis=1), 1)


@pytest.mark.parametrize("texts", [[""], ["a b c", "!"]])
def test_no_words(texts):
    with pytest.raises(InputError, match="no text holds a word"):
        TfIdf.fit(texts)
