"""The ledger against a model of it in plain Python, over random histories (Hypothesis)."""

import uuid
from dataclasses import dataclass, field

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from apps.core.ids import uuid7
from apps.core.tenancy import acting
from apps.ledger import actions as ledger
from apps.ledger import queries
from apps.ledger.enums import Purpose, TransferKind
from apps.ledger.errors import LedgerError
from apps.ledger.models import Account
from tests.factories.ledger import entry
from tests.ledger.conftest import STAFF

ACCOUNTS = ("stripe", "wallet", "held", "payable", "fees")
GUARDED = {"wallet", "held", "payable"}


class RefusedError(Exception):
    """What the model says where PostgreSQL has to refuse."""


@dataclass
class Model:
    """Balances and promises by account name; pending transfers by id."""

    posted: dict = field(default_factory=lambda: dict.fromkeys(ACCOUNTS, 0))
    promised: dict = field(default_factory=lambda: dict.fromkeys(ACCOUNTS, 0))
    open: dict = field(default_factory=dict)

    def copy(self):
        return Model(dict(self.posted), dict(self.promised), dict(self.open))

    def move(self, debit, credit, amount):
        self.posted[debit] -= amount
        self.posted[credit] += amount

    def apply(self, batch):
        """The model after the batch; entries are (kind, debit, credit, amount, id, pending)."""
        after = self.copy()
        for kind, debit, credit, amount, key, pending in batch:
            if debit == "payable" and credit != "stripe":
                # Earned money leaves towards the bank only.
                raise RefusedError
            if kind == "posted":
                after.move(debit, credit, amount)
            elif kind == "pending":
                after.promised[debit] += amount
                after.open[key] = (debit, credit, amount)
            else:
                # Only what was pending before the batch can be resolved in it, and only once.
                if pending not in self.open or pending not in after.open:
                    raise RefusedError
                payer, payee, held = after.open.pop(pending)
                part = held if amount is None else amount
                if kind == "post" and part > held:
                    raise RefusedError
                after.promised[payer] -= held
                if kind == "post":
                    after.move(payer, payee, part)
        for name in GUARDED:
            if after.posted[name] < after.promised[name]:
                raise RefusedError
        return after


class Books(RuleBasedStateMachine):
    """Each run has accounts of its own and shares one transaction, rolled back at its end."""

    holds = Bundle("holds")

    def __init__(self):
        super().__init__()
        self.outer = transaction.atomic()
        self.outer.__enter__()
        self.staff = acting(STAFF)
        self.staff.__enter__()
        org, person = uuid.uuid4(), uuid.uuid4()
        # A run's own currency, so that the unguarded accounts are its own as well.
        self.currency = uuid.uuid4().hex[:3].upper()
        self.ids = {
            name: ledger.account(Purpose(name), currency=self.currency, holder=holder)
            for name, holder in zip(ACCOUNTS, (None, org, org, person, None), strict=True)
        }
        self.model = Model()
        self.written = []

    def teardown(self):
        self.staff.__exit__(None, None, None)
        transaction.set_rollback(True)
        self.outer.__exit__(None, None, None)

    def post(self, batch):
        """Post to both; they must agree on whether it is refused."""
        entries = [
            entry(
                self.ids.get(debit),
                self.ids.get(credit),
                amount,
                id=key,
                kind=TransferKind(kind),
                pending=pending,
                currency=self.currency if debit else None,
            )
            for kind, debit, credit, amount, key, pending in batch
        ]
        try:
            after = self.model.apply(batch)
        except RefusedError:
            with pytest.raises(LedgerError):
                ledger.post(entries)
            return False
        assert ledger.post(entries) == len(entries)
        self.model = after
        self.written.append(entries)
        return True

    sides = st.lists(st.sampled_from(ACCOUNTS), min_size=2, max_size=2, unique=True)
    amounts = st.integers(min_value=1, max_value=1_000)

    @rule(amount=st.integers(1, 3_000), to=st.sampled_from(["wallet", "held", "payable"]))
    def money_comes_in(self, amount, to):
        self.post([("posted", "stripe", to, amount, uuid7(), None)])

    @rule(sides=sides, amount=amounts)
    def money_moves(self, sides, amount):
        self.post([("posted", *sides, amount, uuid7(), None)])

    @rule(target=holds, sides=sides, amount=amounts)
    def money_is_held(self, sides, amount):
        key = uuid7()
        self.post([("pending", *sides, amount, key, None)])
        return key

    @rule(hold=holds, amount=st.none() | amounts)
    def a_hold_is_posted(self, hold, amount):
        self.post([("post", None, None, amount, uuid7(), hold)])

    @rule(hold=holds)
    def a_hold_is_voided(self, hold):
        self.post([("void", None, None, None, uuid7(), hold)])

    @rule(target=holds, hold=holds, sides=sides, amount=amounts, rest=amounts)
    def part_is_posted_and_the_rest_held_anew(self, hold, sides, amount, rest):
        key = uuid7()
        self.post(
            [
                ("post", None, None, amount, uuid7(), hold),
                ("pending", *sides, rest, key, None),
            ]
        )
        return key

    @rule(sides=sides, amounts=st.lists(amounts, min_size=2, max_size=4))
    def a_batch_moves(self, sides, amounts):
        there, back = sides, sides[::-1]
        self.post(
            [
                ("posted", *(back if place % 2 else there), amount, uuid7(), None)
                for place, amount in enumerate(amounts)
            ]
        )

    @rule(choice=st.randoms())
    def an_earlier_batch_comes_again(self, choice):
        if self.written:
            assert ledger.post(choice.choice(self.written)) == 0

    @invariant()
    def balances_are_those_of_the_model(self):
        rows = {row.id: row for row in Account.objects.filter(id__in=self.ids.values())}
        for name in GUARDED:
            row = rows[self.ids[name]]
            assert row.balance == self.model.posted[name]
            assert row.debits_pending == self.model.promised[name]
            assert row.available >= 0

    @invariant()
    def the_books_balance(self):
        assert sum(self.model.posted.values()) == 0
        # Batches of this transaction differ only in their statements' times.
        assert queries.prove().fault is None


@pytest.mark.django_db
def test_any_history_is_that_of_the_model():
    run_state_machine_as_test(
        Books,
        settings=settings(
            max_examples=40,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
