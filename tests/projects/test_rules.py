"""The pay rules of both engines, by properties: what is reserved covers what becomes due."""

import dataclasses
import datetime as dt
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.projects import rules
from apps.projects.enums import Layer
from apps.projects.rules import Account, Facts, Hold, Kind, LineKind, Outcome, Premium, Stage, Terms
from tests.factories.projects import body

percents = st.integers(0, 100)
amounts = st.integers(1, 5_000)
premiums = st.lists(
    st.builds(
        Premium,
        key=st.just("p"),
        label=st.just("Night"),
        amount=st.integers(0, 500),
        trigger=st.sampled_from(["always", "night", "urgent"]),
        source=st.just("item"),
        holds=st.just("somebody says so"),
    ),
    max_size=3,
).map(tuple)
terms_of_any_kind = st.builds(
    Terms,
    currency=st.just("USD"),
    base=amounts,
    qualification_pay=amounts,
    fee_bps=st.integers(0, 5_000),
    floor_per_hour=st.integers(0, 10_000),
    kill_fee_percent=percents,
    rework_percent=percents,
    bonus_percent=percents,
    bonus_bar=st.just(Decimal("0.80")),
    gold_minimum=st.integers(0, 10),
    paid_seconds_max=st.integers(60, 3_600),
    instruction_seconds_max=st.integers(0, 900),
    premiums=premiums,
    version=st.integers(1, 99),
    engine=st.sampled_from(sorted(rules.ENGINES)),
    case_seconds=st.integers(0, 3_600),
    wind_down_percent=percents,
    wind_down_days=st.integers(1, 30),
    training_pay=amounts,
    review_pay=amounts,
    panel_pay=amounts,
)
triggers = st.sampled_from([frozenset(), frozenset({"night"}), frozenset({"night", "urgent"})])
kinds = st.sampled_from(list(Kind))
outcomes = st.sampled_from(list(Outcome))
open_facts = st.builds(
    Facts,
    kind=kinds,
    stage=st.just(Stage.OPEN),
    cap_seconds=st.integers(60, 7_200),
    triggers=triggers,
    rounds=st.integers(1, 2),
)


def exact(numerator: int, denominator: int) -> int:
    return int((Decimal(numerator) / denominator).quantize(Decimal(1), ROUND_HALF_EVEN))


def plain(**changes: object) -> Terms:
    return dataclasses.replace(Terms.of(body()), **changes)


def of_kind(lines, kind):
    return [line for line in lines if line.kind == kind]


def net(lines) -> int:
    return sum(line.net for line in lines)


# ── Verdicts ────────────────────────────────────────────────────────────────────────────────────


def test_the_numbers_of_the_published_criteria():
    terms = Terms.of(body(), version=4)
    assert (terms.kill_fee, terms.rework_pay, terms.bonus_max, terms.version) == (20, 20, 8, 4)
    assert rules.max_cost(terms, kind=Kind.WORK, triggers=frozenset(), cap_seconds=120) == Hold(
        pay=40, fee=6 + 2, extra=20 + 8
    )


def test_an_engine_that_never_was_is_an_error():
    with pytest.raises(ValueError, match="pay/9"):
        Terms.of(body(engine="pay/9"))


@given(terms_of_any_kind, open_facts)
def test_an_accepted_item_earns_base_premiums_and_rework(terms, facts):
    lines = rules.earn(terms, facts, Outcome.ACCEPTED)
    flat = terms.flat_pay(facts.kind)
    if flat is not None:
        # One line of the kind's own name, whatever was found; the platform earns on reviews alone.
        fee = terms.fee_on(flat) if facts.kind == Kind.REVIEW else 0
        assert [(line.kind, line.net, line.fee) for line in lines] == [(facts.kind, flat, fee)]
        return
    assert net(of_kind(lines, LineKind.BASE)) == terms.base
    due = [p for p in terms.premiums if p.trigger == "always" or p.trigger in facts.triggers]
    assert [line.net for line in of_kind(lines, LineKind.PREMIUM)] == [p.amount for p in due]
    assert net(of_kind(lines, LineKind.REWORK)) == (facts.rounds - 1) * terms.rework_pay
    assert net(lines) == rules.full_pay(terms, facts)


@given(terms_of_any_kind, open_facts)
def test_the_fee_is_half_even_on_the_sum_and_the_lines_share_it(terms, facts):
    lines = rules.earn(terms, facts, Outcome.ACCEPTED)
    bearing = sum(line.net for line in lines if line.kind in rules.FEE_BEARING)
    assert sum(line.fee for line in lines) == exact(bearing * terms.fee_bps, 10_000)
    assert all(line.fee == 0 for line in lines if line.kind not in rules.FEE_BEARING)


@pytest.mark.parametrize(
    ("base", "premium", "fee"),
    # 15% of the sum: 3 × 10 is 4.5 → 4, never three times 1.5 → 2.
    [(10, (10, 10), 4), (10, (20, 20), 8), (30, (20,), 8), (10, (), 2), (3, (), 0), (1, (9,), 2)],
)
def test_ties_go_to_the_even_neighbour(base, premium, fee):
    terms = plain(base=base, premiums=tuple(Premium("p", "P", amount) for amount in premium))
    facts = Facts(kind=Kind.WORK, stage=Stage.OPEN, cap_seconds=120)
    assert sum(line.fee for line in rules.earn(terms, facts, Outcome.ACCEPTED)) == fee


@given(terms_of_any_kind, open_facts)
def test_a_good_faith_rejection_keeps_the_kill_fee_and_bears_the_same_fee(terms, facts):
    lines = rules.earn(terms, facts, Outcome.REJECTED)
    assert net(lines) == rules.guaranteed_pay(terms, facts)
    if terms.flat_pay(facts.kind) is not None:
        return
    (kill,) = of_kind(lines, LineKind.KILL_FEE)
    assert kill.net == -(-terms.base * terms.kill_fee_percent // 100)
    accepted = rules.earn(terms, facts, Outcome.ACCEPTED)
    assert sum(line.fee for line in lines) == sum(line.fee for line in accepted)


@given(terms_of_any_kind, open_facts)
def test_an_overturned_rejection_pays_exactly_what_was_missing(terms, facts):
    rejected = rules.earn(terms, facts, Outcome.REJECTED)
    overturned = rules.earn(terms, facts, Outcome.OVERTURNED)
    accepted = rules.earn(terms, facts, Outcome.ACCEPTED)
    if terms.flat_pay(facts.kind) is not None:
        return
    assert net(rejected) + net(overturned) == net(accepted)
    assert sum(line.fee for line in overturned) == 0


@given(terms_of_any_kind, open_facts, outcomes)
def test_every_line_adds_up_and_says_why(terms, facts, outcome):
    for line in rules.earn(terms, facts, outcome):
        assert line.gross == line.net + line.fee
        assert line.net >= 0 and line.fee >= 0
        assert f"criteria v{terms.version}" in line.reason


@given(terms_of_any_kind, open_facts)
def test_bad_faith_earns_a_line_of_nothing_that_says_why(terms, facts):
    lines = rules.earn(terms, facts, Outcome.BAD_FAITH)
    if terms.flat_pay(facts.kind) is not None:
        assert net(lines) == terms.flat_pay(facts.kind)
        return
    (line,) = lines
    assert (line.kind, line.net, line.fee) == (LineKind.KILL_FEE, 0, 0)
    assert "not done in good faith" in line.reason


@given(terms_of_any_kind, open_facts)
def test_an_overturned_finding_of_bad_faith_pays_what_an_acceptance_would_have(terms, facts):
    accused = dataclasses.replace(facts, is_bad_faith=True)
    overturned = rules.earn(terms, accused, Outcome.OVERTURNED)
    assert overturned == rules.earn(terms, facts, Outcome.ACCEPTED)


@given(terms_of_any_kind, open_facts, st.data())
def test_a_finding_of_bad_faith_keeps_everything_held_for_every_end_of_its_appeal(
    terms, facts, data
):
    if terms.flat_pay(facts.kind) is not None:
        return
    before = rules.max_remaining(terms, facts)
    paid = data.draw(st.integers(0, facts.cap_seconds))
    accused = dataclasses.replace(facts, stage=Stage.REJECTED, paid_seconds=paid, is_bad_faith=True)
    held = rules.max_remaining(terms, accused)
    assert (held.pay, held.fee) == (before.pay, before.fee)
    assert held.extra <= before.extra
    # Overturned: everything posts, and what may still come is covered by what is left.
    lines = rules.earn(terms, accused, Outcome.OVERTURNED)
    assert net(lines) == held.pay
    accepted = dataclasses.replace(
        accused, stage=Stage.ACCEPTED, earned=net(lines), is_bad_faith=False
    )
    after = rules.max_remaining(terms, accepted)
    assert sum(line.fee for line in lines) + after.fee == held.fee
    assert after.extra <= held.extra
    # It stands: only the floor on the time, out of what was held for the pay.
    final = rules.max_remaining(terms, dataclasses.replace(accused, stage=Stage.FINAL))
    assert final == Hold(extra=terms.floor_for(paid))
    assert final.total <= held.total


wild_facts = st.builds(
    Facts,
    kind=kinds,
    stage=st.sampled_from(list(Stage)),
    cap_seconds=st.integers(0, 10**6),
    triggers=st.frozensets(st.sampled_from(sorted(rules.TRIGGERS))),
    rounds=st.integers(0, 9),
    paid_seconds=st.one_of(st.none(), st.integers(0, 10**6)),
    earned=st.integers(0, 10**9),
    is_topped_up=st.booleans(),
    can_bonus=st.booleans(),
    is_bad_faith=st.booleans(),
)


@given(terms_of_any_kind, wild_facts, outcomes)
def test_any_facts_give_lines_and_holds_and_none_is_negative(terms, facts, outcome):
    for line in rules.earn(terms, facts, outcome):
        assert line.net >= 0 and line.fee >= 0 and line.reason
    hold = rules.max_remaining(terms, facts)
    assert min(hold.pay, hold.fee, hold.extra) >= 0


@given(terms_of_any_kind, open_facts)
def test_an_overturn_never_leaves_less_than_an_acceptance(terms, facts):
    rejected = rules.earn(terms, facts, Outcome.REJECTED)
    stays = [] if terms.flat_pay(facts.kind) is not None else rejected
    overturned = [*rules.earn(terms, facts, Outcome.OVERTURNED), *rules.case_time(terms)]
    assert net(stays) + net(overturned) >= net(rules.earn(terms, facts, Outcome.ACCEPTED))


# ── Lines that follow from no verdict ───────────────────────────────────────────────────────────


@given(terms_of_any_kind)
def test_case_time_is_the_floor_on_its_seconds_and_costs_the_buyer_nothing(terms):
    lines = rules.case_time(terms)
    assert net(lines) == terms.floor_for(terms.case_seconds)
    for line in lines:
        assert line.gross == 0
        assert f"{terms.case_seconds} seconds" in line.reason
        assert f"criteria v{terms.version}" in line.reason


@given(terms_of_any_kind, st.integers(-5, 10_000), st.integers(0, 100))
def test_wind_down_is_a_share_of_the_base_and_grows_with_the_answers(terms, answers, more):
    pay = net(rules.wind_down(terms, answers=answers))
    exact_pay = Fraction(terms.base * terms.wind_down_percent * max(0, answers), 100)
    assert exact_pay <= pay < exact_pay + 1
    assert net(rules.wind_down(terms, answers=answers + more)) >= pay
    for line in rules.wind_down(terms, answers=answers):
        assert line.fee == 0 and f"{terms.wind_down_percent}%" in line.reason


@given(terms_of_any_kind, st.integers(-10, 10_000))
def test_a_royalty_is_the_price_of_the_consent_with_its_fee(terms, price):
    lines = rules.royalty(terms, price=price, use="a textbook")
    assert net(lines) == max(0, price)
    for line in lines:
        assert line.fee == exact(price * terms.fee_bps, 10_000)
        assert "a textbook" in line.reason and terms.says(price) in line.reason


# ── Triggers ────────────────────────────────────────────────────────────────────────────────────


def test_the_map_names_three_or_four_triggers_for_each_layer_and_who_decides_each():
    for layer in Layer:
        named = [trigger for trigger in rules.TRIGGERS.values() if layer in trigger.layers]
        assert 3 <= len(named) <= 4, layer
        assert list(rules.of_layer(layer))[: len(named)] == named
    assert all(trigger.holds and trigger.label for trigger in rules.TRIGGERS.values())


NIGHT = dt.datetime(2026, 3, 3, 23, tzinfo=dt.UTC)  # a Tuesday
SATURDAY = dt.datetime(2026, 3, 7, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("trigger", "changes", "words"),
    [
        ("harmful_content", {}, {"item": {"harmful_content"}}),
        ("scarce_language", {"tiers": [{"languages": ["fi"]}]}, {}),
        ("credential", {"tiers": [{"credentials": ["md"]}]}, {}),
        ("scarce_expertise", {"tiers": [{"qualification": {"items": 5}}]}, {}),
        ("complex_rubric", {"rubric": [{}] * 5}, {}),
        ("commercial_reuse", {"consent": {"secondary_use": "a textbook"}}, {}),
        ("night", {}, {"at": NIGHT}),
        ("night", {}, {"at": NIGHT.replace(hour=5, minute=59)}),
        ("weekend", {}, {"at": SATURDAY}),
    ],
)
def test_a_trigger_holds_for_its_published_reason_alone(trigger, changes, words):
    usual = {"item": (), "at": NIGHT.replace(hour=6)}
    tiers = [{"key": "t", "languages": [], "credentials": [], "qualification": None}]
    tiers[0].update(*changes.pop("tiers", [{}]))
    published = body(**changes) | {"tiers": tiers}
    known = rules.TRIGGERS[trigger]
    premium = Premium("p", "P", 5, trigger, source=known.source, holds=known.holds)

    def held(body_: dict, **more: object) -> frozenset[str]:
        return rules.holding([premium], body=body_, tier="t", **usual | more)

    assert held(published, **words) == {trigger}
    plain_tier = {"key": "t", "languages": [], "credentials": [], "qualification": None}
    assert held(body() | {"tiers": [plain_tier]}) == frozenset()
    # What was published without a source (pay/1) is decided by nobody.
    old = dataclasses.replace(premium, source="")
    assert not rules.holding([old], body=published, tier="t", **usual | words)


# ── Reserves ────────────────────────────────────────────────────────────────────────────────────


@given(terms_of_any_kind, open_facts, st.sampled_from([Outcome.ACCEPTED, Outcome.REJECTED]))
def test_what_a_verdict_posts_lies_in_the_reserve(terms, facts, outcome):
    before = rules.max_remaining(terms, facts)
    lines = rules.earn(terms, facts, outcome)
    assert net(lines) <= before.pay
    assert sum(line.fee for line in lines) <= before.fee


@given(terms_of_any_kind, open_facts, st.data())
def test_the_reserve_covers_every_way_to_the_end(terms, facts, data):
    """Reserved at claim ≥ paid by any verdict + what stays reserved after it, leg by leg."""
    before = rules.max_remaining(terms, facts)
    paid = data.draw(st.integers(0, facts.cap_seconds))
    for outcome, stage in (
        (Outcome.ACCEPTED, Stage.ACCEPTED),
        (Outcome.REJECTED, Stage.REJECTED),
        (None, Stage.UNSUBMITTED),
    ):
        lines = rules.earn(terms, facts, outcome) if outcome else []
        after = rules.max_remaining(
            terms,
            dataclasses.replace(facts, stage=stage, paid_seconds=paid, earned=net(lines)),
        )
        total = after.total + sum(line.gross for line in lines)
        assert total <= before.total
        assert after.fee + sum(line.fee for line in lines) <= before.fee
        assert min(after.pay, after.fee, after.extra) >= 0


@given(terms_of_any_kind, open_facts, st.data())
def test_an_overturn_is_covered_by_what_stayed_after_the_rejection(terms, facts, data):
    if terms.flat_pay(facts.kind) is not None:
        return
    paid = data.draw(st.integers(0, facts.cap_seconds))
    stay = dataclasses.replace(
        facts,
        stage=Stage.REJECTED,
        paid_seconds=paid,
        earned=rules.guaranteed_pay(terms, facts),
    )
    held = rules.max_remaining(terms, stay)
    assert net(rules.earn(terms, stay, Outcome.OVERTURNED)) == held.pay
    accepted = dataclasses.replace(stay, stage=Stage.ACCEPTED, earned=rules.full_pay(terms, facts))
    assert rules.max_remaining(terms, accepted).total <= held.total


@given(terms_of_any_kind, open_facts, st.data())
def test_the_end_leaves_the_floor_alone(terms, facts, data):
    paid = data.draw(st.integers(0, facts.cap_seconds))
    earned = data.draw(st.integers(0, 10_000))
    for stage in (Stage.FINAL, Stage.UNSUBMITTED):
        done = dataclasses.replace(facts, stage=stage, paid_seconds=paid, earned=earned)
        held = rules.max_remaining(terms, done)
        assert (held.pay, held.fee) == (0, 0)
        assert held.extra == max(0, terms.floor_for(paid) - earned)
        closed = dataclasses.replace(done, is_topped_up=True)
        assert rules.max_remaining(terms, closed) == Hold()


# ── Settlement ──────────────────────────────────────────────────────────────────────────────────

bounds = st.one_of(st.none(), st.decimals("0.5", "1", places=4))
accounts = st.builds(
    Account,
    earned=st.integers(0, 50_000),
    accepted_base=st.integers(0, 50_000),
    paid_seconds=st.integers(0, 36_000),
    bonus_paid=st.integers(0, 10_000),
    bonus_fee_paid=st.integers(0, 2_000),
    gold_count=st.integers(0, 20),
    gold_lower_bound=bounds,
)


@given(terms_of_any_kind, accounts)
def test_a_settlement_only_adds_and_reaches_the_floor(terms, account):
    lines = rules.settle(terms, account)
    assert all(line.net > 0 and line.fee >= 0 for line in lines)
    assert account.earned + net(lines) >= terms.floor_for(account.paid_seconds)
    top_up = net(of_kind(lines, LineKind.TOP_UP))
    if top_up:
        assert account.earned + net(lines) == terms.floor_for(account.paid_seconds)


@given(terms_of_any_kind, accounts)
def test_the_bonus_needs_gold_and_the_bar(terms, account):
    bonus = of_kind(rules.settle(terms, account), LineKind.QUALITY_BONUS)
    reaches = (
        account.gold_lower_bound is not None
        and account.gold_count >= terms.gold_minimum
        and account.gold_lower_bound >= terms.bonus_bar
    )
    due = exact(account.accepted_base * terms.bonus_percent, 100) - account.bonus_paid
    assert net(bonus) == (max(0, due) if reaches else 0)


@given(terms_of_any_kind, accounts)
def test_settling_twice_pays_nothing_the_second_time(terms, account):
    lines = rules.settle(terms, account)
    bonus = of_kind(lines, LineKind.QUALITY_BONUS)
    again = dataclasses.replace(
        account,
        earned=account.earned + net(lines),
        bonus_paid=account.bonus_paid + net(bonus),
        bonus_fee_paid=account.bonus_fee_paid + sum(line.fee for line in bonus),
    )
    assert rules.settle(terms, again) == []


@given(
    terms_of_any_kind,
    st.lists(
        st.tuples(
            st.lists(
                st.tuples(
                    st.sampled_from([Stage.ACCEPTED, Stage.REJECTED, Stage.UNSUBMITTED]),
                    st.integers(0, 3_600),
                ),
                min_size=1,
                max_size=6,
            ),
            st.booleans(),
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_all_settlements_together_never_exceed_the_holds(terms, weeks):
    """Week by week some work is decided and settled; what is paid stays within the holds."""
    extra = fees = bonus_holds = 0
    account = Account(earned=0, accepted_base=0, paid_seconds=0, gold_count=20)
    for week, is_good in weeks:
        for stage, seconds in week:
            facts = Facts(kind=Kind.WORK, stage=Stage.OPEN, cap_seconds=3_600, paid_seconds=seconds)
            outcome = {Stage.ACCEPTED: Outcome.ACCEPTED, Stage.REJECTED: Outcome.REJECTED}.get(
                stage
            )
            earned = net(rules.earn(terms, facts, outcome)) if outcome else 0
            held = rules.max_remaining(
                terms, dataclasses.replace(facts, stage=stage, earned=earned)
            )
            is_accepted = stage == Stage.ACCEPTED
            bonus = terms.bonus_max if stage != Stage.UNSUBMITTED else 0
            extra += held.extra - bonus
            bonus_holds += bonus if is_accepted else 0
            fees += held.fee if is_accepted else 0
            account = dataclasses.replace(
                account,
                earned=account.earned + earned,
                accepted_base=account.accepted_base + (terms.base if is_accepted else 0),
                paid_seconds=account.paid_seconds + seconds,
            )
        bound = Decimal("0.9" if is_good else "0.1")
        lines = rules.settle(terms, dataclasses.replace(account, gold_lower_bound=bound))
        bonus_lines = of_kind(lines, LineKind.QUALITY_BONUS)
        extra -= net(of_kind(lines, LineKind.TOP_UP))
        bonus_holds -= net(bonus_lines)
        fees -= sum(line.fee for line in bonus_lines)
        assert min(extra, bonus_holds, fees) >= 0
        extra = 0  # a settlement releases the rest of the allowance, and must not need it later
        account = dataclasses.replace(
            account,
            earned=account.earned + net(lines),
            bonus_paid=account.bonus_paid + net(bonus_lines),
            bonus_fee_paid=account.bonus_fee_paid + sum(line.fee for line in bonus_lines),
        )


# ── Bounds shown before publishing ──────────────────────────────────────────────────────────────


def test_exposure_is_seats_times_their_maximum_plus_the_share_of_newcomers():
    terms = Terms.of(body())
    # A seat: five items of 40 with no allowance (120 s of the floor are 40), and the instructions.
    found = rules.exposure(terms, budget=10_000, seats=20, items_per_seat=5, newcomer_percent=25)
    assert (found.qualification, found.newcomers, found.total) == (8_000, 2_500, 10_500)
    none = rules.exposure(terms, budget=10_000, seats=20, items_per_seat=0, newcomer_percent=25)
    assert none.qualification == 0


@given(st.integers(1, 10_000), st.integers(1, 10), st.integers(1, 60))
def test_paid_time_is_a_multiple_of_the_estimate_and_some_minutes_at_least(estimate, factor, least):
    seconds = rules.paid_seconds_max(estimate, factor=factor, minimum_minutes=least)
    assert seconds == max(estimate * factor, least * 60)


@given(st.integers(0, 10_000), st.integers(0, 100_000))
def test_the_floor_is_rounded_for_the_contributor(per_hour, seconds):
    owed = plain(floor_per_hour=per_hour).floor_for(seconds)
    assert 0 <= owed - Fraction(per_hour * seconds, 3_600) < 1
