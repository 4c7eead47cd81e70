"""MACE: a worker either knows the answer or answers by habit.

    P(v | k) = θ_w [v = k] + (1 − θ_w) ξ_wv,  classes equally likely beforehand
    E: T_ik ∝ Π_{answers v of w to i} P(v | k), and how much of each answer was knowledge
    M, "em": θ_w, ξ_w from those counts, each with 0.01/C added
    M, "vb": variational, θ ~ Beta(½, ½), ξ ~ Dirichlet(10): e^{ψ(count + prior) − ψ(all)}

Source: D. Hovy, T. Berg-Kirkpatrick, A. Vaswani, E. Hovy, "Learning whom to trust with MACE",
NAACL-HLT (2013). Priors and smoothing are those of crowd-kit 1.4.2. θ_w is trust, ξ_w the habit.

Several starts, the best is kept: the majority's shares, equal trust, and `starts` − 2 with trust
and habit drawn by a seed from fingerprints, so that names and the order of rows change nothing.
"em" is compared by its log-likelihood, "vb" by its evidence lower bound
ln Z̃ − KL(q(θ) ‖ p) − KL(q(ξ) ‖ p), which no iteration lowers. `log_likelihood` is that of the
answers at the means of θ and ξ.

Shapes: I items, W workers, P pairs (worker, answer) that occur, K cells. O(answers) a step and
nothing of size W × C or I × C: 37,000 workers are no trouble.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from gpu_jobs import backend
from gpu_jobs.aggregation import em
from gpu_jobs.aggregation.fingerprints import fingerprints, mixed, uniform
from gpu_jobs.aggregation.labels import Labels
from gpu_jobs.aggregation.posterior import Posterior, from_shares, posterior
from gpu_jobs.aggregation.tally import Tally
from gpu_jobs.answers import Answers
from gpu_jobs.backend import Array
from gpu_jobs.contracts import InputError

VARIANTS = ("vb", "em")
MAX_ITER = 50
TOL = 1e-6
STARTS = 10
TRUST_PRIOR = 0.5
HABIT_PRIOR = 10.0
SMOOTHING = 0.01


@dataclass(frozen=True)
class Mace:
    """trust float64 (W,): mean of θ. habit float64 (P,): mean of ξ for each pair (pair_worker,
    pair_value); unmet float64 (W,): of any one answer that the worker never gave. iterations:
    of the start that was kept, of `starts`; all_iterations: of all of them. bound: what chose.
    """

    labels: Labels
    posterior: Posterior
    trust: np.ndarray
    pair_worker: np.ndarray
    pair_value: np.ndarray
    habit: np.ndarray
    unmet: np.ndarray
    iterations: int
    all_iterations: int
    starts: int
    converged: bool
    log_likelihood: float
    bound: float

    def class_at(self, item: np.ndarray, value: np.ndarray) -> np.ndarray:
        """float64 (m,): probability that the class of item[j] is value[j]."""
        return self.posterior.at(item, value)

    def predictive(self, item: np.ndarray, worker: np.ndarray, value: np.ndarray) -> np.ndarray:
        """float64 (m,): probability that worker[j] answers item[j] with value[j]."""
        classes = max(self.posterior.tally.classes, 1)
        habit = self.unmet[worker]
        keys, key = self.pair_worker * classes + self.pair_value, worker * classes + value
        if len(keys):
            place = np.minimum(np.searchsorted(keys, key), len(keys) - 1)
            habit = np.where(keys[place] == key, self.habit[place], habit)
        trust = self.trust[worker]
        return trust * self.posterior.at(item, value) + (1 - trust) * habit


def mace(
    answers: Answers,
    *,
    variant: str = VARIANTS[0],
    starts: int = STARTS,
    max_iter: int = MAX_ITER,
    tol: float = TOL,
    seed: int = 0,
    tally: Tally | None = None,
) -> Mace:
    """The best of `starts` fits to all answers, or to those of `tally`.

    tol: the least rise of the bound, divided by the answers, that goes on.
    """
    em.check(max_iter, tol)
    if variant not in VARIANTS or starts < 1:
        raise InputError(f"variant must be {' or '.join(VARIANTS)}, and starts 1 or more")
    tally = tally or Tally.of(answers)

    def fitted(start: int) -> tuple[_Fit, em.Climb]:
        fit = _Fit(tally, variant)
        fit.begin(start, seed)
        return fit, em.climb(fit.step, answers=len(tally), max_iter=max_iter, tol=tol)

    best, done = fitted(0)
    total = done.iterations
    for start in range(1, starts if len(tally) else 1):
        fit, climbed = fitted(start)
        total += climbed.iterations
        # A later start must be better by more than rounding, so that no rounding chooses.
        if fit.bound > best.bound + 1e-9 * abs(best.bound):
            best, done = fit, climbed
    return best.result(answers, done, starts=starts, total=total)


def log_likelihood_at(tally: Tally, trust: np.ndarray, habit: np.ndarray) -> float:
    """Of the answers, at any θ (W,) in (0, 1) and ξ (P,) of the pairs: to compare another fit."""
    fit = _Fit(tally, "em")
    return fit.likelihood_at(trust, habit)


class _Fit:
    """log_knows, log_spams (W,): E ln θ and E ln(1 − θ). log_habit (P,): E ln ξ."""

    def __init__(self, tally: Tally, variant: str) -> None:
        self.backend = backend.pick()
        self.xp = self.backend.xp
        self.tally, self.pairs, self.is_vb = tally, tally.pairs.there, variant == "vb"
        self.given = self.backend.array(tally.of_worker.astype(np.float64))
        self.priors = self.backend.full(tally.classes, 1 / max(tally.classes, 1))
        self.knew_pair = self.backend.full(len(tally.pairs), 0.0)
        self.bound = 0.0

    def begin(self, start: int, seed: int) -> None:
        """Parameters of a start, and their first posterior."""
        tally, pairs = self.tally, self.tally.pairs
        trust = np.full(tally.workers, 0.5)
        habit = np.full(len(pairs), 1 / max(tally.classes, 1))
        if start >= 2:
            prints = fingerprints(tally)
            draw = (
                uniform(prints.worker, 2 * (seed + start)),
                uniform(
                    mixed(prints.worker[pairs.owner]) + prints.value[pairs.value],
                    2 * (seed + start) + 1,
                ),
            )
            trust = 0.05 + 0.9 * draw[0]
            habit = habit * (0.5 + draw[1])
        self._put(trust, habit)
        self._expect()
        if start == 0:
            self.now = from_shares(tally)

    def step(self) -> float:
        self._maximise()
        self._expect()
        self.bound = self._chance + float(self.now.log_norm.sum())
        if self.is_vb:
            self.bound -= self._divergence()
        return self.bound

    def _put(self, trust: np.ndarray, habit: np.ndarray) -> None:
        place = self.backend.array
        self.log_knows, self.log_spams = place(np.log(trust)), place(np.log1p(-trust))
        self.log_habit = place(np.log(habit))

    def _expect(self) -> None:
        tally, owner = self.tally, self.pairs.owner
        log_miss = self.log_spams[owner] + self.log_habit
        log_hit = self.xp.logaddexp(self.log_knows[owner], log_miss)
        self.log_hit = log_hit
        self._chance = float(self.pairs.count @ log_miss)
        score = tally.pairs_of_cells.sum(log_hit - log_miss)
        self.now = posterior(tally, score, self.priors)

    def _maximise(self) -> None:
        xp, pairs, classes = self.xp, self.pairs, self.tally.classes
        right = self.tally.pairs_of_cells.spread(self.now.of_cell)
        self.knew_pair = right * xp.exp(self.log_knows[pairs.owner] - self.log_hit)
        knew, spammed = self._counts()
        spammed_pair = xp.clip(pairs.count - self.knew_pair, min=0)
        if self.is_vb:
            digamma = self.backend.digamma
            whole = digamma(self.given + 2 * TRUST_PRIOR)
            self.log_knows = digamma(knew + TRUST_PRIOR) - whole
            self.log_spams = digamma(spammed + TRUST_PRIOR) - whole
            whole = digamma(spammed + classes * HABIT_PRIOR)
            self.log_habit = digamma(spammed_pair + HABIT_PRIOR) - whole[pairs.owner]
        else:
            add = SMOOTHING / max(classes, 1)
            whole = xp.log(self.given + 2 * add)
            self.log_knows = xp.log(knew + add) - whole
            self.log_spams = xp.log(spammed + add) - whole
            whole = xp.log(spammed + classes * add)
            self.log_habit = xp.log(spammed_pair + add) - whole[pairs.owner]

    def _counts(self) -> tuple[Array, Array]:
        """(W,): answers that were knowledge, and that were habit."""
        knew = self.xp.minimum(self.pairs.sum(self.knew_pair), self.given)
        return knew, self.given - knew

    def _divergence(self) -> float:
        """KL of both posteriors from their priors, summed over workers."""
        log_gamma, workers = self.backend.log_gamma, self.tally.workers
        knew, spammed = self._counts()
        spammed_pair = self.xp.clip(self.pairs.count - self.knew_pair, min=0)
        trust = float(knew @ self.log_knows + spammed @ self.log_spams)
        trust -= float((log_gamma(knew + TRUST_PRIOR) + log_gamma(spammed + TRUST_PRIOR)).sum())
        trust += float(log_gamma(self.given + 2 * TRUST_PRIOR).sum())
        trust += workers * float(2 * gammaln(TRUST_PRIOR) - gammaln(2 * TRUST_PRIOR))
        habit = float(spammed_pair @ self.log_habit)
        # What nobody gave has its prior's count before and after, and falls out.
        habit -= float((log_gamma(spammed_pair + HABIT_PRIOR) - gammaln(HABIT_PRIOR)).sum())
        whole = self.tally.classes * HABIT_PRIOR
        if whole:
            habit += float((log_gamma(spammed + whole) - gammaln(whole)).sum())
        return trust + habit

    def likelihood_at(self, trust: np.ndarray, habit: np.ndarray) -> float:
        self._put(trust, habit)
        self._expect()
        return self._chance + float(self.now.log_norm.sum())

    def result(self, answers: Answers, done: em.Climb, *, starts: int, total: int) -> Mace:
        pairs, classes = self.tally.pairs, max(self.tally.classes, 1)
        host = self.backend.numpy
        knew, spammed = (host(each) for each in self._counts())
        given, knew_pair = host(self.given), host(self.knew_pair)
        first, second = (TRUST_PRIOR, HABIT_PRIOR) if self.is_vb else (SMOOTHING / classes,) * 2
        trust = (knew + first) / (given + 2 * first)
        whole = spammed + classes * second
        spammed_pair = np.maximum(pairs.count - knew_pair, 0)
        habit = (spammed_pair + second) / whole[pairs.owner]
        posterior_kept = self.now.on_host()
        labels = posterior_kept.labels(answers)
        log_likelihood = self.likelihood_at(trust, habit) if len(answers) else 0.0
        return Mace(
            labels=labels,
            posterior=posterior_kept,
            trust=trust,
            pair_worker=pairs.owner,
            pair_value=pairs.value,
            habit=habit,
            unmet=second / whole,
            iterations=done.iterations,
            all_iterations=total,
            starts=starts,
            converged=done.converged,
            log_likelihood=log_likelihood,
            bound=self.bound,
        )
