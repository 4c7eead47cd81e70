"""What the posting function takes and what it refuses."""

import dataclasses
import datetime as dt
import uuid

import pytest
from django.db import transaction

from apps.core.ids import uuid7
from apps.core.money import ISO_4217
from apps.core.tenancy import acting
from apps.ledger import actions as ledger
from apps.ledger.enums import Purpose, TransferKind
from apps.ledger.errors import (
    AlreadyResolved,
    IdReused,
    InsufficientFunds,
    LedgerError,
    NotReversed,
    PastDeadline,
)
from apps.ledger.models import Transfer
from tests.factories.ledger import entry
from tests.ledger.conftest import STAFF

PENDING, POST, VOID = TransferKind.PENDING, TransferKind.POST, TransferKind.VOID
POSTED, EXPIRE = TransferKind.POSTED, TransferKind.EXPIRE
EARLIER = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)
LATER = EARLIER + dt.timedelta(hours=1)


def written(transfer_id):
    with acting(STAFF):
        return Transfer.objects.get(id=transfer_id)


def test_a_transfer_moves_money_from_debit_to_credit(books, post, counters):
    assert post(entry(books.wallet, books.held, 4_000)) == 1
    assert counters(books.wallet) == (4_000, 0, 10_000, 0)
    assert counters(books.held) == (0, 0, 4_000, 0)


def test_an_unguarded_account_carries_no_counters(books, post, counters):
    post(entry(books.wallet, books.fees, 500))
    assert counters(books.fees) == (0, 0, 0, 0)
    assert counters(books.stripe) == (0, 0, 0, 0)


def test_an_empty_batch_is_nothing(books, post):
    assert post() == 0


def test_money_is_booked_inside_a_transaction(transactional_db):
    with pytest.raises(RuntimeError, match="transaction of the change"):
        ledger.post([entry(1, 2, 3)])


def test_an_account_is_opened_once(books):
    with acting(STAFF):
        again = ledger.account(Purpose.HELD, currency="USD", holder=books.org, scope=books.project)
        other = ledger.account(Purpose.HELD, currency="EUR", holder=books.org, scope=books.project)
    assert again == books.held
    assert other != books.held


def test_more_than_there_is_is_refused(books, post, counters):
    with pytest.raises(InsufficientFunds):
        post(entry(books.wallet, books.held, 10_001))
    assert counters(books.wallet) == (0, 0, 10_000, 0)


def test_all_there_is_is_taken(books, post, available):
    post(entry(books.wallet, books.held, 10_000))
    assert available(books.wallet) == 0


def test_what_is_promised_cannot_be_promised_again(books, post):
    post(entry(books.wallet, books.held, 6_000, kind=PENDING))
    with pytest.raises(InsufficientFunds):
        post(entry(books.wallet, books.held, 4_001, kind=PENDING))
    with pytest.raises(InsufficientFunds):
        post(entry(books.wallet, books.held, 4_001))


def test_money_that_is_only_pending_cannot_be_spent(books, post):
    post(entry(books.wallet, books.held, 6_000, kind=PENDING))
    with pytest.raises(InsufficientFunds):
        post(entry(books.held, books.payable, 1))


def test_the_same_transfer_again_changes_nothing(books, post, counters):
    first = entry(books.wallet, books.held, 4_000)
    assert [post(first), post(first)] == [1, 0]
    later = dataclasses.replace(first, at=first.at + dt.timedelta(hours=1))
    assert post(later) == 0, "the time is not part of what a step means"
    assert counters(books.held) == (0, 0, 4_000, 0)
    assert written(first.id).at == first.at


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 4_001},
        {"code": "other"},
        {"kind": PENDING},
        {"scope": uuid.UUID(int=5)},
        {"subject": uuid.UUID(int=5)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_same_id_with_other_content_is_refused(books, post, counters, change):
    first = entry(books.wallet, books.held, 4_000)
    post(first)
    with pytest.raises(IdReused):
        post(dataclasses.replace(first, **change))
    with pytest.raises(IdReused):
        post(dataclasses.replace(first, credit=books.payable))
    assert counters(books.held) == (0, 0, 4_000, 0)


def test_a_batch_that_was_half_written_before_writes_the_rest(books, post, counters):
    first, second = entry(books.wallet, books.held, 100), entry(books.wallet, books.held, 50)
    post(first)
    assert post(first, second) == 1
    assert counters(books.held) == (0, 0, 150, 0)


@pytest.mark.parametrize("amount", [0, -1])
def test_an_amount_is_positive(books, post, amount):
    with pytest.raises(LedgerError):
        post(entry(books.wallet, books.held, amount))


def test_a_transfer_has_two_accounts(books, post):
    with pytest.raises(Exception, match="ledger_transfer_two_accounts"):
        post(entry(books.stripe, books.stripe, 5))


@pytest.mark.parametrize("missing", ["debit", "credit", "amount", "currency"])
def test_half_a_transfer_is_refused(books, post, missing):
    with pytest.raises(LedgerError):
        post(dataclasses.replace(entry(books.wallet, books.held, 5), **{missing: None}))


def test_an_account_that_is_not_there_is_refused(books, post):
    with pytest.raises(LedgerError):
        post(entry(books.wallet, 10**12, 5))


def test_accounts_of_another_currency_are_refused(books, post, counters):
    with acting(STAFF):
        euros = ledger.account(Purpose.HELD, currency="EUR", holder=books.org)
    for changed in (
        entry(books.wallet, euros, 5),
        entry(euros, books.wallet, 5),
        entry(books.wallet, books.held, 5, currency="EUR"),
    ):
        with pytest.raises(LedgerError):
            post(changed)
    assert counters(books.wallet) == (0, 0, 10_000, 0)


# ── Two phases ───────────────────────────────────────────────────────────────────────────────────


def hold(books, post, amount=1_000):
    made = entry(books.wallet, books.held, amount, kind=PENDING)
    post(made)
    return made


def test_a_pending_transfer_is_posted(books, post, counters):
    made = hold(books, post)
    assert counters(books.wallet) == (0, 1_000, 10_000, 0)
    assert counters(books.held) == (0, 0, 0, 1_000)
    resolved = entry(kind=POST, pending=made.id)
    assert post(resolved) == 1
    assert counters(books.wallet) == (1_000, 0, 10_000, 0)
    assert counters(books.held) == (0, 0, 1_000, 0)
    row = written(resolved.id)
    assert (row.debit_id, row.credit_id, row.amount, row.currency) == (
        books.wallet,
        books.held,
        1_000,
        "USD",
    )


def test_a_partial_post_returns_the_rest(books, post, counters, available):
    made = hold(books, post)
    post(entry(amount=300, kind=POST, pending=made.id))
    assert counters(books.wallet) == (300, 0, 10_000, 0)
    assert counters(books.held) == (0, 0, 300, 0)
    assert available(books.wallet) == 9_700


def test_a_void_returns_everything(books, post, counters):
    made = hold(books, post)
    post(entry(kind=VOID, pending=made.id))
    assert counters(books.wallet) == (0, 0, 10_000, 0)
    assert counters(books.held) == (0, 0, 0, 0)


def test_more_than_was_pending_is_refused(books, post, counters):
    made = hold(books, post)
    with pytest.raises(LedgerError):
        post(entry(amount=1_001, kind=POST, pending=made.id))
    assert counters(books.wallet) == (0, 1_000, 10_000, 0)


@pytest.mark.parametrize("first", [POST, VOID])
@pytest.mark.parametrize("second", [POST, VOID])
def test_a_pending_transfer_is_resolved_once(books, post, counters, first, second):
    made = hold(books, post)
    post(entry(amount=400 if first == POST else None, kind=first, pending=made.id))
    before = counters(books.wallet)
    with pytest.raises(AlreadyResolved):
        post(entry(kind=second, pending=made.id))
    assert counters(books.wallet) == before


def test_it_is_not_resolved_twice_in_one_batch_either(books, post, counters):
    made = hold(books, post)
    with pytest.raises(AlreadyResolved):
        post(entry(kind=POST, pending=made.id), entry(kind=VOID, pending=made.id))
    assert counters(books.wallet) == (0, 1_000, 10_000, 0)


def test_the_same_resolution_again_changes_nothing(books, post, counters):
    made = hold(books, post)
    resolved = entry(kind=POST, pending=made.id)
    assert [post(resolved), post(resolved)] == [1, 0]
    assert counters(books.held) == (0, 0, 1_000, 0)


@pytest.mark.parametrize("kind", [POST, VOID])
def test_only_a_pending_transfer_can_be_resolved(books, post, kind):
    posted = entry(books.wallet, books.held, 10)
    post(posted)
    for pending in (posted.id, uuid7()):
        with pytest.raises(LedgerError):
            post(entry(kind=kind, pending=pending))


def test_a_post_keeps_what_the_pending_transfer_was_about(books, post):
    made = entry(
        books.wallet, books.held, 10, kind=PENDING, scope=books.project, subject=books.person
    )
    post(made)
    resolved = entry(kind=POST, pending=made.id)
    post(resolved)
    assert (written(resolved.id).scope_id, written(resolved.id).subject_id) == (
        books.project,
        books.person,
    )


@pytest.mark.parametrize(("kind", "at"), [(POST, LATER), (EXPIRE, EARLIER)])
def test_the_deadline_decides(books, post, counters, kind, at):
    made = entry(books.wallet, books.held, 1_000, kind=PENDING, expires_at=LATER, at=EARLIER)
    post(made)
    with pytest.raises(PastDeadline):
        post(entry(kind=kind, pending=made.id, at=at))
    assert counters(books.wallet) == (0, 1_000, 10_000, 0)


@pytest.mark.parametrize(
    ("kind", "at", "posted"),
    [(POST, EARLIER, 1_000), (EXPIRE, LATER, 0), (VOID, EARLIER, 0), (VOID, LATER, 0)],
)
def test_a_hold_with_a_deadline_is_resolved_once(books, post, counters, kind, at, posted):
    made = entry(books.wallet, books.held, 1_000, kind=PENDING, expires_at=LATER, at=EARLIER)
    post(made)
    assert post(entry(kind=kind, pending=made.id, at=at)) == 1
    assert counters(books.wallet) == (posted, 0, 10_000, 0)
    for again in (POST, VOID, EXPIRE):
        with pytest.raises(LedgerError):
            post(entry(kind=again, pending=made.id, at=at))


def test_a_hold_without_a_deadline_never_expires(books, post):
    made = hold(books, post)
    with pytest.raises(PastDeadline):
        post(entry(kind=EXPIRE, pending=made.id, at=LATER))


@pytest.mark.parametrize("more", [{"kind": POSTED}, {"at": LATER}])
def test_a_deadline_is_of_a_hold_and_after_it(books, post, more):
    fields = {"kind": PENDING, "at": EARLIER} | more
    with pytest.raises(LedgerError):
        post(entry(books.wallet, books.held, 10, expires_at=LATER, **fields))


def test_holds_past_their_deadline_are_given_back(books, post, counters):
    fields = {"kind": PENDING, "at": EARLIER}
    over, still_open = (
        entry(books.wallet, books.held, amount, expires_at=at, **fields)
        for amount, at in ((100, LATER), (30, LATER + dt.timedelta(days=1)))
    )
    used = entry(books.wallet, books.held, 7, expires_at=LATER, **fields)
    post(over, still_open, used, entry(books.wallet, books.held, 1, kind=PENDING))
    post(entry(kind=POST, pending=used.id, at=EARLIER))
    with acting(STAFF):
        assert ledger.expire(EARLIER) == 0
        assert ledger.expire(LATER) == 1
        assert ledger.expire(LATER) == 0
    assert counters(books.wallet) == (7, 31, 10_000, 0)


# ── Reversals ────────────────────────────────────────────────────────────────────────────────────


def back(moved, amount=None, **more):
    fields = {"reverses": moved.id} | more
    return entry(moved.credit, moved.debit, amount or moved.amount, **fields)


@pytest.fixture
def moved(books, post):
    """A thousand to held funds, in which there is more than that."""
    made = entry(books.wallet, books.held, 1_000)
    post(made, entry(books.wallet, books.held, 5_000))
    return made


def test_a_transfer_is_taken_back(books, post, counters, moved):
    post(back(moved))
    assert counters(books.held) == (1_000, 0, 6_000, 0)


def test_parts_are_taken_back_until_nothing_is_left(post, moved):
    post(back(moved, 400))
    with pytest.raises(NotReversed):
        post(back(moved, 601))
    with pytest.raises(NotReversed):
        post(back(moved, 300), back(moved, 301))
    assert post(back(moved, 300), back(moved, 300)) == 2
    with pytest.raises(NotReversed):
        post(back(moved, 1))


def test_the_same_reversal_again_changes_nothing(post, moved):
    again = back(moved)
    assert [post(again), post(again)] == [1, 0]


def test_a_reversal_can_be_taken_back_too(post, moved):
    first = back(moved, 400)
    post(first)
    assert post(back(first)) == 1


def test_a_reversal_goes_the_same_way_back(books, post, moved, available):
    post(entry(books.wallet, books.fees, 50))
    before = available(books.wallet)
    for wrong in (
        entry(books.wallet, books.held, 10, reverses=moved.id),  # the same way
        entry(books.fees, books.wallet, 10, reverses=moved.id),  # another account
        entry(books.held, books.wallet, 10, reverses=uuid7()),  # of nothing
        back(moved, 10, kind=PENDING),
    ):
        with pytest.raises(NotReversed):
            post(wrong)
    assert available(books.wallet) == before


def test_what_moved_nothing_is_not_reversed(books, post):
    made = hold(books, post)
    post(entry(books.wallet, books.held, 5_000))
    with pytest.raises(NotReversed):
        post(back(made))
    resolved = entry(kind=POST, pending=made.id, amount=600)
    post(resolved)
    with pytest.raises(NotReversed):
        post(entry(books.held, books.wallet, 601, reverses=resolved.id))
    assert post(entry(books.held, books.wallet, 600, reverses=resolved.id)) == 1


# ── Currencies ───────────────────────────────────────────────────────────────────────────────────


def test_accounts_are_of_the_currencies_of_iso_4217(db):
    with acting(STAFF):
        for currency in ISO_4217:
            assert ledger.account(Purpose.FEES, currency=currency)
        for wrong in ("XXX", "usd", "US", ""):
            with pytest.raises(Exception, match="no currency of ISO 4217"), transaction.atomic():
                ledger.account(Purpose.FEES, currency=wrong)


# ── Batches ──────────────────────────────────────────────────────────────────────────────────────


def test_a_batch_is_written_whole_or_not_at_all(books, post, counters):
    good = entry(books.wallet, books.held, 10)
    for bad in (
        entry(books.payable, books.held, 1),  # nothing in it
        entry(kind=POST, pending=uuid7()),  # nothing to resolve
        entry(books.wallet, books.held, 1, currency="EUR"),
    ):
        with pytest.raises(LedgerError):
            post(good, bad)
        assert counters(books.held) == (0, 0, 0, 0)
    with acting(STAFF):
        assert not Transfer.objects.filter(id=good.id).exists()


def test_a_refused_batch_leaves_its_transaction_usable(books, counters):
    with acting(STAFF):
        with pytest.raises(InsufficientFunds):
            ledger.post([entry(books.held, books.fees, 1)])
        ledger.post([entry(books.wallet, books.held, 7)])
    assert counters(books.held) == (0, 0, 7, 0)


def test_part_is_posted_and_a_new_hold_opened_for_the_rest_in_one_batch(books, post, counters):
    post(entry(books.wallet, books.held, 10_000, kind=PENDING, id=uuid.UUID(int=9)))
    post(
        entry(amount=6_000, kind=POST, pending=uuid.UUID(int=9)),
        entry(books.wallet, books.held, 4_000, kind=PENDING),
    )
    assert counters(books.wallet) == (6_000, 4_000, 10_000, 0)


def test_transfers_are_numbered_in_the_order_of_the_batch(books, post):
    batch = [entry(books.wallet, books.held, amount) for amount in (3, 1, 2)]
    post(*batch)
    numbers = [written(one.id).number for one in batch]
    assert numbers == sorted(numbers)
