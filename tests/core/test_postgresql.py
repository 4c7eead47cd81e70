"""What is held back reaches PostgreSQL in its order, exactly once, or not at all."""

import datetime as dt
import uuid

import pytest
from django.db import DatabaseError, DataError, IntegrityError, connection, transaction
from psycopg.pq import TransactionStatus

from apps.accounts.models import User
from apps.audit import actions as audit
from apps.audit.actions import Event
from apps.audit.models import AuditEvent
from apps.core.models import ClockOffset
from apps.core.postgresql.base import current
from apps.core.tenancy import Actor, acting

NOW = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)
STAFF = Actor(kind="staff")
LATER = dt.timedelta(hours=1)


def ask(sql, params=None):
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone()[0]


def ask_kept(sql, params=None):
    with current().kept_cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone()[0]


ASK = pytest.mark.parametrize("asked", [ask, ask_kept])


def note(thing, **data):
    audit.record(Event("test.noted", ("test", thing), data=data), by=STAFF, now=NOW)


def noted(thing):
    with acting(STAFF):
        return list(AuditEvent.objects.filter(aggregate_id=thing).values_list("data", flat=True))


@ASK
def test_an_actor_is_told_before_the_first_statement_of_any_kind(db, asked):
    with acting(STAFF):
        assert asked("SELECT app_kind()") == "staff"
        with acting(Actor(kind="person", user_id=uuid.uuid4())):
            assert asked("SELECT app_kind() || %s", ["%"]) == "person%"
        assert asked("SELECT app_kind()") == "staff"


def test_a_cursor_in_chunks_and_many_statements_are_told_too(db):
    with acting(STAFF):
        User.objects.bulk_create([User(email=f"{number}@x.invalid") for number in range(3)])
    with acting(STAFF):
        users = User.objects.filter(email__endswith="@x.invalid")
        kinds = users.extra(select={"kind": "app_kind()"}).values_list("kind", flat=True)
        assert set(kinds.iterator(chunk_size=1)) == {"staff"}
    with acting(STAFF), connection.cursor() as cursor:
        cursor.executemany("SELECT set_config('test.kind', app_kind() || %s, true)", [["!"], ["?"]])
        assert ask("SELECT current_setting('test.kind')") == "staff?"


class Refused(Exception):
    pass


def refuse():
    raise Refused


@ASK
@pytest.mark.parametrize("is_sent", [False, True])
def test_a_savepoint_that_is_rolled_back_takes_back_who_acts(db, asked, is_sent):
    def change():
        with acting(Actor(kind="system")):
            if is_sent:
                assert asked("SELECT app_kind()") == "system"
            refuse()

    with acting(STAFF):
        with pytest.raises(Refused):
            change()
        assert asked("SELECT app_kind()") == "staff"


@pytest.mark.django_db(transaction=True)
def test_a_transaction_in_which_nothing_is_asked_sends_nothing():
    ask("SELECT 1")
    with acting(STAFF), transaction.atomic():
        session = connection.connection
        assert session.info.transaction_status == TransactionStatus.IDLE
    with acting(STAFF):
        ask("SELECT 1")
        assert session.info.transaction_status == TransactionStatus.INTRANS
    assert session.info.transaction_status == TransactionStatus.IDLE
    assert ask("SELECT app_kind()") == ""


@pytest.mark.django_db(transaction=True)
def test_evidence_that_nothing_follows_is_written_with_the_commit():
    thing = uuid.uuid4()
    with acting(STAFF):
        note(thing, said="100% of %s; 'all' of \\it")
        with transaction.atomic():
            note(thing, said="inside")
    assert noted(thing) == [{"said": "100% of %s; 'all' of \\it"}, {"said": "inside"}]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_sent", [False, True])
def test_evidence_goes_with_its_savepoint_and_its_transaction(is_sent):
    kept, gone = uuid.uuid4(), uuid.uuid4()

    def note_and_refuse(block):
        with block:
            note(gone)
            if is_sent:
                ask("SELECT 1")
            refuse()

    with acting(STAFF):
        note(kept)
        with pytest.raises(Refused):
            note_and_refuse(transaction.atomic())
    with pytest.raises(Refused):
        note_and_refuse(acting(STAFF))
    assert noted(kept) == [{}]
    assert noted(gone) == []


@pytest.mark.django_db(transaction=True)
def test_what_fails_with_the_commit_is_raised_and_nothing_is_kept():
    def owe_what_fails():
        with transaction.atomic():
            ClockOffset.objects.create(id=1, offset=LATER)
            current().hold_back("SELECT 1 / %s", [0], is_owed=True)

    with pytest.raises(DataError):
        owe_what_fails()
    assert not ClockOffset.objects.exists()
    with transaction.atomic():
        ClockOffset.objects.create(id=1, offset=LATER)
    assert ClockOffset.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_error_that_is_swallowed_in_a_block_is_not_lost():
    def swallow():
        with transaction.atomic(), transaction.atomic():
            ClockOffset.objects.create(id=1, offset=LATER)
            with current().kept_cursor() as cursor, pytest.raises(DataError):
                cursor.execute("SELECT 1 / 0")

    with pytest.raises(DatabaseError):
        swallow()
    assert not ClockOffset.objects.exists()


def test_a_block_that_fails_leaves_what_was_before_it(db):
    ClockOffset.objects.create(id=1, offset=LATER)
    for _ in range(2):
        with pytest.raises(IntegrityError), transaction.atomic():
            ClockOffset.objects.create(id=1, offset=LATER)
    assert ClockOffset.objects.count() == 1


def test_kept_statements_are_prepared_and_no_others_are(db):
    question = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE %s"
    ask_kept("SELECT 4711 + %s", [1])
    ask("SELECT 4712 + %s", [1])
    assert ask(question, ["%4711 + $1%"]) == 1
    assert ask(question, ["%4712%"]) == 0


@pytest.mark.django_db(transaction=True)
def test_a_session_that_the_server_has_ended_is_not_usable(superuser):
    number = ask("SELECT pg_backend_pid()")
    assert current().is_usable()
    superuser.execute("SELECT pg_terminate_backend(%s, 10000)", [number])
    assert not current().is_usable()
    # What Django asks once a request leads to a session that works.
    current().health_check_enabled, current().health_check_done = True, False
    assert ask("SELECT pg_backend_pid()") != number
