"""Pay rules, engine `pay/1`: pure functions from criteria and facts to money. No ORM, no clock.

All amounts are minor units of the criteria's currency, all times seconds. Net is what the
contributor gets, fee what the platform gets on top, gross = net + fee what the buyer pays.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum

from apps.core.money import ceiling, half_even, written

ENGINE = "pay/1"


class Kind(StrEnum):
    """Kinds of assignment: one claim, one clock, one pay path."""

    WORK = "work"
    QUALIFICATION = "qualification"
    TRAINING = "training"
    REVIEW = "review"
    PANEL = "panel"


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


@dataclass(frozen=True, slots=True)
class Premium:
    key: str
    label: str
    amount: int
    trigger: str = "always"


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
    engine: str = ENGINE

    @classmethod
    def of(cls, body: Mapping, *, version: int = 1) -> "Terms":
        """Read the published criteria. An engine that this code never had is an error."""
        pay = body["pay"]
        if body["engine"] != ENGINE:
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
        )

    def premium_of(self, triggers: frozenset[str]) -> int:
        return sum(p.amount for p in self.premiums_of(triggers))

    def premiums_of(self, triggers: frozenset[str]) -> tuple[Premium, ...]:
        return tuple(p for p in self.premiums if p.trigger == "always" or p.trigger in triggers)

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


def full_pay(terms: Terms, facts: Facts) -> int:
    """Net pay if the assignment is accepted now, bonus and top-up apart."""
    if facts.kind == Kind.QUALIFICATION:
        return terms.qualification_pay
    return terms.base + terms.premium_of(facts.triggers) + (facts.rounds - 1) * terms.rework_pay


def guaranteed_pay(terms: Terms, facts: Facts) -> int:
    """Net pay if it is submitted and rejected: nothing where staff found bad faith.

    A qualification is always paid.
    """
    if facts.kind == Kind.QUALIFICATION:
        return terms.qualification_pay
    if facts.is_bad_faith:
        return 0
    return terms.kill_fee + (facts.rounds - 1) * terms.rework_pay


def _acceptance_fee(terms: Terms, facts: Facts) -> int:
    if facts.kind == Kind.QUALIFICATION:
        return 0
    return terms.fee_on(terms.base + terms.premium_of(facts.triggers))


def _bonus_hold(terms: Terms, facts: Facts) -> int:
    return terms.bonus_max if facts.kind == Kind.WORK and facts.can_bonus else 0


def _top_up_hold(terms: Terms, facts: Facts, guaranteed: int) -> int:
    if facts.is_topped_up:
        return 0
    seconds = facts.cap_seconds if facts.paid_seconds is None else facts.paid_seconds
    return max(0, terms.floor_for(seconds) - guaranteed)


def max_remaining(terms: Terms, facts: Facts) -> Hold:
    """The most that can still become due: exactly what has to stay held."""
    bonus = _bonus_hold(terms, facts)
    bonus_fee = terms.fee_reserve(bonus)
    if facts.stage == Stage.OPEN:
        # Given back, the base is not due but the time is: the guarantee that lowers the
        # allowance is covered by the pay part of the hold.
        return Hold(
            pay=full_pay(terms, facts),
            fee=_acceptance_fee(terms, facts) + bonus_fee,
            extra=_top_up_hold(terms, facts, guaranteed_pay(terms, facts)) + bonus,
        )
    if facts.stage == Stage.REJECTED and facts.is_bad_faith:
        # Nothing is paid yet, so an overturn owes everything: pay, fee and what tops it up. If it
        # stands instead, the floor on the time comes out of the pay part, as for work given back.
        good_faith = replace(facts, is_bad_faith=False)
        return Hold(
            pay=full_pay(terms, facts),
            fee=_acceptance_fee(terms, facts) + bonus_fee,
            extra=_top_up_hold(terms, facts, guaranteed_pay(terms, good_faith)) + bonus,
        )
    if facts.stage == Stage.REJECTED:
        return Hold(
            pay=full_pay(terms, facts) - guaranteed_pay(terms, facts),
            fee=bonus_fee,
            extra=_top_up_hold(terms, facts, facts.earned) + bonus,
        )
    if facts.stage == Stage.ACCEPTED:
        return Hold(fee=bonus_fee, extra=_top_up_hold(terms, facts, facts.earned) + bonus)
    # Final or unsubmitted: only the floor on the time that was counted.
    return Hold(extra=_top_up_hold(terms, facts, facts.earned))


def max_cost(terms: Terms, *, kind: Kind, triggers: frozenset[str], cap_seconds: int) -> Hold:
    """What a claim reserves: the maximum of pay, fee and top-up of one assignment."""
    return max_remaining(
        terms, Facts(kind=kind, stage=Stage.OPEN, cap_seconds=cap_seconds, triggers=triggers)
    )


class Outcome(StrEnum):
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    OVERTURNED = "overturned"  # of a rejection: the difference to full pay
    BAD_FAITH = "bad_faith"  # rejected by staff, who found bad faith: no kill fee, no fee


def earn(terms: Terms, facts: Facts, outcome: Outcome) -> list[Line]:
    """The earning lines of one verdict, each with the sentence that says why it is there."""
    by = f"under criteria v{terms.version}"
    if facts.kind == Kind.QUALIFICATION:
        sentence = f"A qualification item is paid whatever its result, {by}."
        return [Line(LineKind.QUALIFICATION, terms.qualification_pay, 0, sentence)]
    rework = _rework_lines(terms, facts, by)
    if outcome == Outcome.ACCEPTED:
        return [*_accepted_lines(terms, facts, by), *rework]
    if outcome == Outcome.REJECTED:
        reason = (
            f"Rejected work done in good faith keeps {terms.kill_fee_percent}% of the base {by}; "
            "the buyer pays the fee of an acceptance."
        )
        fee = _acceptance_fee(terms, facts)
        return [Line(LineKind.KILL_FEE, terms.kill_fee, fee, reason), *rework]
    if outcome == Outcome.BAD_FAITH:
        # A line of nothing, so that the statement and the wage file say why it is nothing.
        reason = (
            "Administrators of the platform found that this work was not done in good faith: no "
            f"kill fee {by}. This can be appealed."
        )
        return [Line(LineKind.KILL_FEE, 0, 0, reason)]
    if facts.is_bad_faith:
        # Overturned, and nothing was paid before: the whole pay with its fee, as if accepted.
        return [*_accepted_lines(terms, facts, by), *rework]
    rest = full_pay(terms, facts) - guaranteed_pay(terms, facts)
    reason = f"The rejection was overturned: the rest of the full pay {by}."
    return [Line(LineKind.ADJUSTMENT, rest, 0, reason)] if rest else []


def _accepted_lines(terms: Terms, facts: Facts, by: str) -> list[Line]:
    fee = _acceptance_fee(terms, facts)
    lines = [(LineKind.BASE, terms.base, f"Base pay for an accepted item {by}.")]
    lines += [
        (LineKind.PREMIUM, p.amount, f"Premium: {p.label}, {by}.")
        for p in terms.premiums_of(facts.triggers)
    ]
    # The fee is computed once on the sum; the lines share it so that they add up to it.
    fees = _spread(fee, [net for _, net, _ in lines])
    return [
        Line(kind, net, part, reason) for (kind, net, reason), part in zip(lines, fees, strict=True)
    ]


def _rework_lines(terms: Terms, facts: Facts, by: str) -> list[Line]:
    if facts.rounds < 2 or not terms.rework_pay:
        return []
    pay = (facts.rounds - 1) * terms.rework_pay
    return [Line(LineKind.REWORK, pay, 0, f"A round of rework that the buyer asked for, {by}.")]


def _spread(amount: int, weights: Sequence[int]) -> list[int]:
    total = sum(weights)
    parts, left, weight_left = [], amount, total
    for weight in weights:
        part = half_even(left * weight, weight_left) if weight_left else 0
        parts.append(part)
        left, weight_left = left - part, weight_left - weight
    return parts


@dataclass(frozen=True, slots=True)
class Account:
    """One contributor on one project, over everything decided since it began.

    `earned` holds every net amount booked so far, earlier bonuses and top-ups included;
    `accepted_base` the base of accepted and overturned work; `bonus_paid` and `bonus_fee_paid`
    what earlier settlements paid.
    """

    earned: int
    accepted_base: int
    paid_seconds: int
    bonus_paid: int = 0
    bonus_fee_paid: int = 0
    gold_count: int = 0
    gold_lower_bound: Decimal | None = None


def settle(terms: Terms, account: Account) -> list[Line]:
    """Quality bonus and top-up now due, less what earlier settlements paid. Never negative."""
    lines = []
    bonus = fee = 0
    if (
        account.gold_lower_bound is not None
        and account.gold_count >= terms.gold_minimum
        and account.gold_lower_bound >= terms.bonus_bar
    ):
        total = half_even(account.accepted_base * terms.bonus_percent, 100)
        bonus = max(0, total - account.bonus_paid)
        fee = max(0, terms.fee_on(total) - account.bonus_fee_paid) if bonus else 0
    if bonus:
        lines.append(
            Line(
                LineKind.QUALITY_BONUS,
                bonus,
                fee,
                f"Quality bonus of {terms.bonus_percent}% of accepted base pay: the lower 90% "
                "bound "
                f"of your accuracy on {account.gold_count} gold items, "
                f"{account.gold_lower_bound}, "
                f"reaches the bar of {terms.bonus_bar}, under criteria v{terms.version}.",
            )
        )
    due = terms.floor_for(account.paid_seconds) - account.earned - bonus
    if due > 0:
        floor = written(terms.floor_per_hour, terms.currency)
        lines.append(
            Line(
                LineKind.TOP_UP,
                due,
                0,
                f"Top-up to the floor of {floor} an hour over {account.paid_seconds} seconds of "
                f"active time, under criteria v{terms.version}.",
            )
        )
    return lines


@dataclass(frozen=True, slots=True)
class Exposure:
    """The most that accounts nobody knows yet can take from one project (invariant 16)."""

    qualification: int
    newcomers: int
    total: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "total", self.qualification + self.newcomers)


def seat_cost(terms: Terms, *, items: int, unsubmitted: int) -> int:
    """The most that one whole attempt at a qualification can cost: its price and its allowance.

    All items with the top-up to the floor, the time for the instructions, and the paid time of
    the `unsubmitted` items (given back, broken, expired) that count in an attempt.
    """
    if not items:
        return 0
    each = max_cost(
        terms,
        kind=Kind.QUALIFICATION,
        triggers=frozenset(),
        cap_seconds=terms.paid_seconds_max,
    ).total
    instructions = terms.floor_for(terms.instruction_seconds_max)
    return items * each + instructions + unsubmitted * terms.floor_for(terms.paid_seconds_max)


def exposure(
    terms: Terms,
    *,
    budget: int,
    seats: int,
    items_per_seat: int,
    newcomer_percent: int,
    unsubmitted: int = 0,
) -> Exposure:
    """Seats × (price + allowance) + share × budget."""
    seat = seat_cost(terms, items=items_per_seat, unsubmitted=unsubmitted)
    return Exposure(qualification=seats * seat, newcomers=budget * newcomer_percent // 100)


def paid_seconds_max(estimate_seconds: int, *, factor: int, minimum_minutes: int) -> int:
    """How long an item's time is paid: a multiple of the estimate, at least some minutes."""
    seconds = Decimal(estimate_seconds) * factor
    return max(int(seconds.to_integral_value(ROUND_CEILING)), minimum_minutes * 60)
