"""Earning lines: each one reason for money, with the sentence that says why it is there."""

from collections.abc import Sequence
from enum import StrEnum

from apps.core.money import ceiling, half_even
from apps.projects.rules.reserves import acceptance_fee, full_pay, guaranteed_pay, reworked_pay
from apps.projects.rules.terms import FIRST, Facts, Kind, Line, LineKind, Premium, Terms


class Outcome(StrEnum):
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    OVERTURNED = "overturned"  # of a rejection: the difference to full pay
    BAD_FAITH = "bad_faith"  # rejected by staff, who found bad faith: no kill fee, no fee


def earn(terms: Terms, facts: Facts, outcome: Outcome) -> list[Line]:
    """The earning lines of one verdict, each with the sentence that says why it is there.

    Total: any facts give a list. Empty where nothing new is due, such as a kill fee that is the
    whole pay already.
    """
    flat = terms.flat_pay(facts.kind)
    if flat is not None:
        sentence = f"{_FLAT[facts.kind]}, {_by(terms)}."
        return [Line(_FLAT_LINES[facts.kind], flat, acceptance_fee(terms, facts), sentence)]
    rework = _rework_lines(terms, facts)
    if outcome == Outcome.ACCEPTED:
        return [*_accepted_lines(terms, facts), *rework]
    if outcome == Outcome.REJECTED:
        reason = (
            f"Rejected work done in good faith keeps {terms.kill_fee_percent}% of the base "
            f"{_by(terms)}; the buyer pays the fee of an acceptance."
        )
        fee = acceptance_fee(terms, facts)
        return [Line(LineKind.KILL_FEE, terms.kill_fee, fee, reason), *rework]
    if outcome == Outcome.BAD_FAITH:
        # A line of nothing, so that the statement and the wage file say why it is nothing.
        reason = (
            "Administrators of the platform found that this work was not done in good faith: no "
            f"kill fee {_by(terms)}. This can be appealed."
        )
        return [Line(LineKind.KILL_FEE, 0, 0, reason)]
    if facts.is_bad_faith:
        # Overturned, and nothing was paid before: the whole pay with its fee, as if accepted.
        return [*_accepted_lines(terms, facts), *rework]
    rest = full_pay(terms, facts) - guaranteed_pay(terms, facts)
    reason = f"The rejection was overturned: the rest of the full pay {_by(terms)}."
    return [Line(LineKind.ADJUSTMENT, rest, 0, reason)] if rest > 0 else []


_FLAT = {
    Kind.QUALIFICATION: "A qualification item is paid whatever its result",
    Kind.TRAINING: "A training item is paid whatever its result",
    Kind.REVIEW: "A review is paid whatever it finds",
    Kind.PANEL: "A seat on a panel is paid whatever it finds",
}
_FLAT_LINES = {
    Kind.QUALIFICATION: LineKind.QUALIFICATION,
    Kind.TRAINING: LineKind.TRAINING,
    Kind.REVIEW: LineKind.REVIEW,
    Kind.PANEL: LineKind.PANEL,
}


def _by(terms: Terms) -> str:
    return f"under criteria v{terms.version}"


def _accepted_lines(terms: Terms, facts: Facts) -> list[Line]:
    fee = acceptance_fee(terms, facts)
    lines = [(LineKind.BASE, terms.base, f"Base pay for an accepted item {_by(terms)}.")]
    lines += [
        (LineKind.PREMIUM, p.amount, _premium_says(terms, p))
        for p in terms.premiums_of(facts.triggers)
    ]
    # The fee is computed once on the sum; the lines share it so that they add up to it.
    fees = _spread(fee, [net for _, net, _ in lines])
    return [
        Line(kind, net, part, reason) for (kind, net, reason), part in zip(lines, fees, strict=True)
    ]


def _premium_says(terms: Terms, premium: Premium) -> str:
    if terms.engine == FIRST:
        return f"Premium: {premium.label}, {_by(terms)}."
    return (
        f"Premium of {terms.says(premium.amount)}, {premium.label}: {premium.holds}, {_by(terms)}."
    )


def _rework_lines(terms: Terms, facts: Facts) -> list[Line]:
    pay = reworked_pay(terms, facts)
    if not pay:
        return []
    if terms.engine == FIRST:
        sentence = f"A round of rework that the buyer asked for, {_by(terms)}."
    else:
        sentence = (
            f"A round of rework that the buyer asked for pays {terms.rework_percent}% of the base, "
            f"whatever is decided then, {_by(terms)}."
        )
    return [Line(LineKind.REWORK, pay, 0, sentence)]


def _spread(amount: int, weights: Sequence[int]) -> list[int]:
    total = sum(weights)
    parts, left, weight_left = [], amount, total
    for weight in weights:
        part = half_even(left * weight, weight_left) if weight_left else 0
        parts.append(part)
        left, weight_left = left - part, weight_left - weight
    return parts


# ── Lines that follow from no verdict ───────────────────────────────────────────────────────────


def case_time(terms: Terms, *, what: str = "An appeal") -> list[Line]:
    """The time that a won case took, at the floor, paid by the platform out of its fee.

    Only where a person decided: a buyer and a contributor in league could else let one appeal
    after the other run out, at the platform's cost.
    Gross is zero: the buyer pays nothing, and the platform's fee goes down by what the contributor
    gets. Empty where the criteria have no such rule.
    """
    pay = terms.floor_for(terms.case_seconds)
    if not pay:
        return []
    reason = (
        f"{what} that an administrator decides for you is paid as {terms.case_seconds} seconds "
        f"at the floor of {terms.says(terms.floor_per_hour)} an hour, by the platform out of its "
        f"fee, "
        f"{_by(terms)}."
    )
    return [Line(LineKind.CASE_TIME, pay, -pay, reason)]


def wind_down(terms: Terms, *, answers: int) -> list[Line]:
    """Pay in place of notice, when the buyer closes a project before its work is done.

    `answers` are those of one contributor that count: accepted in the last days before the close,
    and what is still in hand.
    """
    pay = ceiling(terms.base * terms.wind_down_percent * max(0, answers), 100)
    if not pay:
        return []
    reason = (
        "The buyer closed the project before its work was done: "
        f"{terms.wind_down_percent}% of the base of {answers} answer{'s' * (answers != 1)} "
        f"(accepted in the last {terms.wind_down_days} days, or in hand) in place of notice, "
        f"{_by(terms)}."
    )
    return [Line(LineKind.WIND_DOWN, pay, 0, reason)]


def royalty(terms: Terms, *, price: int, use: str) -> list[Line]:
    """One further use of a contributor's answers at the price of the consent terms."""
    if price <= 0:
        return []
    reason = (
        f"Further use of your answers: {use}; each use pays {terms.says(price)} by the consent "
        f"terms, {_by(terms)}."
    )
    return [Line(LineKind.ROYALTY, price, terms.fee_on(price), reason)]
