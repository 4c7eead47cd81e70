"""The evidence holds, and whoever changes it is found."""

import datetime as dt
import io
import threading

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.utils import DatabaseError
from psycopg import errors

from apps.audit import actions as audit
from apps.audit import queries
from apps.audit.models import AuditEvent, ChainSeal
from apps.core.ids import uuid7
from apps.core.tenancy import Actor, acting
from tests.ledger.conftest import STAFF

AT = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)
TABLES = ("audit_auditevent", "audit_chainseal")


def write(aggregate, how_many=1, *, at=AT, by=STAFF, org_id=None):
    with acting(STAFF):
        for number in range(how_many):
            event = audit.Event(
                "test.step", ("test", aggregate), org_id=org_id, data={"n": number, "é": None}
            )
            audit.record(event, by=by, now=at)


def seal():
    with acting(STAFF):
        return audit.seal()


def verify(**words):
    with acting(STAFF):
        return queries.verify(**words)


@pytest.mark.django_db(transaction=True)
def test_chains_and_seals_of_a_history_hold():
    one, other = uuid7(), uuid7()
    write(one, 3)
    write(other, 2, by=Actor(kind="person", user_id=uuid7()), org_id=uuid7())
    assert seal() == 5
    write(one, 1, at=AT + dt.timedelta(microseconds=120))
    assert [seal(), seal()] == [1, 0]
    assert verify() == queries.Proof(events=6, seals=2, fault=None)
    assert verify(aggregate_id=one).events == 4


@pytest.mark.django_db(transaction=True)
def test_events_are_bound_to_the_one_before():
    one = uuid7()
    write(one, 3)
    with acting(STAFF):
        events = list(AuditEvent.objects.filter(aggregate_id=one).order_by("number"))
    assert [event.number for event in events] == [1, 2, 3]
    assert [event.previous_hash for event in events] == ["", events[0].hash, events[1].hash]


@pytest.mark.django_db(transaction=True)
def test_several_events_of_one_call_follow_each_other():
    one, other = uuid7(), uuid7()
    with acting(STAFF):
        audit.record_all(
            [audit.Event("test.step", ("test", key)) for key in (one, other, one, one)],
            by=STAFF,
            now=AT,
        )
    assert verify(aggregate_id=one) == queries.Proof(events=3, seals=0, fault=None)


@pytest.mark.django_db(transaction=True)
def test_evidence_is_written_inside_a_transaction():
    with pytest.raises(RuntimeError, match="transaction of the change"):
        audit.record(audit.Event("test.step", ("test", uuid7())), by=STAFF, now=AT)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("what", ["UPDATE {} SET hash = ''", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_application_changes_no_evidence(table, what):
    write(uuid7())
    seal()
    with acting(STAFF):
        with (
            pytest.raises(DatabaseError) as refused,
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(what.format(table))
        assert isinstance(refused.value.__cause__, errors.InsufficientPrivilege)
        with pytest.raises(DatabaseError), transaction.atomic():
            AuditEvent.objects.create(
                aggregate_type="test", aggregate_id=uuid7(), number=1, type="forged", at=AT
            )


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("what", ["UPDATE {} SET hash = ''", "DELETE FROM {}", "TRUNCATE {}"])
def test_nor_does_the_owner_of_the_tables(transactional_db, table_owner, table, what):
    write(uuid7())
    seal()
    with pytest.raises(errors.RestrictViolation, match="never changed or removed"):
        table_owner.execute(what.format(table))
    assert verify() == queries.Proof(events=1, seals=1, fault=None)


TAMPERING = {
    "data": ("UPDATE audit_auditevent SET data = '{}' WHERE number = 2", "number 2 .* was changed"),
    "type": ("UPDATE audit_auditevent SET type = 'x' WHERE number = 2", "number 2 .* was changed"),
    "actor": (
        "UPDATE audit_auditevent SET actor_id = gen_random_uuid() WHERE number = 1",
        "number 1 .* was changed",
    ),
    "organization": (
        "UPDATE audit_auditevent SET org_id = gen_random_uuid() WHERE number = 1",
        "number 1 .* was changed",
    ),
    "time": (
        "UPDATE audit_auditevent SET at = at + interval '1 microsecond' WHERE number = 3",
        "number 3 .* was changed",
    ),
    "one removed": (
        "DELETE FROM audit_auditevent WHERE number = 2",
        "number 3 .* does not follow number 1",
    ),
    "hash": (
        "UPDATE audit_auditevent SET hash = repeat('0', 64) WHERE number = 1",
        "number 1 .* was changed",
    ),
    "rewritten, with a hash that fits": (
        "UPDATE audit_auditevent SET hash = '0', previous_hash = '0' WHERE number = 2",
        "number 2 .* is not bound to the event before it",
    ),
    "the end cut off": (
        "DELETE FROM audit_auditevent WHERE number = 4",
        r"Seal \d+ took 4 events, of which there are 3",
    ),
    "everything removed": (
        "DELETE FROM audit_auditevent",
        r"Seal \d+ took 4 events, of which there are 0",
    ),
    "a seal's hash": (
        "UPDATE audit_chainseal SET hash = repeat('0', 64)",
        r"Seal \d+ does not fit its events",
    ),
    "a seal removed": (
        "DELETE FROM audit_chainseal WHERE id = (SELECT min(id) FROM audit_chainseal)",
        r"Seal \d+ is not bound to the seal before it",
    ),
}


@pytest.mark.parametrize("what", TAMPERING)
def test_tampering_is_found(transactional_db, superuser, what):
    statement, sentence = TAMPERING[what]
    write(uuid7(), 4)
    seal()
    if what == "a seal removed":
        write(uuid7(), 1)
        seal()
    assert verify().fault is None
    superuser.execute("SET session_replication_role = replica")
    assert superuser.execute(statement).rowcount
    with pytest.raises(CommandError, match=sentence):
        call_command("check_audit", stdout=io.StringIO())


def test_the_command_says_how_much_holds(transactional_db):
    write(uuid7(), 2)
    seal()
    out = io.StringIO()
    call_command("check_audit", stdout=out)
    assert out.getvalue() == "The evidence holds: 2 events, 1 seals.\n"


def test_an_event_that_commits_late_is_sealed_by_the_next_seal(transactional_db, together):
    late = uuid7()
    begun, sealed = threading.Event(), threading.Event()

    def slow():
        with acting(STAFF):
            audit.record(audit.Event("test.late", ("test", late)), by=STAFF, now=AT)
            begun.set()
            assert sealed.wait(timeout=30)

    def quick():
        assert begun.wait(timeout=30)
        write(uuid7())
        taken = seal()
        sealed.set()
        return taken

    _, first = together(slow, quick)
    assert first + seal() == 2
    assert verify().fault is None
    with acting(STAFF):
        assert ChainSeal.objects.count() >= 1
