"""Diversity and contamination of each contributor's texts, with intervals and thresholds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gpu_jobs.contracts import InputError, Report
from gpu_jobs.diversity import contamination, space
from gpu_jobs.diversity.vendi import MOST, Rows, rarefied, vendi_score
from gpu_jobs.encoders.encoder import Encoder, embed
from gpu_jobs.lift.text import TfIdf
from gpu_jobs.ngrams import normalise
from gpu_jobs.shares import wilson

SIZE = 100
DRAWS = 20


@dataclass(frozen=True)
class Share:
    """rows: that count. low, high: Wilson's 95% interval."""

    rows: int
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Contributor:
    """rows: texts handed in; distinct: different ones. vendi: of all rows. vendi_at: the mean
    over draws of as many rows as everybody is compared at (`Diversity.size`); low, high: over the
    draws. coverage: see `space`, None without enough texts of others. tail: likewise. within,
    across, test, model: see `contamination.Repeats`. contaminated: rows in any of across, test,
    model.
    """

    name: str
    rows: int
    distinct: int
    vendi: float
    vendi_at: float
    vendi_low: float
    vendi_high: float
    coverage: float | None
    tail: Share | None
    within: Share
    across: Share
    test: Share
    model: Share
    contaminated: Share


@dataclass(frozen=True)
class Diversity:
    """contributors: the least diverse first, those with fewer than `size` rows last. everybody:
    of all rows as one set. size: rows at which Vendi scores and coverage are compared. says:
    method, thresholds and what was cut.
    """

    encoder: str
    size: int
    everybody: Contributor
    contributors: tuple[Contributor, ...]
    says: tuple[str, ...]


def _quiet(_done: int, _total: int, _message: str) -> None:
    return None


def diversity(
    texts: Sequence[str],
    names: Sequence[str],
    *,
    encoder: Encoder | None,
    test: Sequence[str] = (),
    model: Sequence[str] = (),
    size: int = SIZE,
    draws: int = DRAWS,
    seed: int = 0,
    report: Report = _quiet,
) -> Diversity:
    """texts, names: (n,), of each row handed in. encoder: None for TF-IDF, which needs no torch.

    Contributors with fewer than `size` rows are compared at what they have, which makes their
    score smaller. Raises InputError for no rows, and for sizes and draws below 2.
    """
    if not len(texts):
        raise InputError("there are no texts")
    if size < 2 or draws < 2:
        raise InputError("size and draws must be at least 2")
    every = normalise([*texts, *test, *model])
    coded = every.dictionary_encode()
    code = coded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    distinct = [str(each) for each in coded.dictionary.to_pylist()]
    of_row, of_test, of_model = np.split(code, np.cumsum([len(texts), len(test)]))
    vectors = vectors_of(distinct, first_spellings(code, [*texts, *test, *model]), encoder, report)
    pairs = contamination.alike(
        distinct, vectors if isinstance(vectors, np.ndarray) else None, seed=seed
    )
    workers, worker = np.unique(np.asarray(names, dtype=str), return_inverse=True)
    rng = np.random.default_rng([seed, 7])
    alone = np.zeros(len(of_row), dtype=np.int64)
    found = contamination.repeats(
        pairs, of_row, worker, workers=len(workers), test=of_test, model=of_model
    )
    whole = contamination.repeats(pairs, of_row, alone, workers=1, test=of_test, model=of_model)
    handed = np.unique(of_row)
    place = space.places(
        vectors[handed],
        np.asarray(np.searchsorted(handed, of_row)),
        worker,
        workers=len(workers),
        size=size,
        draws=draws,
        rng=rng,
    )
    lines = []
    for number, name in enumerate(workers.tolist()):
        mine = worker == number
        lines.append(
            _contributor(
                name,
                vectors[of_row[mine]],
                of_row[mine],
                _part(found, mine),
                float(place.coverage[number]),
                float(place.tail[number]),
                size=size,
                draws=draws,
                rng=rng,
            )
        )
        report(number + 1, len(workers), name)
    everybody = _contributor(
        "everybody",
        vectors[of_row],
        of_row,
        whole,
        np.nan,
        np.nan,
        size=size,
        draws=draws,
        rng=rng,
    )
    return Diversity(
        encoder="TF-IDF" if encoder is None else encoder.name,
        size=size,
        everybody=everybody,
        contributors=tuple(
            sorted(lines, key=lambda one: (one.rows < size, one.vendi_at, one.name))
        ),
        says=_says(encoder, size, len(distinct)),
    )


def vectors_of(
    distinct: list[str], given: list[str], encoder: Encoder | None, report: Report
) -> Rows:
    """Unit rows; the encoder reads texts as they were handed in, one spelling of each."""
    if encoder is None:
        return TfIdf.fit(distinct).transform(distinct).tocsr()
    found = embed(encoder, given, report=report)
    length = np.linalg.norm(found, axis=1, keepdims=True)
    return found / np.where(length > 0, length, 1)


def first_spellings(code: np.ndarray, texts: list[str]) -> list[str]:
    """For each distinct text the first spelling of it."""
    _, place = np.unique(code, return_index=True)
    return [texts[i] for i in place.tolist()]


def _part(found: contamination.Repeats, mine: np.ndarray) -> contamination.Repeats:
    return contamination.Repeats(
        within=found.within[mine],
        across=found.across[mine],
        test=found.test[mine],
        model=found.model[mine],
    )


def _contributor(
    name: str,
    rows: Rows,
    text: np.ndarray,
    found: contamination.Repeats,
    coverage: float,
    tail: float,
    *,
    size: int,
    draws: int,
    rng: np.random.Generator,
) -> Contributor:
    n = len(text)
    mean, low, high = rarefied(rows, size, draws, rng)
    cut = min(rows.shape) > MOST
    kept = rows[rng.choice(n, MOST, replace=False)] if cut else rows
    return Contributor(
        name=name,
        rows=n,
        distinct=len(np.unique(text)),
        vendi=vendi_score(kept),
        vendi_at=mean,
        vendi_low=low,
        vendi_high=high,
        coverage=coverage if np.isfinite(coverage) else None,
        tail=share_of(tail, n) if np.isfinite(tail) else None,
        within=share_of(found.within.sum(), n),
        across=share_of(found.across.sum(), n),
        test=share_of(found.test.sum(), n),
        model=share_of(found.model.sum(), n),
        contaminated=share_of((found.across | found.test | found.model).sum(), n),
    )


def share_of(count: float, n: int) -> Share:
    """Count may be fractional, such as a mean over draws."""
    low, high = wilson(np.array(float(count)), np.array(float(n)))
    return Share(rows=int(count), share=float(count) / n, low=float(low), high=float(high))


def _says(encoder: Encoder | None, size: int, distinct: int) -> tuple[str, ...]:
    meaning = (
        "Texts are vectors of TF-IDF of words and pairs of words: what says the same in other words"
        " counts as different, and only copies count as repeats."
        if encoder is None
        else encoder.says
    )
    found = [
        meaning,
        (
            f"Vendi scores and coverage are compared at {size} rows each; contributors with fewer"
            " have smaller ones for that alone."
        ),
        (
            "Nearly the same means: equal but for case and blanks; or, from 40 characters on, a"
            " Jaccard similarity of 5-character windows of at least 0.8 or a cosine of hashed"
            " windows of at least 0.9"
            + (
                f"; or a cosine of vectors of at least {contamination.MEANING}."
                if encoder is not None and distinct <= contamination.MOST
                else "."
            )
        ),
        (
            "The tail is the tenth of all rows that lie farthest from their fifth neighbour among"
            f" up to {space.SAMPLE:,} texts of others. Intervals of shares are Wilson's, 95%."
        ),
    ]
    if encoder is not None and distinct > contamination.MOST:
        found.append(
            f"With {distinct:,} distinct texts, pairs of vectors were not compared; MinHash alone"
            " looked for repeats."
        )
    return tuple(found)
