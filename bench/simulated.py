"""Crowds with known cheats, for the rates of the signals and the table of robustness."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from gpu_jobs.answers import Answers, encode

HONEST, SPAMMER, COLLUDER, ADVERSARY, DRIFTER = range(5)
RING = 4
"""Colluders come in rings of so many: one works, the others copy."""
SLIP = 0.05
"""Share of the copied answers that are changed, to look less copied."""


@dataclass(frozen=True)
class Crowd:
    """answers with the truth as gold; kind (W,), order, seconds (n,), accuracy (W,): share of right
    answers that each worker in fact gave.
    """

    answers: Answers
    truth: np.ndarray
    kind: np.ndarray
    order: np.ndarray
    seconds: np.ndarray
    accuracy: np.ndarray


def crowd(
    draw: np.random.Generator,
    *,
    items: int = 800,
    workers: int = 40,
    overlap: int = 10,
    classes: int = 4,
    spammers: float = 0,
    colluders: float = 0,
    adversaries: float = 0,
    drifters: float = 0,
    gold: bool = False,
) -> Crowd:
    """Shares are of the workers. Honest ones have an accuracy of Beta(12, 4) on ordinary items;
    items differ in difficulty (normal, 0.7 in log-odds), wrong answers lean to one neighbouring
    class, classes are not equally common. Answer times are log-normal by worker and item; two in
    three spammers are hasty. A third of the spammers answers by chance, a third always the same, a
    third in runs. Adversaries know as much as honest ones and answer the next class instead.
    Drifters are honest and give half of their last third of answers by chance.
    """
    kind = np.zeros(workers, dtype=np.int64)
    counts = np.rint(np.array([spammers, colluders, adversaries, drifters]) * workers).astype(int)
    start = np.append(0, np.cumsum(counts))
    for which, code in enumerate((SPAMMER, COLLUDER, ADVERSARY, DRIFTER)):
        kind[start[which] : start[which + 1]] = code
    shares = np.arange(classes, 0, -1) + 1.0
    truth = draw.choice(classes, items, p=shares / shares.sum())
    item, worker = _assigned(draw, items, workers, overlap)
    value = _answered(draw, truth, item, worker, workers, classes, kind == ADVERSARY)
    order = np.argsort(draw.random(len(item))).astype(np.float64)
    value = _spam(draw, value, worker, order, kind, classes)
    value = _copied(draw, value, item, worker, kind, classes)
    hasty = (kind == SPAMMER) & (np.arange(workers) % 3 != 0)
    pace = draw.normal(0, 0.25, workers) - 2.2 * hasty
    seconds = np.exp(
        3.3 + pace[worker] + draw.normal(0, 0.3, items)[item] + draw.normal(0, 0.35, len(item))
    )
    return _encoded(truth, item, worker, value, order, seconds, kind, gold)


def _assigned(
    draw: np.random.Generator, items: int, workers: int, overlap: int
) -> tuple[np.ndarray, np.ndarray]:
    """Batches of items to groups of workers, so that people meet again, as in real projects."""
    chosen = np.argsort(draw.random((max(items // 10, 1), workers)), axis=1)[:, :overlap]
    item = np.repeat(np.arange(items), overlap)
    worker = chosen[np.minimum(np.arange(items) // 10, len(chosen) - 1)].ravel()
    return item, worker


def _answered(
    draw: np.random.Generator,
    truth: np.ndarray,
    item: np.ndarray,
    worker: np.ndarray,
    workers: int,
    classes: int,
    reversed_: np.ndarray,
) -> np.ndarray:
    skill = draw.beta(12, 4, workers)
    odds = np.log(skill / (1 - skill))[worker] + draw.normal(0, 0.7, len(truth))[item]
    right = draw.random(len(item)) < 1 / (1 + np.exp(-odds))
    # Half of the errors go to the class next to the truth, the rest to any other.
    lean = draw.random(len(item)) < 0.5
    step = np.where(lean, 1, draw.integers(1, classes, len(item)))
    value = np.where(right, truth[item], (truth[item] + step) % classes)
    return np.where(reversed_[worker] & right, (value + 1) % classes, value)


def _spam(
    draw: np.random.Generator,
    value: np.ndarray,
    worker: np.ndarray,
    order: np.ndarray,
    kind: np.ndarray,
    classes: int,
) -> np.ndarray:
    value = value.copy()
    for who in np.flatnonzero(kind == DRIFTER).tolist():
        mine = np.flatnonzero(worker == who)
        late = mine[np.argsort(order[mine])][-(len(mine) // 3) :]
        tired = late[draw.random(len(late)) < 0.5]
        value[tired] = draw.integers(0, classes, len(tired))
    for who in np.flatnonzero(kind == SPAMMER).tolist():
        mine = np.flatnonzero(worker == who)
        mine = mine[np.argsort(order[mine])]
        chance = draw.integers(0, classes, len(mine))
        if who % 3 == 1:
            value[mine] = draw.integers(0, classes)
        elif who % 3 == 2:
            value[mine] = chance[np.arange(len(mine)) // 8]
        else:
            value[mine] = chance
    return value


def _copied(
    draw: np.random.Generator,
    value: np.ndarray,
    item: np.ndarray,
    worker: np.ndarray,
    kind: np.ndarray,
    classes: int,
) -> np.ndarray:
    """Within a ring the first to answer an item is copied by the others."""
    ring = np.full(len(kind), -1)
    members = np.flatnonzero(kind == COLLUDER)
    ring[members] = np.arange(len(members)) // RING
    inside = np.flatnonzero(ring[worker] >= 0)
    if not len(inside):
        return value
    key = item[inside] * (int(ring.max()) + 1) + ring[worker[inside]]
    _, first, place = np.unique(key, return_index=True, return_inverse=True)
    copied = value[inside[first]][place]
    slip = draw.random(len(inside)) < SLIP
    found = value.copy()
    found[inside] = np.where(slip, draw.integers(0, classes, len(inside)), copied)
    return found


def _encoded(
    truth: np.ndarray,
    item: np.ndarray,
    worker: np.ndarray,
    value: np.ndarray,
    order: np.ndarray,
    seconds: np.ndarray,
    kind: np.ndarray,
    gold: bool,
) -> Crowd:
    """Through the same door as a file; names sort as codes do."""
    columns = {"item_id": item, "worker_id": worker, "answer": value, "gold": truth[item]}
    answers = encode(
        pa.table(
            {
                name: pa.array([f"{code:06d}" for code in codes.tolist()], pa.string())
                for name, codes in columns.items()
                if gold or name != "gold"
            }
        ),
        repeats="keep",
    )
    known = {name: code for code, name in enumerate(answers.classes)}
    of_truth = np.array([known.get(f"{code:06d}", -1) for code in truth.tolist()])
    present = np.array([int(name) for name in answers.items])
    there = np.array([int(name) for name in answers.workers])
    right = answers.value == of_truth[present][answers.item]
    n = np.bincount(answers.worker, minlength=len(there))
    return Crowd(
        answers=answers,
        truth=of_truth[present],
        kind=kind[there],
        order=order[answers.row],
        seconds=seconds[answers.row],
        accuracy=np.bincount(answers.worker, weights=right, minlength=len(there)) / n,
    )
