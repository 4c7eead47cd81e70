"""Nothing in the ledger is updated or deleted, and only the posting function writes."""

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError
from psycopg import errors

from apps.core.tenancy import acting
from apps.ledger import queries
from apps.ledger.enums import TransferKind
from apps.ledger.errors import EarnedStays
from apps.ledger.models import Account, Transfer
from tests.factories.ledger import entry
from tests.ledger.conftest import STAFF

CHANGES = {
    "update a transfer": "UPDATE ledger_transfer SET amount = amount + 1",
    "delete a transfer": "DELETE FROM ledger_transfer",
    "truncate transfers": "TRUNCATE ledger_transfer CASCADE",
    "delete an account": "DELETE FROM ledger_account",
    "truncate accounts": "TRUNCATE ledger_account CASCADE",
    "rename an account": "UPDATE ledger_account SET holder_id = NULL",
    "take a guard away": "UPDATE ledger_account SET is_guarded = false",
    "change a currency": "UPDATE ledger_account SET currency = 'EUR'",
}
WRITES = {
    "write a transfer": "INSERT INTO ledger_transfer SELECT * FROM ledger_transfer",
    "open an account": "INSERT INTO ledger_account (purpose, currency, is_guarded, debits_posted, "
    "debits_pending, credits_posted, credits_pending) VALUES ('wallet', 'USD', true, 0, 0, 9, 0)",
    "change a counter": "UPDATE ledger_account SET credits_posted = credits_posted + 1",
    "take the numbers": "SELECT setval('ledger_transfer_number', 1)",
    "replace the function": "DROP FUNCTION ledger_post",
    "switch the trigger off": "ALTER TABLE ledger_transfer DISABLE TRIGGER ALL",
    "leave row-level security": "ALTER TABLE ledger_account DISABLE ROW LEVEL SECURITY",
    "switch triggers off for the session": "SET session_replication_role = replica",
    "become the ledger": "SET ROLE wagefile_ledger_owner",
    "become the owner": "SET ROLE wagefile_owner",
}


@pytest.mark.parametrize("what", [*CHANGES, *WRITES])
def test_the_application_cannot(books, what):
    with acting(STAFF):
        assert Transfer.objects.exists()
        with (
            pytest.raises(DatabaseError) as refused,
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute((CHANGES | WRITES)[what])
    assert isinstance(refused.value.__cause__, errors.InsufficientPrivilege)


@pytest.mark.parametrize("what", CHANGES)
def test_the_owner_of_the_tables_cannot_either(transactional_db, books, table_owner, what):
    before = table_owner.execute("SELECT count(*), sum(amount) FROM ledger_transfer").fetchone()
    assert before[0] == 1
    with pytest.raises(errors.RestrictViolation, match="never changed or removed"):
        table_owner.execute(CHANGES[what])
    after = table_owner.execute("SELECT count(*), sum(amount) FROM ledger_transfer").fetchone()
    assert after == before


ROW = (
    "INSERT INTO ledger_transfer (id, kind, debit_id, credit_id, amount, currency, code, "
    "pending_id, request_hash, at) SELECT gen_random_uuid(), {kind}, {debit}, credit_id, {amount}, "
    "currency, 'x', {pending}, request_hash, at FROM ledger_transfer LIMIT 1"
)
WHOLE = {"kind": "'posted'", "debit": "debit_id", "amount": "1", "pending": "NULL"}
BAD_ROWS = {
    "nothing moved": ({"amount": "0"}, "ledger_transfer_amount"),
    "a negative amount": ({"amount": "-1"}, "ledger_transfer_amount"),
    "a void of nothing": ({"kind": "'void'", "amount": "0"}, "ledger_transfer_resolves"),
    "a post of nothing pending": ({"kind": "'post'"}, "ledger_transfer_resolves"),
    "an unknown kind": ({"kind": "'gift'"}, "ledger_transfer_resolves"),
    "one account": ({"debit": "credit_id"}, "ledger_transfer_two_accounts"),
}


@pytest.mark.parametrize("what", BAD_ROWS)
def test_a_row_past_the_writer_meets_the_constraints(transactional_db, books, table_owner, what):
    change, constraint = BAD_ROWS[what]
    with pytest.raises(errors.CheckViolation, match=constraint):
        table_owner.execute(ROW.format(**WHOLE | change))


def test_what_the_owner_writes_past_the_writer_is_named(transactional_db, books, table_owner):
    """Nobody who serves a request can, and check_ledger does not believe it."""
    table_owner.execute(ROW.format(**WHOLE))
    with acting(STAFF):
        assert "has other content than its hash" in queries.prove().fault


@pytest.mark.parametrize("what", ["debits_posted", "debits_pending"])
def test_an_overdrawn_counter_meets_its_constraint(transactional_db, books, table_owner, what):
    with pytest.raises(errors.CheckViolation, match="ledger_account_not_overdrawn"):
        table_owner.execute(f"UPDATE ledger_account SET {what} = 10001 WHERE id = {books.wallet}")  # noqa: S608


@pytest.mark.parametrize(
    "change",
    [
        lambda account, _: account.save(),
        lambda _, transfer: transfer.save(),
        lambda _, transfer: transfer.delete(),
        lambda _, __: Transfer.objects.update(amount=1),
        lambda account, _: Account.objects.filter(id=account.id).delete(),
    ],
    ids=["save account", "save transfer", "delete", "queryset update", "queryset delete"],
)
def test_django_cannot_change_a_row(books, change):
    with acting(STAFF):
        account, transfer = Account.objects.get(id=books.wallet), Transfer.objects.get()
        with pytest.raises(DatabaseError), transaction.atomic():
            change(account, transfer)


def test_earned_money_leaves_towards_the_bank_only(books, post):
    """Whoever posts it: not back to the buyer, not as a fee, not by way of a hold."""
    post(entry(books.wallet, books.payable, 100))
    for target in (books.wallet, books.held, books.fees):
        for kind in (TransferKind.POSTED, TransferKind.PENDING):
            with pytest.raises(EarnedStays):
                post(entry(books.payable, target, 1, kind=kind))
    assert post(entry(books.payable, books.stripe, 100)) == 1
