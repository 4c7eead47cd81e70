"""What a project costs and what a contributor earns on it, worked out before it is published."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from django.db.models import F, Sum

from apps.core.money import ceiling
from apps.projects import rules
from apps.projects.models import Item, Project


@dataclass(frozen=True, slots=True)
class Split:
    """The same payment seen from three sides, in minor units: gross = net + fee."""

    gross: int
    fee: int
    net: int


@dataclass(frozen=True, slots=True)
class Example:
    """One worked case: `hourly` is the net pay an hour, in minor units, rounded down."""

    title: str
    seconds: int
    lines: tuple[rules.Line, ...]
    split: Split
    hourly: int


@dataclass(frozen=True, slots=True)
class CostPreview:
    """All amounts in minor units of `currency`.

    `per_item` is one accepted answer, `premiums_max` the most (gross) that premiums with a trigger
    add to it; `total_max` the same where every item turns out to need the most answers it may get;
    `total` all items times the overlap, accepted, without those; `reserved` the most
    that one claim holds; `minimum` the least budget that can be published; `answers_covered` how
    many accepted answers the budget pays besides the qualification and lift.
    """

    currency: str
    per_item: Split
    premiums_max: int
    per_qualification_item: Split
    effective_fee_percent: Decimal
    hourly_at_estimate: int
    floor_per_hour: int
    reserved: int
    items: int
    answers: int
    total: Split
    answers_max: int
    total_max: Split
    budget: int
    minimum: int
    answers_covered: int
    exposure: rules.Exposure
    examples: tuple[Example, ...]


def qualification_exposure(body: Mapping, *, budget: int = 0) -> rules.Exposure:
    """The most that unknown accounts can take: all seats of all tiers, and the newcomers' share."""
    costs = seat_costs(body)
    seats = sum(count * costs[tier] for tier, count in seats_of(body).items())
    share = body["limits"]["newcomer_share_percent"]
    return rules.Exposure(qualification=seats, newcomers=budget * share // 100)


def seats_of(body: Mapping) -> dict[str, int]:
    """How many qualification seats the criteria say, of each tier that has a qualification."""
    return {
        tier["key"]: tier["qualification"]["seats"]
        for tier in body["tiers"]
        if tier["qualification"]
    }


def seat_costs(body: Mapping) -> dict[str, int]:
    """The most that one whole attempt can cost, of each tier that has a qualification."""
    terms = rules.Terms.of(body)
    # Criteria from before this limit have none: their seats are paid from the held funds.
    unsubmitted = body["limits"].get("unsubmitted_paid_per_attempt", 0)
    return {
        tier["key"]: rules.seat_cost(
            terms, items=tier["qualification"]["items"], unsubmitted=unsubmitted
        )
        for tier in body["tiers"]
        if tier["qualification"]
    }


def version_seats(project: Project, body: Mapping) -> tuple[dict[str, int] | None, int]:
    """Seats of each tier under a later version, and what they cost beyond what is funded.

    Nothing for a project whose seats are paid from its held funds. A seat that is funded stays,
    also when the version says fewer, so that seats added on the live project are not lost; each
    is paid up to what it can cost now, as an attempt that is under way goes on under the version.
    """
    if project.seats is None:
        return None, 0
    before, costs = seat_costs(project.criteria_in_force.body), seat_costs(body)
    seats, amount = dict(project.seats), 0
    for tier, wanted in seats_of(body).items():
        had = seats.get(tier, 0)
        added = max(0, wanted - had)
        dearer = max(0, costs[tier] - before.get(tier, 0))
        amount += added * costs[tier] + had * dearer
        seats[tier] = had + added
    return seats, amount


def reserve_of(body: Mapping, kind: rules.Kind) -> int:
    """The most that one claim can hold: instructions are read on the first one."""
    terms = rules.Terms.of(body)
    return rules.max_cost(
        terms,
        kind=kind,
        triggers=_every_trigger(terms),
        cap_seconds=terms.paid_seconds_max + terms.instruction_seconds_max,
    ).total


def minimum_budget(body: Mapping) -> int:
    """All qualification seats and one claim; and enough that a newcomer's share holds a claim.

    Below that, nobody could ever begin: everybody is a newcomer at first.
    """
    has_qualification = any(tier["qualification"] for tier in body["tiers"])
    claim = reserve_of(body, rules.Kind.WORK)
    largest = max(claim, reserve_of(body, rules.Kind.QUALIFICATION) if has_qualification else 0)
    share = body["limits"]["newcomer_share_percent"]
    for_work = max(
        qualification_exposure(body).qualification + claim,
        ceiling(largest * 100, share) if share else 0,
    )
    lift = rules.LiftTerms.of(body)
    if lift is None:
        return for_work
    return ceiling((for_work + lift.compute) * 100, 100 - min(lift.pool_percent, 99))


def lift_funds(body: Mapping) -> int:
    """What of the budget is set apart for lift: the pool, and the most that computing can cost."""
    lift = rules.LiftTerms.of(body)
    return lift.pool + lift.compute if lift else 0


def cost_preview(body: Mapping, items: int, budget: int) -> CostPreview:
    """What `items` of these criteria cost and what `budget` covers. See CostPreview."""
    terms = rules.Terms.of(body)
    estimate = body["task"]["estimate_seconds"]
    per_item = _split(rules.earn(terms, _facts(terms, rules.Kind.WORK), rules.Outcome.ACCEPTED))
    with_all = replace(_facts(terms, rules.Kind.WORK), triggers=_every_trigger(terms))
    every = rules.earn(terms, with_all, rules.Outcome.ACCEPTED)
    overlap = rules.overlap_of(body)
    answers, answers_max = items * overlap.least, items * overlap.most
    for_work = max(0, budget - lift_funds(body))
    exposure = qualification_exposure(body, budget=for_work)
    return CostPreview(
        currency=terms.currency,
        per_item=per_item,
        premiums_max=_split(every).gross - per_item.gross,
        per_qualification_item=Split(terms.qualification_pay, 0, terms.qualification_pay),
        effective_fee_percent=_percent(per_item.fee, per_item.net),
        hourly_at_estimate=_hourly(per_item.net, estimate),
        floor_per_hour=terms.floor_per_hour,
        reserved=reserve_of(body, rules.Kind.WORK),
        items=items,
        answers=answers,
        total=Split(per_item.gross * answers, per_item.fee * answers, per_item.net * answers),
        answers_max=answers_max,
        total_max=Split(
            per_item.gross * answers_max, per_item.fee * answers_max, per_item.net * answers_max
        ),
        budget=budget,
        minimum=minimum_budget(body),
        answers_covered=(
            max(0, for_work - exposure.qualification) // per_item.gross if per_item.gross else 0
        ),
        exposure=exposure,
        examples=_examples(terms, estimate),
    )


def extension_slots(project: Project, overlap: int) -> int:
    """How many more answers can be claimed if every item gets this overlap."""
    return (
        Item.objects.filter(
            project=project, purpose="work", state="active", overlap__lt=overlap
        ).aggregate(more=Sum(overlap - F("overlap")))["more"]
        or 0
    )


def _every_trigger(terms: rules.Terms) -> frozenset[str]:
    return frozenset(premium.trigger for premium in terms.premiums)


def _facts(terms: rules.Terms, kind: rules.Kind) -> rules.Facts:
    return rules.Facts(
        kind=kind, stage=rules.Stage.OPEN, cap_seconds=terms.paid_seconds_max, triggers=frozenset()
    )


def _examples(terms: rules.Terms, estimate: int) -> tuple[Example, ...]:
    facts = _facts(terms, rules.Kind.WORK)
    accepted = rules.earn(terms, facts, rules.Outcome.ACCEPTED)
    rejected = rules.earn(terms, facts, rules.Outcome.REJECTED)
    slow = terms.paid_seconds_max
    return (
        _example("Accepted, in the time you estimate", estimate, accepted, terms, terms.base),
        _example("Rejected, in the time you estimate", estimate, rejected, terms, 0),
        _example("Accepted, but as slow as is still paid", slow, accepted, terms, terms.base),
        _example("Rejected, and as slow as is still paid", slow, rejected, terms, 0),
    )


def _example(
    title: str, seconds: int, lines: list[rules.Line], terms: rules.Terms, accepted_base: int
) -> Example:
    """The lines of the verdict and of a settlement over nothing but this one answer."""
    earned = sum(line.net for line in lines)
    account = rules.Account(earned=earned, accepted_base=accepted_base, paid_seconds=seconds)
    lines = [*lines, *rules.settle(terms, account)]
    split = _split(lines)
    return Example(title, seconds, tuple(lines), split, _hourly(split.net, seconds))


def _split(lines: list[rules.Line]) -> Split:
    net, fee = sum(line.net for line in lines), sum(line.fee for line in lines)
    return Split(gross=net + fee, fee=fee, net=net)


def _hourly(net: int, seconds: int) -> int:
    return net * 3600 // seconds if seconds > 0 else 0


def _percent(fee: int, net: int) -> Decimal:
    return (Decimal(fee * 100) / net).quantize(Decimal("0.1")) if net else Decimal(0)
