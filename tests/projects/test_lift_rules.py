"""The lift pool: shared whole or not at all, never negative, whatever a run says."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from apps.projects import rules
from apps.projects.rules import Lift, LiftTerms, LineKind, Terms
from tests.factories.projects import body

LIFT = {
    "recipe": "text-linear", "metric": "accuracy", "positive": "", "method": "with-without",
    "rows": "drawn", "seeds": 8, "chance": 16, "confidence_percent": 95, "minimum_rows": 20,
    "pool_percent": 10,
    "pool": 10_000, "seconds_max": 1800, "price_per_hour": 120, "compute": 60, "contest_days": 14,
    "test_items": 40, "test_sha256": "0" * 64,
}  # fmt: skip


def terms(fee_bps: int = 1500) -> Terms:
    return Terms.of(body(pay={"fee_bps": fee_bps}))


figures = st.decimals(-1, 1, places=9)
halves = st.decimals(0, 1, places=9)
lifts = st.lists(
    st.builds(
        lambda value, half, is_known: Lift(
            value, value - half if is_known else None, value + half if is_known else None
        ),
        figures,
        halves,
        st.booleans(),
    ),
    max_size=30,
)
pools = st.integers(0, 10**9)


def bonuses(pool: int, found: list[Lift], fee_bps: int = 1500):
    lift_terms = LiftTerms(**{**LIFT, "pool": max(pool, 1)})
    return [
        rules.lift_bonus(terms(fee_bps), lift_terms, lift, part=part, run="run")
        for lift, part in zip(found, rules.pool_shares(pool, found), strict=True)
    ]


@given(pools, lifts, st.integers(0, 3000))
def test_bonuses_are_never_more_than_the_pool_and_nobody_s_is_negative(pool, found, fee_bps):
    parts, lines = rules.pool_shares(pool, found), bonuses(pool, found, fee_bps)
    assert sum(parts) in {0, pool}
    assert sum(line.gross for line in lines) <= pool
    for part, line, lift in zip(parts, lines, found, strict=True):
        assert line.kind == LineKind.LIFT_BONUS
        assert line.net >= 0 and line.fee >= 0 and line.gross <= part
        # The fee is that of any other pay, less what rounding would take out of the pool.
        assert line.fee <= terms(fee_bps).fee_on(line.net)
        if lift.low is None or lift.low <= 0:
            assert part == 0 and line.gross == 0


@given(pools, lifts)
def test_the_whole_pool_is_shared_as_soon_as_somebody_s_interval_lies_above_zero(pool, found):
    above = any(lift.low is not None and lift.low >= rules.lifts.UNIT for lift in found)
    assert sum(rules.pool_shares(pool, found)) == (pool if above else 0)


@given(pools, st.lists(st.tuples(figures, halves), max_size=20))
def test_where_nothing_differs_from_zero_nobody_is_paid(pool, found):
    """An A/A run: every interval holds zero."""
    same = [Lift(value, min(value - half, Decimal(0)), value + half) for value, half in found]
    assert sum(line.gross for line in bonuses(pool, same)) == 0


@given(pools, lifts)
def test_what_shuffled_answers_often_reach_is_paid_to_nobody(pool, found):
    chance = [replace(lift, beats_chance=False) for lift in found]
    assert sum(rules.pool_shares(pool, chance)) == 0
    for line, lift in zip(bonuses(pool, chance), found, strict=True):
        assert line.gross == 0 and "shuffled answers" in line.reason
        assert lift.low is None or "not known" not in line.reason


@given(pools, lifts, st.randoms())
def test_the_order_of_people_changes_nobody_s_part_by_more_than_a_unit(pool, found, random):
    order = list(range(len(found)))
    random.shuffle(order)
    before = rules.pool_shares(pool, found)
    after = rules.pool_shares(pool, [found[place] for place in order])
    assert sum(before) == sum(after)
    for place, part in zip(order, after, strict=True):
        assert abs(part - before[place]) <= 1


@given(pools, lifts, figures, halves, st.decimals("0.000001", 1, places=6))
def test_a_higher_lower_bound_never_pays_less(pool, others, value, half, more):
    low = value - half
    before, *_ = rules.pool_shares(pool, [Lift(value, low, value + half), *others])
    after, *_ = rules.pool_shares(pool, [Lift(value, low + more, value + half), *others])
    assert after >= before


@given(st.lists(st.integers(0, 10**8), max_size=20), st.integers(1, 10**5))
def test_computing_costs_the_same_in_one_run_or_in_many(times, price):
    charged = done = 0
    for milliseconds in times:
        done += milliseconds
        charged += rules.compute_cost(done, price) - charged
    assert charged == rules.compute_cost(sum(times), price)
    seconds = -(-sum(times) // 1000)
    assert charged <= rules.compute_reserve(seconds, price)


def test_the_sentence_says_value_interval_share_and_run():
    found = [
        Lift(Decimal("0.021"), Decimal("0.009"), Decimal("0.033")),
        Lift(Decimal("0.014"), Decimal("0.003"), Decimal("0.025")),
        Lift(Decimal("0.011"), Decimal("-0.002"), Decimal("0.024")),
    ]
    first, second, third = bonuses(10_000, found)
    assert (first.net, first.fee) == (6521, 978)
    assert (second.net, second.fee) == (2173, 326)
    assert first.reason == (
        "Lift: your answers moved the accuracy by +0.0210, 95% interval +0.0090 to +0.0330, above "
        "zero: 75.00% of the pool of $100.00, by the lower bound, run run, under criteria v1."
    )
    assert third.gross == 0 and "no part of the pool" in third.reason
    assert "−0.0020 to +0.0240" in third.reason
    assert max(len(line.reason) for line in (first, second, third)) <= 400
