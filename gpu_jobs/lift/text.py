"""TF-IDF of words and pairs of words, as a sparse matrix; no loop over texts.

Term t of text x weighs tf(t, x) · (ln((1 + n) / (1 + df(t))) + 1), rows scaled to length 1
(G. Salton, C. Buckley, "Term-weighting approaches in automatic text retrieval", Information
Processing & Management 24, 1988, with the smoothed idf that scikit-learn made common). Words
are runs of at least two letters, digits or underscores, in lower case.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from gpu_jobs.contracts import InputError

_BETWEEN_WORDS = r"[^\p{L}\p{N}_]+"


@dataclass(frozen=True)
class TfIdf:
    """words: sorted. pairs: int64 (pairs,), first · len(words) + second, sorted. idf: float64
    (words + pairs,), the words first.
    """

    words: pa.Array
    pairs: np.ndarray
    idf: np.ndarray

    @classmethod
    def fit(cls, texts: Sequence[str]) -> Self:
        """Vocabulary and idf of distinct texts. Raises InputError when no text holds a word."""
        parent, word = _words(texts)
        words = pc.unique(word)
        words = words.take(pc.sort_indices(words))
        if not len(words):
            raise InputError("column of texts: no text holds a word of two letters or more")
        code = _codes(word, words)
        first, second, _of = _pairs(parent, code)
        pairs = np.unique(first * len(words) + second)
        empty = cls(words=words, pairs=pairs, idf=np.ones(len(words) + len(pairs)))
        counts = empty._counts(parent, code, len(texts))
        documents = np.bincount(counts.indices, minlength=counts.shape[1])
        idf = np.log((1 + len(texts)) / (1 + documents)) + 1
        return cls(words=words, pairs=pairs, idf=idf)

    def transform(self, texts: Sequence[str]) -> sparse.csr_array:
        """float64 (texts, words + pairs), rows of length 1; a text without known terms is zero."""
        parent, word = _words(texts)
        matrix = self._counts(parent, _codes(word, self.words), len(texts))
        matrix.data *= self.idf[matrix.indices]
        length = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
        matrix.data /= np.repeat(np.where(length > 0, length, 1.0), np.diff(matrix.indptr))
        return matrix

    def _counts(self, parent: np.ndarray, code: np.ndarray, texts: int) -> sparse.csr_array:
        """How often each text holds each known term; code -1 is an unknown word."""
        size = len(self.words)
        first, second, of = _pairs(parent, code)
        key = first * size + second
        place = np.searchsorted(self.pairs, key)
        place[place == len(self.pairs)] = 0
        known = (
            (self.pairs[place] == key) & (first >= 0) & (second >= 0)
            if len(self.pairs)
            else np.zeros(len(key), dtype=bool)
        )
        row = np.concatenate([parent[code >= 0], of[known]])
        column = np.concatenate([code[code >= 0], size + place[known]])
        shape = (texts, size + len(self.pairs))
        counts = sparse.coo_array((np.ones(len(row)), (row, column)), shape=shape).tocsr()
        counts.sort_indices()
        return counts


def _words(texts: Sequence[str]) -> tuple[np.ndarray, pa.Array]:
    """Which text each word stands in, int64 (words,), and the word, in their order."""
    lower = pc.utf8_lower(pa.array(texts, pa.large_string()))
    lists = pc.split_pattern_regex(lower, _BETWEEN_WORDS)
    word = pc.list_flatten(lists)
    long = pc.greater_equal(pc.utf8_length(word), 2)
    parent = pc.list_parent_indices(lists).filter(long).to_numpy(zero_copy_only=False)
    return parent.astype(np.int64), word.filter(long)


def _codes(word: pa.Array, words: pa.Array) -> np.ndarray:
    found = pc.fill_null(pc.index_in(word, value_set=words), -1)
    return found.to_numpy(zero_copy_only=False).astype(np.int64)


def _pairs(parent: np.ndarray, code: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Neighbours inside one text: code of the first, of the second, and the text."""
    same = parent[1:] == parent[:-1]
    return code[:-1][same], code[1:][same], parent[1:][same]
