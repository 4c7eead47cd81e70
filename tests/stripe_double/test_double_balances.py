"""The invariant: balance transactions always sum to Balance, on every account."""

from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stripe_double.core import PLATFORM
from stripe_double.store import Store
from tests.stripe_double.world import KEYS, World

STEPS = st.one_of(
    st.tuples(
        st.just("pay"),
        st.integers(50, 100_000),
        st.sampled_from(["paid", "available", "declined", "debit", "debit_failed", "disputed"]),
    ),
    st.tuples(st.just("refund"), st.integers(0, 5), st.integers(1, 60_000)),
    st.tuples(st.just("transfer"), st.integers(0, 1), st.integers(1, 60_000)),
    st.tuples(st.just("source"), st.integers(0, 5), st.integers(1, 60_000)),
    st.tuples(st.just("reverse"), st.integers(0, 5), st.integers(1, 60_000)),
    st.tuples(st.just("payout"), st.integers(0, 2), st.integers(1, 60_000)),
    st.tuples(st.just("fail"), st.integers(0, 5), st.just(0)),
    st.tuples(st.just("instant"), st.integers(0, 1), st.integers(1, 60_000)),
    st.tuples(st.just("settle"), st.integers(0, 5), st.booleans()),
    st.tuples(st.just("dispute"), st.integers(0, 5), st.integers(1, 60_000)),
    st.tuples(st.just("decide"), st.integers(0, 5), st.sampled_from(["won", "lost"])),
    st.tuples(st.just("topup"), st.integers(1, 60_000), st.booleans()),
    st.tuples(st.just("debit"), st.integers(0, 1), st.integers(1, 20_000)),
    st.tuples(st.just("write_off"), st.integers(0, 1), st.just(0)),
    st.tuples(st.just("clock"), st.integers(1, 4 * 86_400), st.just(0)),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(STEPS, min_size=8, max_size=40))
def test_balance_transactions_always_sum_to_balance(steps):
    world = World()
    world.pay(90_000, "available")
    world.transfer(0, 30_000)
    world.transfer(1, 10_000)
    for step in steps:
        world.step(*step)
    world.check()


def test_a_restart_keeps_balances_and_what_is_due(tmp_path):
    world = World(Store(tmp_path / "state.db"))
    one = world.accounts[0]
    world.pay(50_000, "available")
    world.pay(10_000, "paid")
    world.transfer(0, 20_000)
    world.clock(86_400, 0)
    before = [world.balance(PLATFORM), world.balance(one)]
    assert before == [(28_520, 9_680), (0, 0)]
    world.sim.store.close()

    again = World(Store(tmp_path / "state.db"))
    assert [again.balance(PLATFORM), again.balance(one)] == before
    again.clock(4 * 86_400, 0)
    assert again.balance(PLATFORM) == (38_200, 0)
    (payout,) = again.get("/v1/payouts", one)["data"]
    assert payout["status"] == "paid" and payout["amount"] == 20_000
    again.accounts = [one, world.accounts[1]]
    again.check()
    again.sim.store.close()


def test_a_restart_keeps_debits_disputes_and_top_ups_under_way(tmp_path):
    world = World(Store(tmp_path / "state.db"))
    world.pay(50_000, "available")
    world.dispute(0, 10_000)
    world.pay(20_000, "debit_failed")
    world.topup(700, False)
    world.enter(0, "due")
    world.sim.store.close()

    again = World(Store(tmp_path / "state.db"))
    again.clock(15 * 86_400, 0)
    words = {
        kind: [row["status"] for row in again.sim.store.records[kind].values()]
        for kind in ("dispute", "topup", "payment_intent")
    }
    assert words["dispute"] == ["lost"] and words["topup"] == ["succeeded"]
    assert words["payment_intent"] == ["succeeded", "requires_payment_method"]
    account = again.sim.store.get("v2.core.account", world.accounts[0])
    assert account["_stage"] == "past_due"
    assert again.balance(PLATFORM) == (50_000 - 1_480 - 10_000 - 1_500 + 700, 0)
    again.sim.store.close()


def test_a_state_file_of_another_version_is_refused(tmp_path):
    store = Store(tmp_path / "state.db")
    with store.transaction():
        store.insert("meta", {"id": "clock", "_account": "", "offset": 0, "last": 0})
    with pytest.raises(ValueError, match="another version"):
        World(store)
    store.close()


def test_a_failure_in_the_middle_changes_nothing(monkeypatch):
    world = World()
    world.pay(50_000, "available")
    before = {kind: dict(rows) for kind, rows in world.sim.store.records.items()}

    def broken(*args, **kwargs):
        raise RuntimeError("in the middle")

    with monkeypatch.context() as patch:
        patch.setattr("stripe_double.transfers.emit", broken)
        params = {"amount": 100, "currency": "usd", "destination": world.accounts[0]}
        headers = {**KEYS, "Idempotency-Key": "tr:1"}
        body = urlencode(params).encode()
        assert world.api.answer("POST", "/v1/transfers", headers, body).status == 500
    assert {kind: dict(rows) for kind, rows in world.sim.store.records.items() if rows} == {
        kind: rows for kind, rows in before.items() if rows
    }
    world.check()
    assert world.post("/v1/transfers", params, key="tr:1").status == 200


@pytest.mark.parametrize(
    ("created", "found"),
    [("gte", [3, 2]), ("gt", [3]), ("lt", [1, 0]), ("lte", [2, 1, 0]), ("", [2])],
)
def test_lists_by_created(created, found):
    world, ids = World(), []
    for _ in range(4):
        world.clock(100, 0)
        world.pay(1_000, "available")
        ids.append(world.sim.store.order[("charge", PLATFORM)][-1])
    at = world.sim.store.get("charge", ids[2])["created"]
    name = f"created[{created}]" if created else "created"
    rows = world.get(f"/v1/charges?{urlencode({name: at})}", PLATFORM)["data"]
    assert [ids.index(row["id"]) for row in rows] == found


def test_pages_backwards():
    world = World()
    for _ in range(5):
        world.pay(1_000, "available")
    ids = [row["id"] for row in world.get("/v1/charges", PLATFORM)["data"]]
    body = world.get(f"/v1/charges?limit=2&ending_before={ids[4]}", PLATFORM)
    assert [row["id"] for row in body["data"]] == ids[2:4] and body["has_more"]
