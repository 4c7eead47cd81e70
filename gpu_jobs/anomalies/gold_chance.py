"""Does the gold, which the crowd has no say in, show that a worker hardly answers by the item?

Without gold an adversary is only seen by comparing with the crowd, and a crowd can be wrong. The
gold is another witness. With q_high the 95% quantile of the worker's gold posterior
(`gold.posterior`), C classes and m the median worker's posterior mean, the signal is

    (q_high − 1/C) / (m − 1/C) < 0.5

Even the upper bound of what the worker knows beyond chance is then less than half of what people
here know. It is the rule of "little agreement" with the buyer's answers in the place of the
crowd's, from 8 gold answers on. Where the median itself is not above chance, nobody is compared.
"""

import numpy as np

from gpu_jobs.anomalies.signals import Signal, below
from gpu_jobs.answers import Answers
from gpu_jobs.gold.posterior import DECISIVE, gold_scores

THRESHOLD = 0.5
NAME = "gold at chance"


def gold_at_chance(
    answers: Answers, *, threshold: float = THRESHOLD, least: int = DECISIVE
) -> Signal:
    """Speaks for workers with at least `least` gold answers."""
    scores = gold_scores(answers)
    enough = scores.gold >= least
    chance = 1 / max(len(answers.classes), 1)
    usual = float(np.median(scores.q[enough])) - chance if enough.any() else 0.0
    value = np.full(len(enough), np.nan)
    if usual > 0:
        value[enough] = (scores.high[enough] - chance) / usual
    return below(NAME, "gold", threshold, value)
