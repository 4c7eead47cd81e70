"""Accounts to post between. Everything here acts as staff, who see every account."""

import uuid
from types import SimpleNamespace

import pytest

from apps.core.tenancy import Actor, acting
from apps.ledger import actions as ledger
from apps.ledger.enums import Purpose
from apps.ledger.models import Account
from tests.factories import ledger as money

STAFF = Actor(kind="staff", user_id=uuid.UUID(int=1))


@pytest.fixture
def books(db):
    """stripe, a wallet with 10,000, held funds, a person's account, fees: all of USD."""
    org, project, person = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
    with acting(STAFF):
        made = SimpleNamespace(
            org=org,
            project=project,
            person=person,
            stripe=money.stripe_account(),
            wallet=money.wallet(org),
            held=money.held(org, project),
            payable=money.payable(person),
            fees=ledger.account(Purpose.FEES, currency="USD"),
        )
        ledger.post([money.entry(made.stripe, made.wallet, 10_000)])
    return made


@pytest.fixture(params=["alone", "in a batch"])
def post(request):
    """Post a batch in a transaction of its own; how many transfers were new.

    One transfer has a function of its own in PostgreSQL: each is tried alone, and beside another
    one that has nothing to do with it.
    """

    def run(*entries):
        with acting(STAFF):
            beside = []
            if request.param == "in a batch" and len(entries) == 1:
                fees = ledger.account(Purpose.FEES, currency="USD")
                beside = [money.entry(money.stripe_account(), fees, 1)]
            return ledger.post([*entries, *beside]) - len(beside)

    return run


@pytest.fixture
def counters():
    """(debits posted, debits pending, credits posted, credits pending) of an account."""

    def read(account_id):
        with acting(STAFF):
            row = Account.objects.get(id=account_id)
        return (row.debits_posted, row.debits_pending, row.credits_posted, row.credits_pending)

    return read


@pytest.fixture
def available():
    def read(account_id):
        with acting(STAFF):
            return Account.objects.get(id=account_id).available

    return read
