"""Lift: what a buyer sets aside for it, what its computing costs, and how the pool is shared.

The published rule: whoever's interval lies above zero, where the same answers in shuffled order
seldom do as well (docs/adr/0011-lift-is-held-against-chance.md), shares the pool in proportion to
its lower bound. Just above zero that is next to nothing, so no bonus hangs on which side of zero a
repeated run comes out (docs/adr/0010-lift-pool.md).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import ROUND_FLOOR, Decimal

from apps.core.money import ceiling, half_even, shared
from apps.projects.rules.terms import Line, LineKind, Terms

# Lower bounds are weighed in units of this; what is below one unit is no lift.
UNIT = Decimal("0.000000001")


@dataclass(frozen=True, slots=True)
class LiftTerms:
    """The part of the criteria that is about lift; amounts are minor units, fee included.

    `pool` is what bonuses can take, `compute` what computing can: `seconds_max` at
    `price_per_hour`. `test_sha256` names the list of the `test_items` that no model is trained on.
    `encoder` is the model whose vectors the recipe learns on, "" where it has none.
    """

    recipe: str
    metric: str
    positive: str
    method: str
    rows: str
    seeds: int
    chance: int
    confidence_percent: int
    minimum_rows: int
    pool_percent: int
    pool: int
    seconds_max: int
    price_per_hour: int
    compute: int
    contest_days: int
    test_items: int
    test_sha256: str
    encoder: str = ""  # criteria from before there were encoders do not name it

    @classmethod
    def of(cls, body: Mapping) -> "LiftTerms | None":
        """Of published criteria, or of those that a draft would become; None without lift."""
        lift = body.get("lift")
        if not lift:
            return None
        return cls(**{field.name: lift[field.name] for field in fields(cls) if field.name in lift})


@dataclass(frozen=True, slots=True)
class Lift:
    """What a run says of one contributor: how much better a model is by their answers.

    In units of the metric, with the interval of the whole lift; None where a run gives none.
    `beats_chance`: what their answers do in shuffled order is seldom as much.
    """

    value: Decimal
    low: Decimal | None
    high: Decimal | None
    beats_chance: bool = True

    @property
    def weight(self) -> int:
        """0 unless the interval lies above zero, and that is hardly chance."""
        if self.low is None or self.low <= 0 or not self.beats_chance:
            return 0
        return int((self.low / UNIT).to_integral_value(ROUND_FLOOR))


@dataclass(frozen=True, slots=True)
class Effort:
    """What a recipe takes on one processor core, in milliseconds, as measured (docs/lift.md).

    `read`: of an item, once. `model`: of a model on a thousand rows, all passes over them.
    `is_trained`: each model is a training of its own, not a head on vectors that are there.
    """

    read: int
    model: int
    is_trained: bool = False


EFFORTS: Mapping[str, Effort] = {
    "text-linear": Effort(read=1, model=95),
    "tabular": Effort(read=1, model=2),
    "text-minilm": Effort(read=20, model=2),
    "pairwise": Effort(read=40, model=2),
    "image-linear": Effort(read=270, model=2),
    "image-finetune": Effort(read=10, model=2_000_000, is_trained=True),
}
ROWS_MAX = 1_100  # of a model of with-without, and of the control of chance


def models_of(method: str, people: int, *, seeds: int, chance: int) -> tuple[int, int]:
    """About how many models a run over so many contributors trains: to measure, and to hold
    against chance (each of `chance` replicates with answers as they are, and shuffled).
    """
    if method == "with-without":
        measured = 2 * (people + 1) * seeds
    else:
        measured = 2**people if people <= 12 else 2 * people * seeds
    return measured, 2 * chance * people


def lift_milliseconds(
    effort: Effort, models: tuple[int, int], *, method: str, items: int, rows: int
) -> int:
    """About what a run takes: `items` read once, models over half of `rows` answers each, and one
    over all of them, which every run names.
    """
    half = max(1, rows // 2)
    most = min(half, ROWS_MAX)
    of_measured = most if method == "with-without" else half
    trained = models[0] * of_measured + models[1] * most + rows
    return effort.read * items + effort.model * trained // 1000


def pool_of(budget: int, percent: int) -> int:
    return budget * percent // 100


def compute_cost(milliseconds: int, price_per_hour: int) -> int:
    """What so much computing costs, minor units: of a sum of times, never summed up of parts."""
    return half_even(milliseconds * price_per_hour, 3_600_000)


def compute_reserve(seconds: int, price_per_hour: int) -> int:
    return ceiling(seconds * price_per_hour, 3600)


def pool_shares(pool: int, lifts: Sequence[Lift]) -> list[int]:
    """The gross part of each, in minor units: all of the pool, or nothing when nobody has lift.

    By `core.money.shared`: what is left after rounding goes to those who were cut most, of equals
    to the earlier one, so the caller's order is part of the rule.
    """
    weights = [lift.weight for lift in lifts]
    return shared(pool, weights) if pool > 0 and any(weights) else [0] * len(weights)


def price_ahead(gross: int, trained: int, further: int) -> int:
    """What `further` more accepted answers cost, minor units, fee included: as those that cost
    `gross` in all and among which `trained` teach a model; the others are known answers.
    """
    return half_even(gross * further, trained)


def point_cost(price: int, gain: Decimal) -> int | None:
    """Minor units for a hundredth of the metric, rounded up, where `price` buys a gain of so much
    of it; None where nothing is gained.
    """
    if gain <= 0:
        return None
    top, bottom = (gain * 100).as_integer_ratio()
    return ceiling(price * bottom, top)


def lift_bonus(terms: Terms, lift_terms: LiftTerms, lift: Lift, *, part: int, run: str) -> Line:
    """The line of one part of the pool: net and fee together are never more than it.

    Of net nothing where the part is none; the sentence says why, either way.
    """
    measured = (
        f"Lift: your answers moved the {lift_terms.metric} by {_signed(lift.value)}, "
        f"{lift_terms.confidence_percent}% interval {_interval(lift)}"
    )
    by = f"run {run}, under criteria v{terms.version}."
    net = part * 10_000 // (10_000 + terms.fee_bps)
    if not net:
        chance = "" if lift.beats_chance else ", which shuffled answers often reach"
        return Line(LineKind.LIFT_BONUS, 0, 0, f"{measured}{chance}; no part of the pool, {by}")
    percent = (Decimal(part * 100) / lift_terms.pool).quantize(Decimal("0.01"))
    fee = min(terms.fee_on(net), part - net)
    reason = (
        f"{measured}, above zero: {percent}% of the pool of {terms.says(lift_terms.pool)}, by the "
        f"lower bound, {by}"
    )
    return Line(LineKind.LIFT_BONUS, net, fee, reason)


def _signed(value: Decimal) -> str:
    return f"{value:+.4f}".replace("-", "−")


def _interval(lift: Lift) -> str:
    if lift.low is None or lift.high is None:
        return "not known"
    return f"{_signed(lift.low)} to {_signed(lift.high)}"
