"""Transcripts: ROVER, a vote word by word over transcripts that are aligned with each other.

1. Backbone of an item: its medoid. 2. Every other transcript is aligned with it by the fewest
insertions, deletions and substitutions. 3. At each word of the backbone, and at each place
between two words, the contributors vote with their weights: for a word, or for none. 4. What
wins, in order, is the label. A tie goes to the backbone; without it to the word (or to none)
that more contributors gave, then to the first in the order of the words' codes.

Source: J. Fiscus, "A post-processing system to yield reduced word error rates: recognizer output
voting error reduction (ROVER)", ASRU (1997). Aligning all with one backbone in place of a
network that grows transcript by transcript makes the result independent of their order (the
centre star of D. Gusfield, 1993). Confidence is the mean share of the winning votes.

Alignment: R. Wagner, M. Fischer (1974). Tables of many pairs are filled at once, row by row.
Shapes: V distinct transcripts of T tokens, I items; time is that of the tables, Σ |a|·|b|.
"""

from dataclasses import dataclass

import numpy as np

from gpu_jobs.aggregation.tally import Tally
from gpu_jobs.distances.pairs import blocks, spread
from gpu_jobs.distances.transcripts import Transcripts

NONE = -1
_SIZE = 2_000_000


@dataclass(frozen=True)
class Rover:
    """token int64 (t,): winning tokens of all items one after another, item (t,): whose.
    confidence float64 (I,): mean share of the votes that the winners had, 0 to 1.
    """

    token: np.ndarray
    item: np.ndarray
    confidence: np.ndarray


def rover(
    tally: Tally, code: np.ndarray, backbone: np.ndarray, weight: np.ndarray, texts: Transcripts
) -> Rover:
    """Votes of every item. code: int64 (C,), class → transcript; backbone: int64 (I,), the class
    of each item's; weight: float64 (W,).
    """
    cells = tally.cells
    votes = np.bincount(cells.code, weight[tally.worker], len(cells))
    whole = cells.sum(votes)
    votes = np.where(whole[cells.owner] > 0, votes, cells.count)
    whole = cells.sum(votes)
    mine, other = code[backbone[cells.owner]], code[cells.value]
    slot, token, pair = _aligned(mine, other, texts)
    item = cells.owner[pair]
    # Slots of an item: between words even-numbered stretches, words themselves after them.
    key = np.stack([item, slot, token])
    order = np.lexsort(key[::-1])
    item, slot, token, given = item[order], slot[order], token[order], votes[pair[order]]
    new = np.append(True, np.any(np.diff(key[:, order], axis=1) != 0, axis=0))
    group = np.cumsum(new) - 1 if len(item) else np.empty(0, dtype=np.int64)
    first = np.flatnonzero(new) if len(item) else np.empty(0, dtype=np.int64)
    item, slot, token = item[first], slot[first], token[first]
    mass = np.bincount(group, given, len(first))
    return _elected(item, slot, token, mass, whole, mine_of=code[backbone], texts=texts)


def _elected(
    item: np.ndarray,
    slot: np.ndarray,
    token: np.ndarray,
    mass: np.ndarray,
    whole: np.ndarray,
    *,
    mine_of: np.ndarray,
    texts: Transcripts,
) -> Rover:
    """The winners from the votes for each (item, slot, token), sorted so."""
    if not len(item):
        return Rover(token, item, np.ones(len(whole)))
    begins = np.append(True, (np.diff(item) != 0) | (np.diff(slot) != 0))
    start = np.flatnonzero(begins)
    place = np.cumsum(begins) - 1
    # Whoever gave no word at a slot votes for none there.
    none = whole[item[start]] - np.add.reduceat(mass, start)
    words = texts.count[mine_of]
    is_word = slot[start] % _STRIDE == _STRIDE - 1
    index = slot[start] // _STRIDE
    own = np.full(len(start), NONE)
    at = is_word & (index < words[item[start]])
    own[at] = texts.token[texts.first[mine_of[item[start][at]]] + index[at]]
    rows_item = np.concatenate([place, np.arange(len(start))])
    rows_token = np.concatenate([token, np.full(len(start), NONE)])
    rows_mass = np.concatenate([mass, none])
    top = np.maximum(np.maximum.reduceat(mass, start), none)
    tied = rows_mass >= top[rows_item] - 1e-9
    is_own = rows_token == own[rows_item]
    order = np.lexsort((rows_token, ~is_own, ~tied, rows_item))
    winner = order[np.append(True, np.diff(rows_item[order]) != 0)]
    elected, slot_item = rows_token[winner], item[start]
    share = rows_mass[winner] / whole[slot_item]
    slots = np.bincount(slot_item, minlength=len(whole))
    mean = np.bincount(slot_item, share, len(whole)) / np.maximum(slots, 1)
    kept = elected != NONE
    return Rover(
        token=elected[kept],
        item=slot_item[kept],
        confidence=np.where(slots > 0, np.minimum(mean, 1.0), 1.0),
    )


_STRIDE = 2**20
"""Slot of backbone word g: g·STRIDE + STRIDE − 1. The r-th word put in before it: g·STRIDE + r."""


def _aligned(
    one: np.ndarray, two: np.ndarray, texts: Transcripts
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """slot, token and pair of every token of two[p], aligned with one[p]."""
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    sizes = np.stack([texts.count[one], texts.count[two]])
    order = np.lexsort(sizes)
    height, width = (
        np.maximum.accumulate(sizes[0][order]),
        sizes[1][order],
    )
    for part in blocks((height + 2) * (width + 2), size=_SIZE):
        pairs = order[part]
        slot, token, owner = _aligned_block(one[pairs], two[pairs], texts)
        found.append((slot, token, pairs[owner]))
    if not found:
        none = np.empty(0, dtype=np.int64)
        return none, none, none
    slots, tokens, owners = (np.concatenate(each) for each in zip(*found, strict=True))
    return slots, tokens, owners


def _aligned_block(
    one: np.ndarray, two: np.ndarray, texts: Transcripts
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    a, b = _padded(one, texts, -1), _padded(two, texts, -2)
    column = np.arange(b.shape[1] + 1)
    rows = [np.tile(column, (len(one), 1))]
    for step in range(a.shape[1]):
        last = rows[-1]
        row = last + 1
        np.minimum(row[:, 1:], last[:, :-1] + (a[:, step, None] != b), out=row[:, 1:])
        rows.append(np.minimum.accumulate(row - column, axis=1) + column)
    table = np.stack(rows, axis=1)
    # Back from the ends of all pairs at once; a step of each is one of three moves.
    i, j = texts.count[one].copy(), texts.count[two].copy()
    slots, tokens, owners = [], [], []
    pair = np.arange(len(one))
    while len(pair):
        pair = pair[(i[pair] > 0) | (j[pair] > 0)]
        x, y = i[pair], j[pair]
        here = table[pair, x, y]
        up = np.where(x > 0, table[pair, np.maximum(x - 1, 0), y], here) == here - 1
        cross = (x > 0) & (y > 0)
        px, py = np.maximum(x - 1, 0), np.maximum(y - 1, 0)
        # The tables are padded, so that a word past the end is never looked at.
        differ = np.zeros(len(pair), dtype=bool)
        differ[cross] = a[pair[cross], px[cross]] != b[pair[cross], py[cross]]
        diagonal = cross & (table[pair, px, py] + differ == here)
        put_in = ~diagonal & ~(up & (x > 0))
        slots.append(np.where(diagonal, px * _STRIDE + _STRIDE - 1, x * _STRIDE)[diagonal | put_in])
        tokens.append(b[pair, py][diagonal | put_in] if b.shape[1] else b[:0, 0])
        owners.append(pair[diagonal | put_in])
        i[pair] -= ~put_in
        j[pair] -= diagonal | put_in
    if not owners:
        none = np.empty(0, dtype=np.int64)
        return none, none, none
    slot, token, owner = (np.concatenate(each[::-1]) for each in (slots, tokens, owners))
    return _ranked(slot, token, owner)


def _ranked(
    slot: np.ndarray, token: np.ndarray, owner: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Words put in at the same place get the places 0, 1, 2, … there, in their order."""
    order = np.lexsort((np.arange(len(slot)), slot, owner))
    slot, token, owner = slot[order], token[order], owner[order]
    begins = np.append(True, (np.diff(slot) != 0) | (np.diff(owner) != 0))[: len(slot)]
    start = np.flatnonzero(begins)
    rank = np.arange(len(slot)) - np.repeat(start, np.diff(np.append(start, len(slot))))
    return slot + rank, token, owner


def _padded(which: np.ndarray, texts: Transcripts, filler: int) -> np.ndarray:
    size = texts.count[which]
    table = np.full((len(which), int(size.max(initial=0))), filler, dtype=np.int64)
    owner, position = spread(texts.first[which], size)
    table[owner, position - texts.first[which][owner]] = texts.token[position]
    return table
