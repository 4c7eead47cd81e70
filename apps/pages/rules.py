"""The live example of pay: the real rules over one item, from the claim to the settlement."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from apps.core.money import half_even
from apps.projects import rules
from apps.projects.rules import Account, Facts, Hold, Kind, Line, Outcome, Stage, Sums, Terms


class Ending(StrEnum):
    """What becomes of the item in the example."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    OVERTURNED = "overturned"


# The verdicts that book lines, in order, and how far the item is afterwards.
_VERDICTS = {
    Ending.ACCEPTED: ((Outcome.ACCEPTED,), Stage.ACCEPTED),
    Ending.REJECTED: ((Outcome.REJECTED,), Stage.REJECTED),
    Ending.OVERTURNED: ((Outcome.REJECTED, Outcome.OVERTURNED), Stage.ACCEPTED),
}


@dataclass(frozen=True, slots=True)
class Example(Sums):
    """Minor units. `lines` in the order in which they are booked, the settlement's last.

    `set_aside` is what the claim reserves, `still_held` what stays reserved after the last verdict
    and before the settlement.
    """

    terms: Terms
    paid_seconds: int
    lines: list[Line]
    set_aside: Hold
    still_held: Hold

    @property
    def top_up(self) -> int:
        return sum(line.net for line in self.lines if line.kind == rules.LineKind.TOP_UP)

    @property
    def per_hour(self) -> int | None:
        """Net for an hour of paid time; None where no time was counted."""
        return half_even(self.net * 3600, self.paid_seconds) if self.paid_seconds else None


def example(
    terms: Terms, *, kind: Kind, ending: Ending, seconds: int, reaches_bar: bool = False
) -> Example:
    """One item as though it were all that this person did on the project.

    `seconds` is active time, paid up to the limit of the terms; `reaches_bar` says that accuracy
    on gold is exactly at the published bar, on the fewest gold items that count. What the platform
    pays for the time of a won appeal is no part of the item, and left out.
    """
    paid = min(seconds, terms.paid_seconds_max)
    opened = Facts(kind=kind, stage=Stage.OPEN, cap_seconds=terms.paid_seconds_max)
    outcomes, stage = _VERDICTS[ending]
    if kind == Kind.QUALIFICATION:
        # Paid once, whatever its result.
        outcomes, stage = (Outcome.ACCEPTED,), Stage.ACCEPTED
    lines = [line for outcome in outcomes for line in rules.earn(terms, opened, outcome)]
    earned = sum(line.net for line in lines)
    decided = Facts(
        kind=kind,
        stage=stage,
        cap_seconds=terms.paid_seconds_max,
        paid_seconds=paid,
        earned=earned,
    )
    is_accepted = kind == Kind.WORK and stage == Stage.ACCEPTED
    account = Account(
        earned=earned,
        accepted_base=terms.base if is_accepted else 0,
        paid_seconds=paid,
        gold_count=terms.gold_minimum if reaches_bar else 0,
        gold_lower_bound=Decimal(terms.bonus_bar) if reaches_bar else None,
    )
    return Example(
        terms=terms,
        paid_seconds=paid,
        lines=[*lines, *rules.settle(terms, account)],
        set_aside=rules.max_remaining(terms, opened),
        still_held=rules.max_remaining(terms, decided),
    )
