"""What has to stay held: always the most that can still become due."""

from dataclasses import replace

from apps.projects.rules.terms import AS_WORK, Facts, Hold, Kind, Stage, Terms


def full_pay(terms: Terms, facts: Facts) -> int:
    """Net pay if the assignment is accepted now, bonus and top-up apart."""
    flat = terms.flat_pay(facts.kind)
    if flat is not None:
        return flat
    return terms.base + terms.premium_of(facts.triggers) + reworked_pay(terms, facts)


def reworked_pay(terms: Terms, facts: Facts) -> int:
    """Net pay for the rounds after the first one."""
    return max(0, facts.rounds - 1) * terms.rework_pay


def guaranteed_pay(terms: Terms, facts: Facts) -> int:
    """Net pay if it is submitted and rejected: nothing where staff found bad faith.

    A qualification is always paid, as is every kind that pays the same whatever its result.
    """
    flat = terms.flat_pay(facts.kind)
    if flat is not None:
        return flat
    if facts.is_bad_faith:
        return 0
    return terms.kill_fee + reworked_pay(terms, facts)


def acceptance_fee(terms: Terms, facts: Facts) -> int:
    """The platform's fee of an acceptance, computed once on the sum."""
    flat = terms.flat_pay(facts.kind)
    if flat is not None:
        return terms.fee_on(flat) if facts.kind == Kind.REVIEW else 0
    return terms.fee_on(terms.base + terms.premium_of(facts.triggers))


def _bonus_hold(terms: Terms, facts: Facts) -> int:
    return terms.bonus_max if facts.kind in AS_WORK and facts.can_bonus else 0


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
            fee=acceptance_fee(terms, facts) + bonus_fee,
            extra=_top_up_hold(terms, facts, guaranteed_pay(terms, facts)) + bonus,
        )
    if facts.stage == Stage.REJECTED and facts.is_bad_faith:
        # Nothing is paid yet, so an overturn owes everything: pay, fee and what tops it up. If it
        # stands instead, the floor on the time comes out of the pay part, as for work given back.
        good_faith = replace(facts, is_bad_faith=False)
        return Hold(
            pay=full_pay(terms, facts),
            fee=acceptance_fee(terms, facts) + bonus_fee,
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


def price_max(terms: Terms) -> int:
    """The most that one accepted answer costs the buyer, gross: every premium and the bonus, and no
    time beyond what its pay covers.
    """
    every = frozenset(premium.trigger for premium in terms.premiums)
    return max_cost(terms, kind=Kind.WORK, triggers=every, cap_seconds=0).total
