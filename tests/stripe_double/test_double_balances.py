"""The invariant: balance transactions always sum to Balance, on every account."""

import json
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stripe_double import checkout, payouts, stages
from stripe_double.api import Api
from stripe_double.core import PLATFORM, Sim
from stripe_double.routes import connect
from stripe_double.store import Store

KEYS = {"Authorization": "Bearer sk_test_1", "Content-Type": "application/x-www-form-urlencoded"}
RECIPIENT = {"capabilities": {"stripe_balance": {"stripe_transfers": {"requested": True}}}}
ACCOUNT = {
    "identity": {"country": "us"},
    "configuration": {"recipient": RECIPIENT},
    "defaults": {
        "responsibilities": {"fees_collector": "application", "losses_collector": "application"}
    },
}
STEPS = st.one_of(
    st.tuples(
        st.just("pay"),
        st.integers(50, 100_000),
        st.sampled_from(["paid", "available", "declined"]),
    ),
    st.tuples(st.just("refund"), st.integers(0, 5), st.integers(1, 60_000)),
    st.tuples(st.just("transfer"), st.integers(0, 1), st.integers(1, 60_000)),
    st.tuples(st.just("source"), st.integers(0, 5), st.integers(1, 60_000)),
    st.tuples(st.just("reverse"), st.integers(0, 5), st.integers(1, 60_000)),
    st.tuples(st.just("payout"), st.integers(0, 2), st.integers(1, 60_000)),
    st.tuples(st.just("fail"), st.integers(0, 5), st.just(0)),
    st.tuples(st.just("clock"), st.integers(1, 4 * 86_400), st.just(0)),
)


class World:
    """A stand-in without HTTP, two onboarded accounts, and the steps of the strategy above."""

    def __init__(self, store: Store | None = None) -> None:
        self.sim = connect(Sim(store or Store()))
        self.api = Api(self.sim)
        self.accounts = [self.new_account() for _ in range(2)]

    def new_account(self) -> str:
        headers = {**KEYS, "Content-Type": "application/json"}
        body = json.dumps(ACCOUNT).encode()
        answer = self.api.answer("POST", "/v2/core/accounts", headers, body)
        assert answer.status == 200, answer.body
        with self.sim.store.transaction():
            stages.verify(self.sim, answer.body["id"])
        return answer.body["id"]

    def post(self, path, params, *, account=None, key=None):
        headers = dict(KEYS)
        if account:
            headers["Stripe-Account"] = account
        if key:
            headers["Idempotency-Key"] = key
        answer = self.api.answer("POST", path, headers, urlencode(params).encode())
        assert answer.status in (200, 400), answer.body
        return answer

    def get(self, path, account):
        headers = KEYS if account == PLATFORM else {**KEYS, "Stripe-Account": account}
        answer = self.api.answer("GET", path, headers, b"")
        assert answer.status == 200, answer.body
        return answer.body

    def pick(self, kind, n, account=PLATFORM):
        ids = self.sim.store.order[(kind, account)]
        return ids[n % len(ids)] if ids else None

    def step(self, name, a, b):
        getattr(self, name)(a, b)

    def pay(self, amount, outcome):
        line = "line_items[0]"
        session = self.post(
            "/v1/checkout/sessions",
            {
                "mode": "payment",
                "success_url": "http://shop.test/",
                f"{line}[quantity]": 1,
                f"{line}[price_data][currency]": "usd",
                f"{line}[price_data][unit_amount]": amount,
                f"{line}[price_data][product_data][name]": "Wallet",
            },
        ).body
        with self.sim.store.transaction():
            self.sim.begin()
            checkout.pay_session(self.sim, session["id"], outcome)

    def refund(self, n, amount):
        if charge := self.pick("charge", n):
            self.post("/v1/refunds", {"charge": charge, "amount": amount})

    def transfer(self, n, amount):
        params = {"amount": amount, "currency": "usd", "destination": self.accounts[n]}
        if self.post("/v1/transfers", params).status == 200:
            assert self.sim.balances.available(PLATFORM, "usd") >= 0

    def source(self, n, amount):
        if charge := self.pick("charge", n):
            params = {"amount": amount, "currency": "usd", "destination": self.accounts[0]}
            self.post("/v1/transfers", {**params, "source_transaction": charge})

    def reverse(self, n, amount):
        if transfer := self.pick("transfer", n):
            self.post(f"/v1/transfers/{transfer}/reversals", {"amount": amount})

    def payout(self, n, amount):
        account = [None, *self.accounts][n]
        self.post("/v1/payouts", {"amount": amount, "currency": "usd"}, account=account)

    def fail(self, n, _):
        payout = self.pick("payout", n, self.accounts[0])
        if payout and self.sim.store.get("payout", payout)["status"] in ("pending", "in_transit"):
            with self.sim.store.transaction():
                self.sim.begin()
                payouts.fail(self.sim, payout)

    def clock(self, seconds, _):
        with self.sim.store.transaction():
            self.sim.advance(seconds)

    def balance(self, account):
        body = self.get("/v1/balance", account)
        return body["available"][0]["amount"], body["pending"][0]["amount"]

    def transactions(self, account):
        """All balance transactions, page after page, as a client lists them."""
        rows, path = [], "/v1/balance_transactions?limit=7"
        while True:
            body = self.get(path, account)
            rows += body["data"]
            if not body["has_more"]:
                return rows
            path = f"/v1/balance_transactions?limit=7&starting_after={rows[-1]['id']}"

    def check(self):
        total = 0
        for account in (PLATFORM, *self.accounts):
            rows = self.transactions(account)
            sums = {
                status: sum(row["net"] for row in rows if row["status"] == status)
                for status in ("available", "pending")
            }
            assert self.balance(account) == (sums["available"], sums["pending"])
            assert all(row["net"] == row["amount"] - row["fee"] for row in rows)
            total += sum(sums.values())
        assert total == self.outside()

    def outside(self):
        """What came in from cards less what went out, told from the objects, not the bookings."""
        records = self.sim.store.records
        paid = [row for row in records["charge"].values() if row["payment_intent"]]
        paid = [row for row in paid if row["status"] == "succeeded"]
        gone = [p for p in records["payout"].values() if p["status"] not in ("failed", "canceled")]
        fees = sum((row["amount"] * 29 + 500) // 1000 + 30 for row in paid)
        moved_in = sum(row["amount"] - row["amount_refunded"] for row in paid)
        return moved_in - fees - sum(row["amount"] for row in gone)


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
