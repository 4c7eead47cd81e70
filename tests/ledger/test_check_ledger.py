"""`check_ledger` proves the books from the transfers and names the first row that breaks.

Only a superuser who switches the triggers off can break them; the test does, in its own clone.
"""

import io
import re

import pytest
from django.core.management import CommandError, call_command

from apps.ledger.enums import TransferKind
from tests.factories.ledger import entry

pytestmark = pytest.mark.django_db(transaction=True)


def check():
    out = io.StringIO()
    call_command("check_ledger", stdout=out)
    return out.getvalue()


@pytest.fixture
def history(books, post):
    """Five transfers of all kinds; their ids by name."""
    budget = entry(books.wallet, books.held, 5_000)
    hold = entry(books.held, books.payable, 1_000, kind=TransferKind.PENDING)
    other = entry(books.held, books.fees, 150, kind=TransferKind.PENDING)
    paid = entry(amount=800, kind=TransferKind.POST, pending=hold.id)
    void = entry(kind=TransferKind.VOID, pending=other.id)
    post(budget)
    post(hold, other)
    post(paid, void)
    return {"budget": budget, "hold": hold, "other": other, "paid": paid, "void": void}


@pytest.fixture
def break_it(superuser):
    """Run statements past triggers, foreign keys and check constraints."""

    def run(*statements):
        superuser.execute("SET session_replication_role = replica")
        checks = superuser.execute(
            "SELECT conrelid::regclass::text, conname FROM pg_constraint "
            "WHERE contype = 'c' AND conrelid::regclass::text LIKE 'ledger%'"
        ).fetchall()
        for table, name in checks:
            superuser.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        for statement in statements:
            assert superuser.execute(statement).rowcount, statement

    return run


@pytest.mark.parametrize("post", ["alone"], indirect=True)
def test_whole_books_balance(history):
    assert check() == "The ledger balances: 6 transfers, 5 accounts.\n"


def test_a_batch_may_go_below_zero_in_between(books, post):
    # Out of held funds first, into them second: the batch ends at zero.
    post(entry(books.held, books.payable, 10), entry(books.wallet, books.held, 10))
    assert "balances" in check()


# Another amount of the budget, with the hash that goes with it.
RESTATED = (
    "UPDATE ledger_transfer SET amount = {amount}, request_hash = ledger_request_hash(kind, "
    "debit_id, credit_id, {amount}, currency, code, NULL, NULL, NULL, NULL, NULL) "
    "WHERE id = '{{budget}}'"
)
# A deadline of the hold that had come before it was posted.
DUE = (
    "UPDATE ledger_transfer SET expires_at = at, request_hash = ledger_request_hash(kind, "
    "debit_id, credit_id, amount, currency, code, NULL, NULL, NULL, NULL, at) WHERE id = '{hold}'"
)
BREAKS = {
    "amount changed": (
        "UPDATE ledger_transfer SET amount = amount + 1 WHERE id = '{budget}'",
        r"{budget} \(number \d+\) has other content than its hash",
    ),
    "posted twice what was pending": (
        "UPDATE ledger_transfer SET amount = 1001 WHERE id = '{paid}'",
        r"{paid} \(number \d+\) posts 1001 of the 1000",
    ),
    "transfer removed": (
        "DELETE FROM ledger_transfer WHERE id = '{hold}'",
        r"{paid} \(number \d+\) resolves no pending transfer",
    ),
    "currency changed": (
        "UPDATE ledger_transfer SET currency = 'EUR' WHERE id = '{budget}'",
        r"{budget} \(number \d+\) moves EUR between accounts of USD and USD",
    ),
    "counters that no longer follow": (
        RESTATED.format(amount=5_001),
        r"counters of account \d+ \(wallet:",
    ),
    "reversed another way": (
        "UPDATE ledger_transfer SET reverses_id = '{budget}' WHERE id = '{void}'",
        r"{void} \(number \d+\) does not go the way back",
    ),
    "posted after its deadline": (
        DUE,
        r"{paid} \(number \d+\) posts after the deadline",
    ),
    "earned money taken": (
        "UPDATE ledger_account SET purpose = 'payable' WHERE purpose = 'wallet'",
        r"{budget} \(number \d+\) takes earned money elsewhere",
    ),
    "a number twice": (
        "UPDATE ledger_transfer SET number = number - 1 WHERE id = '{other}'",
        r"\(number \d+\) has the number of another transfer",
    ),
    "account removed": (
        "DELETE FROM ledger_account WHERE purpose = 'wallet'",
        r"\(number \d+\) names an account that is not there",
    ),
    "both sides the same": (
        "UPDATE ledger_transfer SET credit_id = debit_id WHERE id = '{paid}'",
        r"{paid} \(number \d+\) has the same account on both sides",
    ),
    "resolved between other accounts": (
        "UPDATE ledger_transfer SET debit_id = {wallet} WHERE id = '{paid}'",
        r"{paid} \(number \d+\) resolves a transfer between other accounts",
    ),
    "a counter raised": (
        "UPDATE ledger_account SET credits_posted = credits_posted + 5 WHERE purpose = 'wallet'",
        r"counters of account \d+ \(wallet:.*\[5000, 0, 10005, 0\].*\[5000, 0, 10000, 0\]",
    ),
    "a counter where none is kept": (
        "UPDATE ledger_account SET credits_posted = 5 WHERE purpose = 'fees'",
        r"counters of account \d+ \(fees:",
    ),
    "a guard taken away": (
        "UPDATE ledger_account SET is_guarded = false WHERE purpose = 'wallet'",
        r"guard of account \d+ \(wallet:",
    ),
    "held funds overdrawn": (
        RESTATED.format(amount=900),
        r"{other} \(number \d+\) leaves account \d+ \(held:[^)]*\) with -250 available",
    ),
}


@pytest.mark.parametrize("what", BREAKS)
def test_the_first_row_that_breaks_is_named(books, history, break_it, what):
    statement, sentence = BREAKS[what]
    ids = {name: str(one.id) for name, one in history.items()} | {"wallet": books.wallet}
    break_it(statement.format(**ids))
    with pytest.raises(CommandError) as refused:
        check()
    assert re.search(sentence.format(**ids), str(refused.value))


def test_a_pending_transfer_resolved_twice_is_named(history, break_it, superuser):
    superuser.execute("DROP INDEX ledger_transfer_resolved_once")
    again = "11111111-1111-4111-8111-111111111111"
    columns = "kind, debit_id, credit_id, amount, currency, code, pending_id, request_hash, at"
    break_it(
        f"INSERT INTO ledger_transfer (id, {columns}) SELECT '{again}', {columns} "  # noqa: S608
        f"FROM ledger_transfer WHERE id = '{history['paid'].id}'"
    )
    with pytest.raises(CommandError, match=f"{again} .* a second time"):
        check()
