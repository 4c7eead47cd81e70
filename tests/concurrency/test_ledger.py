"""Several sessions at the ledger at once."""

import functools

import pytest

from apps.core.ids import uuid7
from apps.core.tenancy import acting
from apps.ledger import actions as ledger
from apps.ledger import queries
from apps.ledger.enums import Purpose, TransferKind
from apps.ledger.errors import AlreadyResolved, InsufficientFunds, NotReversed
from apps.ledger.models import Account
from tests.factories import ledger as money
from tests.factories.ledger import entry
from tests.ledger.conftest import STAFF

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.concurrency]


def post(*entries):
    with acting(STAFF):
        return ledger.post(entries)


def balance(account_id):
    with acting(STAFF):
        return Account.objects.get(id=account_id).available


def proved():
    with acting(STAFF):
        return queries.prove().fault is None


@pytest.fixture
def wallets():
    """Two wallets with 1,000 each and the account they came from."""
    with acting(STAFF):
        stripe = money.stripe_account()
        made = [money.wallet(uuid7()) for _ in range(2)]
        ledger.post([entry(stripe, account, 1_000) for account in made])
    return made


def test_crossed_batches_do_not_deadlock(wallets, together):
    one, other = wallets

    def there(debit, credit):
        for _ in range(30):
            post(entry(debit, credit, 2), entry(debit, credit, 1))

    # 30 × 3 from each side: either way round, at once.
    results = together(
        *[functools.partial(there, one, other), functools.partial(there, other, one)] * 2
    )
    assert results == [None] * 4
    assert balance(one) == balance(other) == 1_000
    assert proved()


def test_the_last_money_is_spent_once(wallets, together):
    one, other = wallets
    results = together(*[lambda: post(entry(one, other, 700))] * 4)
    assert sorted(map(str, results))[:1] == ["1"]
    assert sum(isinstance(result, InsufficientFunds) for result in results) == 3
    assert (balance(one), balance(other)) == (300, 1_700)


def test_a_hold_is_resolved_once(wallets, together):
    one, other = wallets
    hold = entry(one, other, 400, kind=TransferKind.PENDING)
    post(hold)
    resolve = [
        functools.partial(post, entry(kind=kind, pending=hold.id))
        for kind in (TransferKind.POST, TransferKind.VOID) * 2
    ]
    results = together(*resolve)
    assert results.count(1) == 1
    assert sum(isinstance(result, AlreadyResolved) for result in results) == 3
    assert balance(one) + balance(other) == 2_000
    assert proved()


def test_no_more_is_reversed_than_was_moved(transactional_db, together):
    """Also between unguarded accounts, of which none is locked."""
    with acting(STAFF):
        fees, stripe = (ledger.account(p, currency="USD") for p in (Purpose.FEES, Purpose.STRIPE))
    moved = entry(stripe, fees, 1_000)
    post(moved)
    results = together(*[lambda: post(entry(fees, stripe, 400, reverses=moved.id))] * 4)
    assert results.count(1) == 2
    assert sum(isinstance(result, NotReversed) for result in results) == 2


def test_the_same_transfer_from_four_sessions_is_written_once(wallets, together):
    one, other = wallets
    same = entry(one, other, 100)
    results = together(*[functools.partial(post, same)] * 4)
    # Who comes late finds it written, or collides with the one who is writing it: never twice.
    assert results.count(1) == 1
    assert all(result in (0, 1) or isinstance(result, AlreadyResolved) for result in results)
    assert (balance(one), balance(other)) == (900, 1_100)


def test_an_account_is_opened_once_by_everybody(together):
    holder = uuid7()

    def opened():
        with acting(STAFF):
            return ledger.account(Purpose.WALLET, currency="USD", holder=holder)

    results = together(*[opened] * 6)
    assert len(set(results)) == 1
    assert isinstance(results[0], int)


def test_two_purchases_that_share_only_unguarded_accounts_do_not_wait(wallets, together):
    """A batch that is not committed yet must not stop one of other wallets."""
    one, other = wallets
    with acting(STAFF):
        fees = ledger.account(Purpose.FEES, currency="USD")
    with acting(STAFF):
        ledger.post([entry(one, fees, 10)])
        # Still open: this thread holds `one`. The other session is through before it ends.
        results = together(lambda: post(entry(other, fees, 10)))
    assert results == [1]
