"""Two writers at one chain: one waits or fails, the chain never forks."""

import datetime as dt
import functools

import pytest

from apps.audit import actions as audit
from apps.audit import queries
from apps.audit.models import AuditEvent, ChainSeal
from apps.core.ids import uuid7
from apps.core.tenancy import acting
from tests.ledger.conftest import STAFF

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.concurrency]

AT = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)


def write(aggregate, how_many):
    """Events one by one; how many were written, the others collided."""
    written = 0
    for number in range(how_many):
        try:
            with acting(STAFF):
                audit.record(
                    audit.Event("test.step", ("test", aggregate), data={"n": number}),
                    by=STAFF,
                    now=AT,
                )
            written += 1
        except Exception as error:  # noqa: BLE001 -- only a collision is expected
            assert "audit_event_one_per_number" in str(error)  # noqa: PT017
    return written


def test_one_chain_never_forks(together):
    aggregate = uuid7()
    results = together(*[functools.partial(write, aggregate, 20)] * 3)
    assert all(isinstance(result, int) for result in results), results
    with acting(STAFF):
        numbers = list(
            AuditEvent.objects.filter(aggregate_id=aggregate)
            .order_by("number")
            .values_list("number", flat=True)
        )
        assert numbers == list(range(1, sum(results) + 1))
        assert queries.verify(aggregate_id=aggregate).fault is None


def test_chains_of_different_aggregates_do_not_wait_for_each_other(together):
    one, other = uuid7(), uuid7()
    with acting(STAFF):
        audit.record(audit.Event("test.step", ("test", one)), by=STAFF, now=AT)
        # It is written with the next statement, and not yet committed.
        assert AuditEvent.objects.filter(aggregate_id=one).exists()
        assert together(functools.partial(write, other, 1)) == [1]


def test_two_sealers_make_one_global_chain(together):
    for _ in range(3):
        write(uuid7(), 5)

    def seal():
        with acting(STAFF):
            return audit.seal()

    results = together(*[seal] * 4)
    assert sorted(results) == [0, 0, 0, 15]
    with acting(STAFF):
        assert ChainSeal.objects.count() == 1
        assert queries.verify().fault is None
