"""Statements are closed one by one: kill -9 in the middle leaves those before, and the rest due."""

import datetime as dt

import pytest

from apps.core.tenancy import acting, system
from apps.exports import actions as exports
from apps.exports.actions import statements
from apps.exports.models import Statement
from tests.killed import kill_after, kill_in
from tests.work.conftest import STAFF

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.concurrency]
APRIL = dt.datetime(2026, 4, 1, 1, tzinfo=dt.UTC)


def closed():
    with acting(STAFF):
        return list(Statement.objects.order_by("user_id").values_list("user_id", "number"))


def test_issuing_goes_on_where_it_was_killed(desk, story, carol, dave):
    desk.at(APRIL)

    def issue():
        return exports.issue_statements(by=system(), now=APRIL)

    def dies_at_the_second():
        statements._close = kill_after(statements._close, calls=2)

    kill_in(issue, patch=dies_at_the_second)
    assert len(closed()) == 1
    assert issue() == 1
    assert closed() == sorted([(carol.id, 1), (dave.id, 1)])
    assert issue() == 0
