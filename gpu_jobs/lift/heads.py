"""Many logistic heads trained together, one for each coalition, on shared features.

Head k minimises   Σ_i Σ_c T[k, c, i] · (−ln p_c(x_i)) + (l2 / 2)·‖w‖² + (INTERCEPT / 2)·b²
with p = softmax(w·x + b), one logit less for two classes: scikit-learn's `LogisticRegression`
with C = 1 / l2, but for the intercept's penalty. That penalty is so small that it changes
nothing where both classes occur, and it makes the answer unique and finite where they do not:
a coalition of one class predicts that class, an empty one gives every class the same probability.

All heads take the steps of L-BFGS (D. C. Liu, J. Nocedal, "On the limited memory BFGS method",
Mathematical Programming 45, 1989) at the same time: one product of features × directions and one
of residuals × features for each step of all of them. In the principal axes (`features`) the
Hessian of a coalition of weight m is near κ·m·variance + l2, κ the mean p(1 − p), and that
diagonal starts the recursion. A step's length is Newton's along the direction, mended by secants
until the slope has fallen by half; the loss is convex, and nothing is taken as solved before the
gradient says so, for each head.

Rows are cut into blocks, and a block is multiplied only for the coalitions with weight in it;
with groups of rows, that halves the work of all coalitions.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from gpu_jobs.lift.features import Matrix

INTERCEPT = 1e-4
TOLERANCE = 1e-5
"""Of the gradient's length by the coalition's weight."""
MAX_STEPS = 200
_MEMORY = 8
_BLOCK = 384
_THIN = 8_192
"""Rows of a block of sparse ones, whose product copies all weights, so that few are better."""
_FLAT = 0.5
_MENDS = 6


@dataclass(frozen=True)
class Heads:
    """weights: float32 (K, H, d + 1), the intercept last; H = 1 logit for two classes, of the
    second against the first, else one a class. converged: bool (K,). steps: int64 (K,), until
    then.
    """

    weights: np.ndarray
    converged: np.ndarray
    steps: np.ndarray


def train(
    features: Matrix,
    targets: np.ndarray,
    *,
    variance: np.ndarray,
    l2: float = 1.0,
    start: np.ndarray | None = None,
    tolerance: float = TOLERANCE,
    max_steps: int = MAX_STEPS,
    blocks: Sequence[int] | None = None,
    intercept: bool = True,
) -> Heads:
    """Heads for K coalitions.

    features: float32 (u, d) in principal axes, or sparse. targets: float32 (K, C, u), the weight
    of row i with class c in coalition k. variance: (d,) of the axes. start: float32 (H, d + 1),
    where every coalition begins that has at least half of the largest weight; the others begin at
    zero.
    blocks: first rows of the blocks, where rows stand in an order that has coalitions in common;
    without them, rows are sorted by the coalitions that use them. intercept: without it, b is 0.
    """
    count, classes, _ = targets.shape
    logits = 1 if classes == 2 else classes
    weight = targets.sum(axis=(1, 2), dtype=np.float64)
    used = np.flatnonzero(targets.any(axis=(0, 1)))
    if blocks is None:
        used = _alike(targets, used)
    width = features.shape[1] + 1
    found = np.zeros((count, logits, width), dtype=np.float32)
    if start is not None and count:
        found[weight >= weight.max() / 2] = start
    found[weight == 0] = 0
    steps = np.zeros(count, dtype=np.int64)
    todo = np.flatnonzero(weight > 0)
    converged = weight == 0
    if not len(todo):
        return Heads(found, converged, steps)
    # Beside zeros b has no gradient but its penalty's, and stays where it begins.
    ones = np.full((len(used), 1), intercept, dtype=np.float32)
    thin = sparse.issparse(features)
    rows = (
        sparse.hstack([features[used], ones], format="csr")
        if thin
        else np.hstack([features[used], ones])
    )
    edges = _edges(used, features.shape[0], blocks, least=_THIN if thin else _BLOCK)
    penalty = np.full(width, l2, dtype=np.float32)
    penalty[-1] = INTERCEPT
    targets = targets[todo][:, :, used]
    made = [_block(rows[edge], targets[:, :, edge]) for edge in edges]
    problem = _Problem([block for block in made if len(block.total)], penalty)
    state = problem.at(found[todo])
    curvature = state.spread / weight[todo]
    diagonal = np.multiply.outer(curvature * weight[todo], np.append(variance, 1.0)) + penalty
    scale = (1.0 / diagonal).astype(np.float32)[:, None, :]
    memory: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for step in range(max_steps + 1):
        flat = np.sqrt(_dot(state.gradient, state.gradient)) <= tolerance * weight[todo]
        steps[todo] = step
        if flat.all() or step == max_steps:
            found[todo] = state.weights
            converged[todo] = flat
            break
        if flat.sum() > len(todo) / 4:
            # The rest goes on without those that are done.
            found[todo[flat]] = state.weights[flat]
            converged[todo[flat]] = True
            left = ~flat
            todo, scale = todo[left], scale[left]
            problem, state = problem.part(left, state)
            memory = [(s[left], y[left], r[left]) for s, y, r in memory]
        direction = _direction(state.gradient, memory, scale)
        after = problem.search(state, direction)
        moved, turned = after.weights - state.weights, after.gradient - state.gradient
        along = _dot(moved, turned)
        bent = along > 1e-12 * np.sqrt(_dot(moved, moved) * _dot(turned, turned))
        inverse = np.where(bent, 1.0 / np.where(bent, along, 1.0), 0.0).astype(np.float32)
        memory = [*memory[-_MEMORY + 1 :], (moved, turned, inverse[:, None, None])]
        state = after
    return Heads(found, converged, steps)


def probabilities(weights: np.ndarray, features: Matrix) -> np.ndarray:
    """float32 (K, C, t) of heads (K, H, d + 1) on rows (t, d)."""
    count, logits, width = weights.shape
    flat = weights.reshape(count * logits, width)
    scores = (flat[:, :-1] @ features.T + flat[:, -1:]).reshape(count, logits, -1)
    found = _softmax(scores)
    return np.concatenate([1 - found, found], axis=1) if logits == 1 else found


@dataclass(frozen=True)
class _State:
    """weights, gradient: (K, H, d + 1). scores, chances: a block each, (its K, H, rows). spread:
    float64 (K,), Σ_i weight · p(1 − p).
    """

    weights: np.ndarray
    gradient: np.ndarray
    scores: list[np.ndarray]
    chances: list[np.ndarray]
    spread: np.ndarray


@dataclass(frozen=True)
class _Block:
    """rows: (r, d + 1). who: coalitions with weight here, or a slice of all. target: (K', H, r);
    total: (K', 1, r).
    """

    rows: Matrix
    who: np.ndarray | slice
    target: np.ndarray
    total: np.ndarray

    def part(self, which: np.ndarray) -> tuple["_Block", np.ndarray]:
        """For the coalitions that are in `which`, and where these stand here, bool (K',)."""
        here = which[self.who]
        if isinstance(self.who, slice):
            who: np.ndarray | slice = self.who
        else:
            who = (np.cumsum(which) - 1)[self.who[here]]
        return _Block(self.rows, who, self.target[here], self.total[here]), here


class _Problem:
    """The loss of all coalitions."""

    def __init__(self, blocks: list[_Block], penalty: np.ndarray) -> None:
        self._blocks, self._penalty = blocks, penalty

    def part(self, which: np.ndarray, state: _State) -> tuple["_Problem", _State]:
        """The same for some of the coalitions, bool (K,)."""
        found = [block.part(which) for block in self._blocks]
        kept = [place for place, (block, _) in enumerate(found) if len(block.total)]
        return (
            _Problem([found[place][0] for place in kept], self._penalty),
            _State(
                state.weights[which],
                state.gradient[which],
                [state.scores[place][found[place][1]] for place in kept],
                [state.chances[place][found[place][1]] for place in kept],
                state.spread[which],
            ),
        )

    def at(self, weights: np.ndarray) -> _State:
        scores = [_scores(weights, block) for block in self._blocks]
        chances = [_softmax(each) for each in scores]
        pairs = zip(chances, self._blocks, strict=True)
        return self._finish(weights, scores, chances, [_residual(*each) for each in pairs])

    def search(self, state: _State, direction: np.ndarray) -> _State:
        """The next point on the line; the slope there is at most half of the one here."""
        across = [_scores(direction, block) for block in self._blocks]
        slope = _dot(state.gradient, direction)
        pull = _dot(self._penalty * direction, direction)
        curve = pull.copy()
        for block, chance, line in zip(self._blocks, state.chances, across, strict=True):
            curve[block.who] += _curvature(chance, line, block.total)
        length = -slope / np.where(curve > 0, curve, 1.0)
        base = _dot(self._penalty * state.weights, direction)
        low, high = np.zeros(len(slope)), np.full(len(slope), np.inf)
        for mend in range(_MENDS + 1):
            t = length.astype(np.float32)
            there = base + length * pull
            scores, chances, residuals = [], [], []
            for block, from_, line in zip(self._blocks, state.scores, across, strict=True):
                scores.append(from_ + t[block.who, None, None] * line)
                chances.append(_softmax(scores[-1]))
                residuals.append(_residual(chances[-1], block))
                there[block.who] += _dot(residuals[-1], line)
            steep = np.abs(there) > _FLAT * np.abs(slope)
            if mend == _MENDS or not steep.any():
                break
            # The slope rises along the line: the root lies between the last of each sign.
            low = np.where(there < 0, length, low)
            high = np.where(there > 0, length, high)
            secant = length * slope / np.where(slope == there, 1.0, slope - there)
            inside = (secant > low) & (secant < high)
            middle = np.where(np.isfinite(high), (low + high) / 2, 2 * length)
            length = np.where(steep, np.where(inside, secant, middle), length)
        weights = state.weights + t[:, None, None] * direction
        return self._finish(weights, scores, chances, residuals)

    def _finish(
        self,
        weights: np.ndarray,
        scores: list[np.ndarray],
        chances: list[np.ndarray],
        residuals: list[np.ndarray],
    ) -> _State:
        gradient = self._penalty * weights
        spread = np.zeros(len(weights))
        width = weights.shape[2]
        for block, chance, residual in zip(self._blocks, chances, residuals, strict=True):
            flat = residual.reshape(-1, residual.shape[2]) @ block.rows
            gradient[block.who] += flat.reshape(len(chance), -1, width)
            spread[block.who] += _dot(block.total * chance, 1 - chance) / chance.shape[1]
        return _State(weights, gradient, scores, chances, spread)


def _alike(targets: np.ndarray, used: np.ndarray) -> np.ndarray:
    """The used rows, those of many coalitions first, then by their first coalition."""
    who = targets[:, :, used].any(axis=1)
    return used[np.lexsort((used, who.argmax(axis=0), -who.sum(axis=0)))]


def _edges(used: np.ndarray, rows: int, blocks: Sequence[int] | None, *, least: int) -> list[slice]:
    """Slices of the used rows: the caller's blocks, joined until they are worth a product."""
    if blocks is None:
        parts = max(round(len(used) / least), 1)
        cuts = np.linspace(0, len(used), parts + 1).astype(int).tolist()
    else:
        wanted = np.searchsorted(used, np.append(np.asarray(blocks), rows))
        cuts = [0]
        for cut in wanted.tolist():
            if cut - cuts[-1] >= least // 2:
                cuts.append(cut)
        if len(used) - cuts[-1] > 0:
            cuts.append(len(used))
    return [slice(a, b) for a, b in itertools.pairwise(cuts) if b > a]


def _block(rows: Matrix, targets: np.ndarray) -> _Block:
    total = targets.sum(axis=1, keepdims=True)
    here = total.any(axis=(1, 2))
    who: np.ndarray | slice = slice(None)
    if here.mean() < 0.9:
        who = np.flatnonzero(here)
    target = targets[:, 1:] if targets.shape[1] == 2 else targets
    return _Block(
        rows=rows,
        who=who,
        target=np.ascontiguousarray(target[who]),
        total=np.ascontiguousarray(total[who]),
    )


def _scores(weights: np.ndarray, block: _Block) -> np.ndarray:
    mine = weights[block.who]
    flat = mine.reshape(-1, mine.shape[2]) @ block.rows.T
    return flat.reshape(len(mine), -1, block.rows.shape[0])


def _softmax(scores: np.ndarray) -> np.ndarray:
    """Chances (K, H, r) of logits (K, H, r); tanh neither overflows nor warns."""
    if scores.shape[1] == 1:
        found = np.tanh(np.float32(0.5) * scores)
        found += 1
        found *= np.float32(0.5)
        return found
    found = np.exp(scores - scores.max(axis=1, keepdims=True))
    return found / found.sum(axis=1, keepdims=True)


def _residual(chance: np.ndarray, block: _Block) -> np.ndarray:
    found = block.total * chance
    found -= block.target
    return found


def _curvature(chance: np.ndarray, line: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Second derivative of the loss along a line, float64 (K,)."""
    if chance.shape[1] == 1:
        return _dot(total * chance * (1 - chance), line * line)
    mean = (chance * line).sum(axis=1, keepdims=True)
    return _dot(total * chance, (line - mean) ** 2)


def _direction(
    gradient: np.ndarray,
    memory: list[tuple[np.ndarray, np.ndarray, np.ndarray]],
    scale: np.ndarray,
) -> np.ndarray:
    """Minus the inverse Hessian of the memory times the gradient, by the two loops of L-BFGS."""
    left = gradient.copy()
    shares = []
    for moved, turned, inverse in reversed(memory):
        share = inverse * _dot(moved, left).astype(np.float32)[:, None, None]
        left -= share * turned
        shares.append(share)
    left *= scale
    for (moved, turned, inverse), share in zip(memory, reversed(shares), strict=True):
        again = inverse * _dot(turned, left).astype(np.float32)[:, None, None]
        left += (share - again) * moved
    return -left


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """float64 (K,): sums over all axes but the first."""
    return np.einsum("khd,khd->k", *np.broadcast_arrays(a, b)).astype(np.float64)
