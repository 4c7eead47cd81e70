"""Pay rules: pure functions from criteria and facts to money. No ORM, no clock.

All amounts are minor units of the criteria's currency, all times seconds. Net is what the
contributor gets, fee what the platform gets on top, gross = net + fee what the buyer pays.

Criteria name the engine they were published under (`pay/1`, `pay/2`); they are paid by that engine
for ever, so nothing here may change what an earlier one gives.
"""

from apps.projects.rules.bounds import (
    Exposure,
    Overlap,
    exposure,
    gold_percent,
    overlap_of,
    paid_seconds_max,
    seat_cost,
)
from apps.projects.rules.lifts import (
    EFFORTS,
    Effort,
    Lift,
    LiftTerms,
    compute_cost,
    compute_reserve,
    lift_bonus,
    lift_milliseconds,
    models_of,
    point_cost,
    pool_of,
    pool_shares,
    price_ahead,
)
from apps.projects.rules.lines import Outcome, case_time, earn, royalty, wind_down
from apps.projects.rules.replays import (
    Amount,
    Answered,
    Change,
    GoldScore,
    Mark,
    Replay,
    Ruled,
    Version,
    pay_of,
    replay,
)
from apps.projects.rules.reserves import full_pay, guaranteed_pay, max_cost, max_remaining
from apps.projects.rules.settlements import Account, settle
from apps.projects.rules.signals import MEANINGS, SIGNALS, kept_under
from apps.projects.rules.terms import (
    BESIDE_THE_CLOCK,
    ENGINES,
    FEE_BEARING,
    Facts,
    Hold,
    Kind,
    Line,
    LineKind,
    Premium,
    Stage,
    Sums,
    Terms,
)
from apps.projects.rules.triggers import ALWAYS, TRIGGERS, Source, Trigger, holding, of_layer

__all__ = [
    "ALWAYS",
    "BESIDE_THE_CLOCK",
    "EFFORTS",
    "ENGINES",
    "FEE_BEARING",
    "MEANINGS",
    "SIGNALS",
    "TRIGGERS",
    "Account",
    "Amount",
    "Answered",
    "Change",
    "Effort",
    "Exposure",
    "Facts",
    "GoldScore",
    "Hold",
    "Kind",
    "Lift",
    "LiftTerms",
    "Line",
    "LineKind",
    "Mark",
    "Outcome",
    "Overlap",
    "Premium",
    "Replay",
    "Ruled",
    "Source",
    "Stage",
    "Sums",
    "Terms",
    "Trigger",
    "Version",
    "case_time",
    "compute_cost",
    "compute_reserve",
    "earn",
    "exposure",
    "full_pay",
    "gold_percent",
    "guaranteed_pay",
    "holding",
    "kept_under",
    "lift_bonus",
    "lift_milliseconds",
    "max_cost",
    "max_remaining",
    "models_of",
    "of_layer",
    "overlap_of",
    "paid_seconds_max",
    "pay_of",
    "point_cost",
    "pool_of",
    "pool_shares",
    "price_ahead",
    "replay",
    "royalty",
    "seat_cost",
    "settle",
    "wind_down",
]
