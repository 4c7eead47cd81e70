"""Worked examples on the offer: every kind of line that these criteria can pay, before any work.

Facts are made up, money and sentences are not: both come from the functions that pay.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from apps.projects import rules
from apps.projects.rules import Account, Facts, Kind, Line, Outcome, Stage, Terms

# Enough answers that a rounded percentage of the base shows.
ANSWERS = 20


@dataclass(frozen=True, slots=True)
class Example(rules.Sums):
    """A pay rule worked through with the numbers of this offer."""

    title: str
    sentence: str
    lines: Sequence[Line]


def of(body: Mapping, *, version: int) -> list[Example]:
    """In the order in which they happen to people; what the criteria do not pay is left out."""
    terms = Terms.of(body, version=version)
    found = [
        Example(
            "Accepted",
            "One item, accepted by a person, a rule or silence.",
            rules.earn(terms, _facts(terms), Outcome.ACCEPTED),
        ),
        *_with_premiums(terms),
        Example(
            "Accepted after rework",
            "One item that the buyer sent back once, answered again and accepted.",
            rules.earn(terms, _facts(terms, rounds=2), Outcome.ACCEPTED),
        ),
        Example(
            "Rejected in good faith",
            "One item, rejected with a cited criterion. You can appeal.",
            rules.earn(terms, _facts(terms), Outcome.REJECTED),
        ),
        Example(
            "Appealed and won",
            "What a rejected item pays on top of that when an administrator finds for you. If "
            "nobody decides in time you are right, too, and the rest of the pay follows alone.",
            overturned(terms, _facts(terms)),
        ),
        Example(
            "Not done in good faith",
            "Only administrators of the platform can find this, on two signals. You can appeal.",
            rules.earn(terms, _facts(terms), Outcome.BAD_FAITH),
        ),
        _slow(terms),
        _good(terms),
    ]
    if any(tier["qualification"] for tier in body["tiers"]):
        found.append(
            Example(
                "A qualification item",
                "Paid whatever the result; failing it still pays.",
                rules.earn(terms, _facts(terms, kind=Kind.QUALIFICATION), Outcome.ACCEPTED),
            )
        )
    found.append(
        Example(
            "The buyer closes early",
            f"{ANSWERS} of your items were accepted in the last days, and items are left undone.",
            rules.wind_down(terms, answers=ANSWERS),
        )
    )
    found.append(_lift(terms, body))
    price = body["consent"]["price_per_use"]
    found.append(
        Example(
            "Your answers are used again",
            "One use beyond the purpose above.",
            rules.royalty(terms, price=price, use=body["consent"]["secondary_use"]),
        )
    )
    return [example for example in found if example.lines]


def overturned(terms: Terms, facts: Facts) -> list[Line]:
    """Everything that an appeal books which an administrator decides for the contributor."""
    return [*rules.earn(terms, facts, Outcome.OVERTURNED), *rules.case_time(terms)]


def _facts(terms: Terms, **changes: object) -> Facts:
    words: dict = {"kind": Kind.WORK, "stage": Stage.OPEN, "cap_seconds": terms.paid_seconds_max}
    return Facts(**words | changes)


def _lift(terms: Terms, body: Mapping) -> Example:
    """Two contributors above zero and one whose interval holds it: what the first gets."""
    lift_terms = rules.LiftTerms.of(body)
    if lift_terms is None:
        return Example("Lift", "", [])
    lifts = [
        rules.Lift(Decimal(value), Decimal(low), Decimal(high))
        for value, low, high in (
            ("0.021", "0.009", "0.033"),
            ("0.014", "0.003", "0.025"),
            ("0.011", "-0.002", "0.024"),
        )
    ]
    part = rules.pool_shares(lift_terms.pool, lifts)[0]
    line = rules.lift_bonus(terms, lift_terms, lifts[0], part=part, run="…")
    return Example(
        "A model is better by your answers",
        "Three people's lift was measured at the close: yours, one with a lower bound of a third "
        "of yours, and one whose interval holds zero and who gets no part.",
        [line] if line.net else [],
    )


def _with_premiums(terms: Terms) -> list[Example]:
    """One for each trigger; what is paid on every item stands in the first example already."""
    triggers = dict.fromkeys(p.trigger for p in terms.premiums if p.trigger != rules.ALWAYS)
    return [
        Example(
            f"Accepted, with the premium for {_named(terms, trigger)}",
            "One item for which it is said, when you claim it, that the premium holds.",
            rules.earn(terms, _facts(terms, triggers=frozenset({trigger})), Outcome.ACCEPTED),
        )
        for trigger in triggers
    ]


def _named(terms: Terms, trigger: str) -> str:
    return next(p.label for p in terms.premiums if p.trigger == trigger).lower()


def _slow(terms: Terms) -> Example:
    accepted = rules.earn(terms, _facts(terms), Outcome.ACCEPTED)
    account = Account(
        earned=sum(line.net for line in accepted),
        accepted_base=terms.base,
        paid_seconds=terms.paid_seconds_max,
    )
    return Example(
        "A slow item",
        f"One accepted item that took all {terms.paid_seconds_max} seconds that are paid, and "
        "nothing else that week: the settlement pays the difference to the floor.",
        [*accepted, *rules.settle(terms, account)],
    )


def _good(terms: Terms) -> Example:
    """The bonus alone: base pay of so many items that are known to be right."""
    answers = max(ANSWERS, terms.gold_minimum)
    account = Account(
        earned=terms.base * answers,
        accepted_base=terms.base * answers,
        paid_seconds=0,
        gold_count=terms.gold_minimum,
        gold_lower_bound=terms.bonus_bar,
    )
    return Example(
        "The quality bar reached",
        f"{answers} accepted items, {terms.gold_minimum} of them with a known answer: what the "
        "settlement adds.",
        rules.settle(terms, account),
    )
