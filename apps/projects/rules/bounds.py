"""What can be said before anything is published: the most that unknown accounts can take."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal

from apps.projects.rules.reserves import max_cost
from apps.projects.rules.terms import Kind, Terms


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


def gold_percent(body: Mapping, unsure: float | None) -> float:
    """The chance in percent that the next item of a contributor has a known answer.

    `unsure` (0 to 1) is what the last run wrote; None before any run. Criteria without a lower
    bound have the one share for everybody.
    """
    most = body["gold_percent"]
    least = min(most, body.get("gold_percent_min", most))
    return most if unsure is None else least + (most - least) * min(max(unsure, 0.0), 1.0)


@dataclass(frozen=True, slots=True)
class Overlap:
    """How many answers an item gets: `least` at once, more while its label is wrong with more than
    `error` (a share of 1), `most` in the end.
    """

    least: int
    most: int
    error: float

    @property
    def is_dynamic(self) -> bool:
        return self.most > self.least


def overlap_of(body: Mapping) -> Overlap:
    """Of criteria; those from before there was a choice have one number."""
    least = body["overlap"]
    return Overlap(
        least, max(least, body.get("overlap_max", least)), body.get("label_error_percent", 5) / 100
    )


def paid_seconds_max(estimate_seconds: int, *, factor: int, minimum_minutes: int) -> int:
    """How long an item's time is paid: a multiple of the estimate, at least some minutes."""
    seconds = Decimal(estimate_seconds) * factor
    return max(int(seconds.to_integral_value(ROUND_CEILING)), minimum_minutes * 60)
