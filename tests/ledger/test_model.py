"""The ledger against a model of it in plain Python, over random histories (Hypothesis)."""

import datetime as dt
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

PURPOSES = ("stripe", "wallet", "held", "payable", "fees")
CURRENCIES = ("JPY", "USD", "KWD")
# (purpose, currency)
ACCOUNTS = tuple((purpose, currency) for currency in CURRENCIES for purpose in PURPOSES)
GUARDED = {name for name in ACCOUNTS if name[0] in {"wallet", "held", "payable"}}
NOON = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
DEADLINE = NOON + dt.timedelta(hours=1)


class RefusedError(Exception):
    """What the model says where PostgreSQL has to refuse."""


@dataclass(frozen=True)
class Step:
    """One transfer to try; accounts by name."""

    kind: str
    debit: tuple | None = None
    credit: tuple | None = None
    amount: int | None = None
    pending: uuid.UUID | None = None
    reverses: uuid.UUID | None = None
    deadline: dt.datetime | None = None
    at: dt.datetime = NOON
    id: uuid.UUID = field(default_factory=uuid7)


@dataclass
class Model:
    """Balances and promises by account name; open holds and what can be reversed, by id."""

    posted: dict = field(default_factory=lambda: dict.fromkeys(ACCOUNTS, 0))
    promised: dict = field(default_factory=lambda: dict.fromkeys(ACCOUNTS, 0))
    open: dict = field(default_factory=dict)
    moved: dict = field(default_factory=dict)

    def copy(self):
        return Model(dict(self.posted), dict(self.promised), dict(self.open), dict(self.moved))

    def move(self, key, debit, credit, amount):
        self.posted[debit] -= amount
        self.posted[credit] += amount
        self.moved[key] = (debit, credit, amount)

    def reverse(self, key, debit, credit, amount):
        payer, payee, left = self.moved.get(key, (None, None, 0))
        if (payer, payee) != (credit, debit) or amount > left:
            raise RefusedError
        self.moved[key] = (payer, payee, left - amount)

    def apply(self, batch):
        """The model after the batch of Steps."""
        after = self.copy()
        for step in batch:
            debit, credit = step.debit, step.credit
            if debit and (
                debit[1] != credit[1] or (debit[0] == "payable" and credit[0] != "stripe")
            ):
                # No currency becomes another; earned money leaves towards the bank only.
                raise RefusedError
            if step.kind == "posted":
                if step.reverses:
                    after.reverse(step.reverses, debit, credit, step.amount)
                after.move(step.id, debit, credit, step.amount)
            elif step.kind == "pending":
                after.promised[debit] += step.amount
                after.open[step.id] = (debit, credit, step.amount, step.deadline)
            else:
                # Only what was pending before the batch can be resolved in it, and only once.
                if step.pending not in self.open or step.pending not in after.open:
                    raise RefusedError
                payer, payee, held, deadline = after.open.pop(step.pending)
                part = held if step.amount is None else step.amount
                is_over = deadline is not None and step.at >= deadline
                if step.kind == "post" and (part > held or is_over):
                    raise RefusedError
                if step.kind == "expire" and not is_over:
                    raise RefusedError
                after.promised[payer] -= held
                if step.kind == "post":
                    after.move(step.id, payer, payee, part)
        for name in GUARDED:
            if after.posted[name] < after.promised[name]:
                raise RefusedError
        return after


class Books(RuleBasedStateMachine):
    """Each run has accounts of its own and shares one transaction, rolled back at its end."""

    holds = Bundle("holds")
    transfers = Bundle("transfers")

    def __init__(self):
        super().__init__()
        self.outer = transaction.atomic()
        self.outer.__enter__()
        self.staff = acting(STAFF)
        self.staff.__enter__()
        org, person = uuid.uuid4(), uuid.uuid4()
        holders = dict(zip(PURPOSES, (None, org, org, person, None), strict=True))
        self.ids = {
            (purpose, currency): ledger.account(
                Purpose(purpose), currency=currency, holder=holders[purpose]
            )
            for purpose, currency in ACCOUNTS
        }
        self.model = Model()
        self.written = []

    def teardown(self):
        self.staff.__exit__(None, None, None)
        transaction.set_rollback(True)
        self.outer.__exit__(None, None, None)

    def post(self, *batch):
        """Post to both; they must agree on whether it is refused."""
        entries = [
            entry(
                self.ids.get(step.debit),
                self.ids.get(step.credit),
                step.amount,
                id=step.id,
                kind=TransferKind(step.kind),
                pending=step.pending,
                reverses=step.reverses,
                expires_at=step.deadline,
                at=step.at,
                currency=step.debit[1] if step.debit else None,
            )
            for step in batch
        ]
        try:
            after = self.model.apply(batch)
        except RefusedError:
            with pytest.raises(LedgerError):
                ledger.post(entries)
            return
        assert ledger.post(entries) == len(entries)
        self.model = after
        self.written.append(entries)

    # Mostly within one currency; now and then across two, which is refused.
    sides = st.one_of(
        *(
            st.permutations([(purpose, currency) for purpose in PURPOSES]).map(
                lambda all_: all_[:2]
            )
            for currency in CURRENCIES
        ),
        st.lists(st.sampled_from(ACCOUNTS), min_size=2, max_size=2, unique=True),
    )
    amounts = st.integers(min_value=1, max_value=1_000)
    deadlines = st.none() | st.just(DEADLINE)
    times = st.sampled_from([NOON, DEADLINE])

    @rule(
        target=transfers,
        amount=st.integers(1, 3_000),
        to=st.sampled_from(["wallet", "held", "payable"]),
        currency=st.sampled_from(CURRENCIES),
    )
    def money_comes_in(self, amount, to, currency):
        step = Step("posted", ("stripe", currency), (to, currency), amount)
        self.post(step)
        return step

    @rule(target=transfers, sides=sides, amount=amounts)
    def money_moves(self, sides, amount):
        step = Step("posted", *sides, amount)
        self.post(step)
        return step

    @rule(target=holds, sides=sides, amount=amounts, deadline=deadlines)
    def money_is_held(self, sides, amount, deadline):
        step = Step("pending", *sides, amount, deadline=deadline)
        self.post(step)
        return step.id

    @rule(hold=holds, amount=st.none() | amounts, at=times)
    def a_hold_is_posted(self, hold, amount, at):
        self.post(Step("post", amount=amount, pending=hold, at=at))

    @rule(hold=holds, kind=st.sampled_from(["void", "expire"]), at=times)
    def a_hold_is_given_up(self, hold, kind, at):
        self.post(Step(kind, pending=hold, at=at))

    @rule(target=holds, hold=holds, sides=sides, amount=amounts, rest=amounts)
    def part_is_posted_and_the_rest_held_anew(self, hold, sides, amount, rest):
        anew = Step("pending", *sides, rest)
        self.post(Step("post", amount=amount, pending=hold), anew)
        return anew.id

    @rule(target=transfers, moved=transfers, amount=amounts)
    def a_transfer_is_reversed(self, moved, amount):
        """Also reversals are reversed, and what was refused."""
        step = Step("posted", moved.credit, moved.debit, amount, reverses=moved.id)
        self.post(step)
        return step

    @rule(moved=transfers, sides=sides, amount=amounts)
    def a_reversal_goes_another_way(self, moved, sides, amount):
        self.post(Step("posted", *sides, amount, reverses=moved.id))

    @rule(moved=transfers, amounts=st.lists(amounts, min_size=2, max_size=3))
    def a_transfer_is_reversed_in_parts_at_once(self, moved, amounts):
        self.post(
            *(
                Step("posted", moved.credit, moved.debit, amount, reverses=moved.id)
                for amount in amounts
            )
        )

    @rule(sides=sides, amounts=st.lists(amounts, min_size=2, max_size=4))
    def a_batch_moves(self, sides, amounts):
        there, back = sides, sides[::-1]
        self.post(
            *(
                Step("posted", *(back if place % 2 else there), amount)
                for place, amount in enumerate(amounts)
            )
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
        for currency in CURRENCIES:
            assert sum(self.model.posted[purpose, currency] for purpose in PURPOSES) == 0
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
