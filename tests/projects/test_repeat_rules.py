"""The draw of repeats, and how many the criteria may promise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.projects import rules
from apps.projects.rules import AS_WORK, Facts, Kind, Outcome, Repeats, Stage
from tests.factories.projects import PAY_2, body, premium

seeds = st.integers(0, 2**63 - 1)


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ({}, Repeats(0, 0)),
        ({"repeat_percent": 0, "repeat_between": 20}, Repeats(0, 20)),
        ({"repeat_percent": 2, "repeat_between": 20}, Repeats(2, 20)),
    ],
)
def test_criteria_from_before_have_none(criteria, expected):
    found = rules.repeats_of(criteria)
    assert found == expected
    assert found.is_on == (expected.percent > 0)


@given(seeds, st.integers(0, 10**6), st.integers(0, 5))
def test_a_draw_is_the_same_again(seed, claim, percent):
    repeats = Repeats(percent, 20)
    drawn = rules.draw_repeat(repeats, seed=seed, claim=claim)
    assert drawn == rules.draw_repeat(repeats, seed=seed, claim=claim)
    assert -(2**63) <= drawn.order < 2**63
    # A larger share keeps every repeat of a smaller one.
    assert (
        not drawn.is_repeat or rules.draw_repeat(Repeats(5, 20), seed=seed, claim=claim).is_repeat
    )


@given(seeds, st.integers(0, 10**6))
def test_zero_is_never_and_a_hundred_always(seed, claim):
    assert not rules.draw_repeat(Repeats(0, 1), seed=seed, claim=claim).is_repeat
    assert rules.draw_repeat(Repeats(100, 1), seed=seed, claim=claim).is_repeat


def test_the_share_is_kept_and_seeds_differ():
    def drawn(seed: int) -> list[int]:
        two = Repeats(2, 20)
        return [n for n in range(20_000) if rules.draw_repeat(two, seed=seed, claim=n).is_repeat]

    one, other = drawn(1), drawn(2)
    # Four standard deviations of 20,000 draws at 2%.
    assert 320 < len(one) < 480 and 320 < len(other) < 480
    assert len(set(one) & set(other)) < 30


@given(
    outcome=st.sampled_from(list(Outcome)),
    stage=st.sampled_from(list(Stage)),
    rounds=st.integers(1, 2),
    seconds=st.integers(0, 400),
    engine=st.sampled_from(["pay/1", "pay/2"]),
)
def test_a_repeat_pays_and_holds_what_work_does(outcome, stage, rounds, seconds, engine):
    pay = {**(PAY_2 if engine == "pay/2" else {}), "premiums": [premium("night", 4)]}
    terms = rules.Terms.of(body(engine=engine, pay=pay))
    work, repeat = (
        Facts(
            kind=kind, stage=stage, cap_seconds=240, triggers=frozenset({"night"}), rounds=rounds,
            paid_seconds=None if stage == Stage.OPEN else seconds,
        )
        for kind in (Kind.WORK, Kind.REPEAT)
    )  # fmt: skip
    assert rules.earn(terms, repeat, outcome) == rules.earn(terms, work, outcome)
    assert rules.max_remaining(terms, repeat) == rules.max_remaining(terms, work)
    assert {Kind.WORK, Kind.REPEAT} == AS_WORK


def test_the_price_of_an_answer_has_every_premium_and_the_bonus_and_no_top_up():
    terms = rules.Terms.of(body(engine="pay/2", pay={**PAY_2, "premiums": [premium("night", 4)]}))
    # 40 + 4 net, 7 fee (6.6 half-even), a bonus of 8 with its fee reserved upwards.
    assert rules.price_max(terms) == 44 + 7 + 8 + 2
