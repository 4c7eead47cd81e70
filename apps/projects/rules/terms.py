"""The words of the pay rules: kinds, terms of a criteria version, facts, holds and lines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from apps.core.money import ceiling, half_even, written

# The first engine knows base, "always" premiums, bonus, top-up, kill fee, qualification, rework and
# adjustment. The second adds premiums by trigger, case time, wind-down and the other flat kinds.
FIRST, SECOND = "pay/1", "pay/2"
ENGINES = frozenset({FIRST, SECOND})


class Kind(StrEnum):
    """Kinds of assignment: one claim, one clock, one pay path.

    A repeat is an item of the contributor's own earlier work, given once more (`repeats.py`): paid,
    reviewed and appealed as work, and without effect on anything that is made of the answers.
    """

    WORK = "work"
    REPEAT = "repeat"
    QUALIFICATION = "qualification"
    TRAINING = "training"
    REVIEW = "review"
    PANEL = "panel"


# What is paid, reviewed and appealed as ordinary work; its author is not told which of them it is.
AS_WORK = frozenset({Kind.WORK, Kind.REPEAT})


class LineKind(StrEnum):
    """Reasons for money."""

    BASE = "base"
    PREMIUM = "premium"
    QUALITY_BONUS = "quality_bonus"
    TOP_UP = "top_up"
    KILL_FEE = "kill_fee"
    LIFT_BONUS = "lift_bonus"
    QUALIFICATION = "qualification"
    TRAINING = "training"
    REVIEW = "review"
    PANEL = "panel"
    REWORK = "rework"
    WIND_DOWN = "wind_down"
    ROYALTY = "royalty"
    CASE_TIME = "case_time"
    ADJUSTMENT = "adjustment"


# The platform earns on judgement that was bought, never on entry, waiting or redress.
FEE_BEARING = frozenset(
    {
        LineKind.BASE,
        LineKind.PREMIUM,
        LineKind.QUALITY_BONUS,
        LineKind.KILL_FEE,
        LineKind.LIFT_BONUS,
        LineKind.REVIEW,
        LineKind.ROYALTY,
    }
)


class Stage(StrEnum):
    """How far an assignment is, as far as money is concerned."""

    OPEN = "open"  # claimed, submitted or in rework: everything can still become due
    ACCEPTED = "accepted"
    REJECTED = "rejected"  # an appeal can still overturn it
    FINAL = "final"  # rejected, and nothing can change it
    UNSUBMITTED = "unsubmitted"  # given back, expired or broken


# Paid for something else than the time on the clock, so that it never lowers a top-up.
BESIDE_THE_CLOCK = frozenset(
    {LineKind.WIND_DOWN, LineKind.ROYALTY, LineKind.CASE_TIME, LineKind.LIFT_BONUS}
)


@dataclass(frozen=True, slots=True)
class Premium:
    """`source` and `holds` (pay/2): who decides that the trigger holds, and in which words."""

    key: str
    label: str
    amount: int
    trigger: str = "always"
    source: str = ""
    holds: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """The part of a criteria version that decides about money."""

    currency: str
    base: int
    qualification_pay: int
    fee_bps: int
    floor_per_hour: int
    kill_fee_percent: int
    rework_percent: int
    bonus_percent: int
    bonus_bar: Decimal
    gold_minimum: int
    paid_seconds_max: int
    instruction_seconds_max: int
    premiums: tuple[Premium, ...] = ()
    version: int = 1
    engine: str = FIRST
    # From pay/2 on; zero where the criteria have no such rule.
    case_seconds: int = 0
    wind_down_percent: int = 0
    wind_down_days: int = 0
    training_pay: int = 0
    review_pay: int = 0
    panel_pay: int = 0

    @classmethod
    def of(cls, body: Mapping, *, version: int = 1) -> "Terms":
        """Read the published criteria. An engine that this code never had is an error."""
        pay = body["pay"]
        if body["engine"] not in ENGINES:
            message = f"No pay engine {body['engine']!r}."
            raise ValueError(message)
        return cls(
            currency=body["currency"],
            base=pay["base"],
            qualification_pay=pay["qualification"],
            fee_bps=pay["fee_bps"],
            floor_per_hour=pay["floor_per_hour"],
            kill_fee_percent=pay["kill_fee_percent"],
            rework_percent=pay["rework_percent"],
            bonus_percent=pay["quality_bonus_percent"],
            bonus_bar=Decimal(pay["quality_bar"]),
            gold_minimum=pay["gold_minimum"],
            paid_seconds_max=pay["paid_seconds_max"],
            instruction_seconds_max=pay["instruction_seconds_max"],
            premiums=tuple(Premium(**premium) for premium in pay["premiums"]),
            version=version,
            engine=body["engine"],
            case_seconds=pay.get("case_seconds", 0),
            wind_down_percent=pay.get("wind_down_percent", 0),
            wind_down_days=pay.get("wind_down_days", 0),
            training_pay=pay.get("training", 0),
            review_pay=pay.get("review", 0),
            panel_pay=pay.get("panel", 0),
        )

    def premium_of(self, triggers: frozenset[str]) -> int:
        return sum(p.amount for p in self.premiums_of(triggers))

    def premiums_of(self, triggers: frozenset[str]) -> tuple[Premium, ...]:
        return tuple(p for p in self.premiums if p.trigger == "always" or p.trigger in triggers)

    def flat_pay(self, kind: Kind) -> int | None:
        """What an assignment of this kind pays whatever its result; None for work.

        The first engine knew one such kind.
        """
        if kind == Kind.QUALIFICATION:
            return self.qualification_pay
        if self.engine == FIRST or kind in AS_WORK:
            return None
        return {
            Kind.TRAINING: self.training_pay,
            Kind.REVIEW: self.review_pay,
            Kind.PANEL: self.panel_pay,
        }[kind]

    def says(self, amount: int) -> str:
        """An amount of these terms, written out."""
        return written(amount, self.currency)

    @property
    def kill_fee(self) -> int:
        return ceiling(self.base * self.kill_fee_percent, 100)

    @property
    def rework_pay(self) -> int:
        return ceiling(self.base * self.rework_percent, 100)

    @property
    def bonus_max(self) -> int:
        """The most that one assignment can add to the quality bonus."""
        return ceiling(self.base * self.bonus_percent, 100)

    def fee_on(self, net: int) -> int:
        return half_even(net * self.fee_bps, 10_000)

    def fee_reserve(self, net: int) -> int:
        return ceiling(net * self.fee_bps, 10_000)

    def floor_for(self, seconds: int) -> int:
        return ceiling(self.floor_per_hour * seconds, 3600)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one assignment.

    `cap_seconds` is the most time that can be paid (rework rounds included); `paid_seconds` what
    was counted, or None while the clock can still run. `earned` is the net already booked for this
    assignment alone; `is_topped_up` says that a settlement has paid or released its top-up;
    `can_bonus` is False once the project's last settlement is over; `is_bad_faith` is True while a
    rejection stands that staff found to be of bad faith.
    """

    kind: Kind
    stage: Stage
    cap_seconds: int
    triggers: frozenset[str] = frozenset()
    rounds: int = 1
    paid_seconds: int | None = None
    earned: int = 0
    is_topped_up: bool = False
    can_bonus: bool = True
    is_bad_faith: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """What stays reserved: pay and extra (bonus, top-up) for the person, fee for the platform."""

    pay: int = 0
    fee: int = 0
    extra: int = 0

    @property
    def total(self) -> int:
        return self.pay + self.fee + self.extra


@dataclass(frozen=True, slots=True)
class Line:
    """One reason for money. gross = net + fee."""

    kind: LineKind
    net: int
    fee: int
    reason: str

    @property
    def gross(self) -> int:
        return self.net + self.fee


class Sums:
    """Net, fee and gross over `lines`, in minor units; for what shows several as one."""

    __slots__ = ()
    lines: Sequence[Line]

    @property
    def net(self) -> int:
        return sum(line.net for line in self.lines)

    @property
    def fee(self) -> int:
        return sum(line.fee for line in self.lines)

    @property
    def gross(self) -> int:
        return self.net + self.fee
