"""A project's scores between two full runs: one answer changes what it touches, nothing else.

`Online.start` makes a full run's matrices standing. `add` then costs O(answers of the item ·
classes + classes²), whatever the size of the project:

- the item: its evidence grows by ln π^w_·v, its posterior is one local E-step with the standing
  matrices (R. M. Neal, G. E. Hinton, "A view of the EM algorithm that justifies incremental,
  sparse, and other variants", 1998);
- contributors: the expected counts of everybody who answered the item move with its posterior;
  a known answer counts in the contributor's gold at once;
- the project: alpha's sums change by this item's part.

The matrices stand until the next full run: the truth is the full run, and `difference` says how far
the two are apart. Two states that saw the same answers in another order are equal up to rounding.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from scipy import sparse

from gpu_jobs.aggregation.labels import TIED, UNDECIDED
from gpu_jobs.answers import NO_GOLD, Answers, positions
from gpu_jobs.contracts import InputError
from gpu_jobs.gold.posterior import K, score_posterior
from gpu_jobs.online.agreement import RunningAlpha
from gpu_jobs.online.standing import Standing, drawn, posterior_of, standing

VERSION = 2
OF_ITEMS = ("evidence", "posterior", "gold")
OF_WORKERS = ("log_error", "mass", "right", "known")
SPARE = 65_536
"""Rows of room at the start, beside as many as there are. They cost no memory until they are used:
the system gives a page when it is first written."""
_ARRAYS = (
    "priors",
    "pooled",
    "log_error",
    "mass",
    "evidence",
    "posterior",
    "gold",
    "right",
    "known",
    "indptr",
    "by",
    "said",
)


@dataclass(frozen=True)
class Update:
    """What one answer changed. label: None when two classes are tied. accuracy: the contributor's
    expected share of right answers, under the posterior, of `answers` answers. gold_right of gold
    known answers, q its posterior mean with 90% interval low … high. alpha: None where undefined.
    """

    item: str
    label: str | None
    probability: float
    item_answers: int
    worker: str
    answers: int
    accuracy: float
    gold_right: int
    gold: int
    q: float
    low: float
    high: float
    alpha: float | None


@dataclass(frozen=True)
class Difference:
    """Online against the full run, over what both know: largest and mean change of an item's
    probability, items whose label differs, largest change of a contributor's accuracy, alpha of
    both. items, workers: how many were compared.
    """

    items: int
    workers: int
    largest: float
    mean: float
    labels: int
    accuracy: float
    alpha_online: float | None
    alpha_full: float | None


@dataclass
class Online:
    """Arrays as in `Standing`; the first len(items) or len(workers) rows count. The rest is room
    for what comes until the next full run, so that no update has to move what is there.

    indptr (I₀ + 1,), by, said (n₀,): answers of the full run, by item. fresh: later ones, by item.
    """

    items: list[str]
    workers: list[str]
    classes: list[str]
    priors: np.ndarray
    pooled: np.ndarray
    log_error: np.ndarray
    mass: np.ndarray
    evidence: np.ndarray
    posterior: np.ndarray
    gold: np.ndarray
    right: np.ndarray
    known: np.ndarray
    indptr: np.ndarray
    by: np.ndarray
    said: np.ndarray
    alpha: RunningAlpha
    repeats: str
    fresh: dict[int, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    added: int = 0

    def __post_init__(self) -> None:
        self._item = _Codes(self.items)
        self._worker = _Codes(self.workers)
        for name in (*OF_ITEMS, *OF_WORKERS):
            setattr(self, name, _reserved(getattr(self, name)))
        self._class = {name: code for code, name in enumerate(self.classes)}

    @classmethod
    def start(
        cls,
        answers: Answers,
        *,
        fit: Standing | None = None,
        level: str = "nominal",
        repeats: str = "keep",
    ) -> Self:
        """From all answers so far. repeats: "keep", or "last" (the file too must be read so)."""
        if repeats not in {"keep", "last"}:
            raise InputError("online repeats are kept, or the last one wins")
        fit = standing(answers) if fit is None else fit
        classes = len(answers.classes)
        place = positions(answers, level)
        alpha = RunningAlpha(level=level, place=place, totals=np.zeros(classes))
        n = len(answers)
        counts = sparse.coo_array(
            (np.ones(n), (answers.item, answers.value)), shape=(len(answers.items), classes)
        )
        alpha.start(counts.toarray())
        gold = answers.gold[answers.item]
        size = len(answers.workers)
        known = gold != NO_GOLD
        right = known & (gold == answers.value)
        per_item = np.bincount(answers.item, minlength=len(answers.items))
        return cls(
            items=list(answers.items),
            workers=list(answers.workers),
            classes=list(answers.classes),
            priors=fit.priors,
            pooled=fit.pooled,
            log_error=np.log(fit.error),
            mass=fit.mass.copy(),
            evidence=fit.evidence.copy(),
            posterior=fit.posterior.copy(),
            gold=answers.gold.copy(),
            right=np.bincount(answers.worker[right], minlength=size),
            known=np.bincount(answers.worker[known], minlength=size),
            indptr=np.append(0, np.cumsum(per_item)),
            by=answers.worker.copy(),
            said=answers.value.copy(),
            alpha=alpha,
            repeats=repeats,
        )

    def add(self, item: str, worker: str, answer: str, *, gold: str | None = None) -> Update:
        """One answer. gold: of an item that is new here. Raises InputError for an answer that is
        no class of the last full run, which alone can make new ones.
        """
        value = self._class_of(answer)
        right = None if gold is None else self._class_of(gold)
        u, w = self._item_code(item, right), self._worker_code(worker)
        by, said = self.answers_of(u)
        before = np.bincount(said, minlength=len(self.classes))
        old = self.posterior[u].copy()
        if self.repeats == "last" and (again := np.flatnonzero(by == w)).size:
            gone = int(said[again[0]])
            by, said = np.delete(by, again[0]), np.delete(said, again[0])
            self._count(u, w, gone, -1, old)
        self._count(u, w, value, 1, old)
        by, said = np.append(by, w), np.append(said, value)
        self.fresh[u] = (by, said)
        self.posterior[u] = posterior_of(self.evidence[u], self.priors)
        moved = self.posterior[u] - old
        np.add.at(self.mass, (by[:, None], np.arange(len(old))[None, :], said[:, None]), moved)
        self.alpha.change(before, np.bincount(said, minlength=len(self.classes)))
        self.added += 1
        return self._update(u, w, len(by))

    def answers_of(self, item: int) -> tuple[np.ndarray, np.ndarray]:
        """Workers and classes of all answers to an item (codes)."""
        if item in self.fresh:
            return self.fresh[item]
        if item + 1 >= len(self.indptr):
            none = np.empty(0, dtype=np.int64)
            return none, none
        part = slice(self.indptr[item], self.indptr[item + 1])
        return self.by[part], self.said[part]

    def label_of(self, item: str) -> str | None:
        """The likeliest class; None when two are tied, or for an item without an answer."""
        u = self._item.get(item)
        if u is None or not len(self.answers_of(u)[0]):
            return None
        best = np.flatnonzero(self.posterior[u] >= self.posterior[u].max() - TIED)
        return self.classes[best[0]] if len(best) == 1 else None

    def accuracy(self) -> np.ndarray:
        """(W,): expected share of right answers; drawn towards the crowd, as the matrices are."""
        mass = self.mass[: len(self.workers)]
        error = drawn(mass, self.pooled)
        return np.asarray(np.einsum("wkk,k->w", error, self.priors))

    def save(self, path: Path) -> None:
        """One .npz file without pickled objects."""
        whole = self._settled()
        about = {
            "version": VERSION,
            "items": self.items,
            "workers": self.workers,
            "classes": self.classes,
            "level": self.alpha.level,
            "within": self.alpha.within,
            "repeats": self.repeats,
            "added": self.added,
        }
        stored: dict[str, Any] = whole | {
            "about": np.frombuffer(json.dumps(about).encode(), dtype=np.uint8),
            "place": self.alpha.place,
            "totals": self.alpha.totals,
            "together": self.alpha.together,
        }
        with path.open("wb") as stream:
            np.savez_compressed(stream, **stored)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Raises InputError when the file is no state of this version."""
        try:
            with np.load(path, allow_pickle=False) as stored:
                about = json.loads(stored["about"].tobytes())
                arrays = {name: stored[name] for name in _ARRAYS}
                sums = {name: stored[name] for name in ("place", "totals", "together")}
        except (OSError, KeyError, ValueError) as error:
            raise InputError(f"{path.name} holds no online state") from error
        if about.pop("version") != VERSION:
            raise InputError(f"{path.name} holds an online state of another version")
        alpha = RunningAlpha(level=about.pop("level"), within=about.pop("within"), **sums)
        return cls(**arrays, **about, alpha=alpha)

    def _class_of(self, answer: str) -> int:
        if answer not in self._class:
            raise InputError(
                f"answer {answer!r} is no class of the last full run; it enters with the next"
            )
        return self._class[answer]

    def _item_code(self, name: str, gold: int | None) -> int:
        code = self._item.get(name)
        if code is None:
            code = self._item.add(name)
            self.items.append(name)
            self.evidence = _room(self.evidence, len(self.items), 0.0)
            self.posterior = _room(self.posterior, len(self.items), 0.0)
            self.gold = _room(self.gold, len(self.items), NO_GOLD)
            self.posterior[len(self.items) - 1] = self.priors
            self.gold[len(self.items) - 1] = NO_GOLD if gold is None else gold
        return code

    def _worker_code(self, name: str) -> int:
        code = self._worker.get(name)
        if code is None:
            code = self._worker.add(name)
            self.workers.append(name)
            self.log_error = _room(self.log_error, len(self.workers), 0.0)
            self.mass = _room(self.mass, len(self.workers), 0.0)
            self.right = _room(self.right, len(self.workers), 0)
            self.known = _room(self.known, len(self.workers), 0)
            # Of somebody new nothing is known but the crowd they come from.
            self.log_error[len(self.workers) - 1] = np.log(self.pooled)
        return code

    def _count(self, u: int, w: int, value: int, sign: int, posterior: np.ndarray) -> None:
        self.evidence[u] += sign * self.log_error[w, :, value]
        self.mass[w, :, value] += sign * posterior
        if self.gold[u] != NO_GOLD:
            self.known[w] += sign
            self.right[w] += sign * int(self.gold[u] == value)

    def _update(self, u: int, w: int, item_answers: int) -> Update:
        top = float(self.posterior[u].max())
        best = np.flatnonzero(self.posterior[u] >= top - TIED)
        scores = score_posterior(
            np.zeros(int(self.known[w]), dtype=np.int64),
            np.repeat([1.0, 0.0], [self.right[w], self.known[w] - self.right[w]]),
            1,
            k=K,
        )
        mine = self.mass[w]
        return Update(
            item=self.items[u],
            label=self.classes[best[0]] if len(best) == 1 else None,
            probability=top,
            item_answers=item_answers,
            worker=self.workers[w],
            answers=round(float(mine.sum())),
            accuracy=float(np.diagonal(drawn(mine, self.pooled)) @ self.priors),
            gold_right=int(self.right[w]),
            gold=int(self.known[w]),
            q=float(scores.q[0]),
            low=float(scores.low[0]),
            high=float(scores.high[0]),
            alpha=self.alpha.alpha(),
        )

    def _settled(self) -> dict[str, np.ndarray]:
        """All arrays without spare room, and all answers by item."""
        lists = [self.answers_of(u) for u in range(len(self.items))]
        size = np.array([len(by) for by, _ in lists], dtype=np.int64)
        none = np.empty(0, dtype=np.int64)
        found = {
            "priors": self.priors,
            "pooled": self.pooled,
            "indptr": np.append(0, np.cumsum(size)),
            "by": np.concatenate([by for by, _ in lists]) if lists else none,
            "said": np.concatenate([said for _, said in lists]) if lists else none,
        }
        found |= {name: getattr(self, name)[: len(self.items)] for name in OF_ITEMS}
        return found | {name: getattr(self, name)[: len(self.workers)] for name in OF_WORKERS}


def difference(online: Online, full: Online) -> Difference:
    """How far a day of single updates is from the full run over the same answers.

    Raises InputError when the classes differ.
    """
    if online.classes != full.classes:
        raise InputError("the full run has other classes than the online state")
    here, there = _common(online.items, full.items)
    moved = np.abs(online.posterior[here] - full.posterior[there]).max(axis=1, initial=0)
    labels = _labels(online.posterior[here]) != _labels(full.posterior[there])
    mine, theirs = _common(online.workers, full.workers)
    apart = np.abs(online.accuracy()[mine] - full.accuracy()[theirs])
    return Difference(
        items=len(here),
        workers=len(mine),
        largest=float(moved.max(initial=0)),
        mean=float(moved.mean()) if len(moved) else 0.0,
        labels=int(labels.sum()),
        accuracy=float(apart.max(initial=0)),
        alpha_online=online.alpha.alpha(),
        alpha_full=full.alpha.alpha(),
    )


def _common(one: Sequence[str], two: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    place = {name: code for code, name in enumerate(two)}
    pairs = [(code, place[name]) for code, name in enumerate(one) if name in place]
    found = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return found[:, 0], found[:, 1]


def _labels(posterior: np.ndarray) -> np.ndarray:
    if not posterior.size:
        return np.empty(0, dtype=np.int64)
    tied = posterior >= posterior.max(axis=1, keepdims=True) - TIED
    return np.where(tied.sum(axis=1) == 1, posterior.argmax(axis=1), UNDECIDED)


class _Codes:
    """Names to codes. Later names have a dictionary of their own: one that grows among a million
    would stop an update to move them all.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._first = {name: code for code, name in enumerate(names)}
        self._later: dict[str, int] = {}

    def get(self, name: str) -> int | None:
        found = self._first.get(name)
        return self._later.get(name) if found is None else found

    def add(self, name: str) -> int:
        code = len(self._first) + len(self._later)
        self._later[name] = code
        return code


def _reserved(array: np.ndarray) -> np.ndarray:
    more = np.zeros((2 * len(array) + SPARE, *array.shape[1:]), dtype=array.dtype)
    more[: len(array)] = array
    return more


def _room(array: np.ndarray, rows: int, fill: float) -> np.ndarray:
    """The same array, with twice the rows when it is full."""
    if rows <= len(array):
        return array
    more = np.full((max(rows, 2 * len(array)), *array.shape[1:]), fill, dtype=array.dtype)
    more[: len(array)] = array
    return more
