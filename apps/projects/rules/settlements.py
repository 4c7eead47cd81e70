"""Quality bonus and top-up of one contributor on one project, over everything decided."""

from dataclasses import dataclass
from decimal import Decimal

from apps.core.money import half_even, written
from apps.projects.rules.terms import Line, LineKind, Terms


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
