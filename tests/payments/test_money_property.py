"""Whatever happens at Stripe, and whatever becomes of its events, both sides say the same.

A model keeps four numbers; the wallet less what is owed, and what is payable, follow from them.
"""

import random
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.core.errors import WagefileError
from apps.core.ids import uuid7
from apps.core.tenancy import acting
from apps.ledger.queries import prove
from apps.payments import actions as payments
from apps.payments.models import Refund
from apps.payments.queries import owed_after_chargebacks
from stripe_double.errors import ApiError
from tests.payments.conftest import STAFF, told

pytestmark = pytest.mark.django_db

KINDS = ("card", "debit", "settle", "refund", "earn", "pay out", "dispute", "win", "lose")


class Model:
    """Drives one organization and one contributor, and counts what should be there."""

    def __init__(self, money, org, boss, person, seed: int) -> None:
        self.money, self.org, self.boss, self.person = money, org, boss, person
        self.random = random.Random(seed)  # noqa: S311 -- the same steps for the same seed
        self.fundings, self.debits, self.disputes = [], [], []
        self.told = 0
        self.wallet = self.payable = 0
        self.since = uuid7()

    def step(self, kind: str, amount: int) -> None:
        with suppress(WagefileError, ApiError, IndexError, RuntimeError):
            getattr(self, kind.replace(" ", "_"))(amount)
        payments.push_outbox(now=self.money.now)
        self.tell()

    def tell(self) -> None:
        """New events: some are lost, some come twice, all in any order."""
        events = self.money.events()
        fresh, self.told = events[self.told :], len(events)
        kept = [event for event in fresh if self.random.random() > 0.3]
        kept += [event for event in kept if self.random.random() < 0.3]
        self.random.shuffle(kept)
        self.money.deliver(*kept)
        payments.take_events(now=self.money.now)

    def _open(self, amount: int):
        with acting(self.boss):
            return payments.fund(
                org_id=self.org.id, amount=amount, by=self.boss, now=self.money.now
            )

    def card(self, amount: int) -> None:
        funding = self._open(amount)
        self.money.pay(funding)
        self.wallet += amount
        self.fundings.append(funding)

    def debit(self, amount: int) -> None:
        funding = self._open(amount)
        # It is settled by a step, or not at all while this runs.
        body = {"outcome": "debit", "available": False, "after_days": 3_650}
        self.money.double.post(f"/_double/checkout/{funding.session_id}/pay", body)
        self.debits.append(funding)

    def settle(self, amount: int) -> None:
        funding = self.debits.pop()
        is_paid = amount % 3 > 0
        self.money.settle(funding, "paid" if is_paid else "failed")
        if is_paid:
            self.wallet += funding.amount
            self.fundings.append(funding)

    def refund(self, amount: int) -> None:
        with acting(self.boss):
            payments.refund_unspent(
                org_id=self.org.id, amount=amount, by=self.boss, now=self.money.now
            )
        self.wallet -= amount

    def earn(self, amount: int) -> None:
        if self.money.wallet(self.org) >= amount:
            self.money.earn(self.person, self.org, amount)
            self.wallet -= amount
            self.payable += amount

    def pay_out(self, _amount: int) -> None:
        self.payable -= self.money.request(self.person).amount

    def dispute(self, amount: int) -> None:
        funding = self.money.fresh(self.random.choice(self.fundings))
        dispute_id = self.money.dispute(funding, amount=min(amount, funding.amount))
        self.disputes.append((dispute_id, min(amount, funding.amount)))
        self.wallet -= min(amount, funding.amount) + 15_00

    def win(self, amount: int) -> None:
        dispute_id, lost = self.disputes.pop()
        gives_fee = amount % 2 == 0
        self.money.close(dispute_id, "won", return_fee=gives_fee)
        self.wallet += lost + (15_00 if gives_fee else 0)

    def lose(self, _amount: int) -> None:
        dispute_id, _ = self.disputes.pop()
        self.money.close(dispute_id, "lost")


@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    steps=st.lists(st.tuples(st.sampled_from(KINDS), st.integers(6_00, 90_00)), max_size=14),
    seed=st.integers(0, 1000),
)
def test_both_sides_say_the_same(money, acme, alice, as_, carol, steps, seed):
    model = Model(money, acme, as_(alice), carol, seed)
    with acting(STAFF):
        before = (money.wallet(acme), money.payable(carol))
        model.wallet = before[0] - owed_after_chargebacks(acme.id).get("USD", 0)
        model.payable = before[1]
    money.connect(carol)
    model.told = len(money.events())
    for kind, amount in [("card", 80_00), *steps]:
        money.later(days=1, minutes=1)
        model.step(kind, amount)
    # What was lost is caught up with: nothing but the books is needed.
    money.later(days=8)
    payments.push_outbox(now=money.now)
    for _ in range(2):
        payments.catch_up(now=money.now)
        payments.take_events(now=money.now)
        payments.fetch_balance(now=money.now)
    assert told() == []
    with acting(STAFF):
        # What Stripe refused came back; before the steps there was none of it.
        refused = Refund.objects.filter(state="refused", id__gt=model.since)
        model.wallet += sum(row.amount for row in refused)
        owed = owed_after_chargebacks(acme.id).get("USD", 0)
        assert prove().fault is None
    assert money.wallet(acme) - owed == model.wallet
    assert money.payable(carol) == model.payable
