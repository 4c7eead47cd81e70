"""A stand-in without HTTP: its API called directly, its switches, and what must always hold."""

import json
from collections import Counter
from contextlib import contextmanager, suppress
from urllib.parse import urlencode

from stripe_double import checkout, disputes, payouts, stages, topups
from stripe_double.api import Api
from stripe_double.balances import cover
from stripe_double.core import PLATFORM, Sim
from stripe_double.errors import ApiError
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


class World:
    """A stand-in without HTTP, two onboarded accounts, and the steps of the strategy above."""

    def __init__(self, store: Store | None = None) -> None:
        self.sim = connect(Sim(store or Store()))
        self.api = Api(self.sim)
        self.taken = 0
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

    def instant(self, n, amount):
        params = {"amount": amount, "currency": "usd", "method": "instant"}
        self.post("/v1/payouts", params, account=self.accounts[n])

    @contextmanager
    def switch(self):
        """One of the stand-in's own switches, which may refuse."""
        with suppress(ApiError), self.sim.store.transaction():
            self.sim.begin()
            yield

    def settle(self, n, paid):
        if intent := self.pick("payment_intent", n):
            with self.switch():
                checkout.settle(self.sim, intent, paid=paid)

    def dispute(self, n, amount):
        if charge := self.pick("charge", n):
            with self.switch():
                found = self.sim.store.get("charge", charge)
                disputes.open_dispute(self.sim, found, amount=amount)

    def decide(self, n, word):
        dispute = self.pick("dispute", n)
        found = dispute and self.sim.store.get("dispute", dispute)
        if found and found["status"] == "needs_response":
            with self.switch():
                disputes.close(self.sim, found, word)

    def topup(self, amount, fails):
        made = self.post("/v1/topups", {"amount": amount, "currency": "usd"}).body
        if fails:
            with self.switch():
                topups.fail(self.sim, made["id"])

    def debit(self, n, amount):
        with self.switch():
            self.sim.balances.book(
                self.accounts[n], kind="adjustment", amount=-amount, currency="usd", source=None
            )
            self.taken += amount

    def enter(self, n, stage):
        with self.switch():
            account = self.sim.store.get("v2.core.account", self.accounts[n])
            stages.enter(self.sim, account, stage)

    def write_off(self, n, _):
        with self.switch():
            cover(self.sim, self.accounts[n], "usd")

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
        assert self.check_sums() == self.outside()

    def check_sums(self):
        """Balance transactions sum to Balance on every account; the sum over all of them."""
        total = 0
        for account in (PLATFORM, *self.accounts):
            rows, told = self.transactions(account), self.get("/v1/balance", account)
            assert all(row["net"] == row["amount"] - row["fee"] for row in rows)
            for status in ("available", "pending"):
                sums = Counter()
                for row in rows:
                    if row["status"] == status:
                        sums[row["currency"]] += row["net"]
                for column in told[status]:
                    assert column["amount"] == sums.pop(column["currency"], 0)
                    total += column["amount"]
                assert not sums
        return total

    def outside(self):
        """What came in less what went out, told from the objects, not from the bookings."""
        records = {kind: list(rows.values()) for kind, rows in self.sim.store.records.items()}
        charges = [row for row in records["charge"] if row["payment_intent"]]
        paid = [row for row in charges if row["status"] in ("succeeded", "pending")]
        gone = [p for p in records.get("payout", []) if p["status"] not in ("failed", "canceled")]
        instant = [p for p in records.get("payout", []) if p["method"] == "instant"]
        lost = [row for row in records.get("dispute", []) if row["status"] != "won"]
        topped = [row for row in records.get("topup", []) if row["status"] == "succeeded"]
        return (
            sum(row["amount"] - row["amount_refunded"] - fee_of(row) for row in paid)
            + sum(row["amount"] for row in topped)
            - sum(row["amount"] for row in gone)
            - sum(max(50, (row["amount"] + 50) // 100) for row in instant)
            - sum(row["amount"] for row in lost)
            - 1_500 * len(records.get("dispute", []))
            - self.taken
        )


def fee_of(charge):
    if charge["payment_method_details"]["type"] == "card":
        return (charge["amount"] * 29 + 500) // 1000 + 30
    return min(500, (charge["amount"] * 8 + 500) // 1000)
