"""Settlements are committed in parts: kill -9 in the middle loses nothing, pays nothing twice."""

import datetime as dt

import pytest

from apps.core.tenancy import acting
from apps.projects.models import Project
from apps.work import actions as work
from apps.work.actions import settlement
from apps.work.models import Settlement
from apps.work.tasks import settle_project
from tests.cases.money import held, payable
from tests.killed import kill_after, kill_in
from tests.work.conftest import STAFF

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.concurrency]
MONDAY = dt.datetime(2026, 3, 9, tzinfo=dt.UTC)


def dies_at(person: int):
    def patch():
        settlement._settle_person = kill_after(settlement._settle_person, calls=person)

    return patch


@pytest.fixture
def two(desk, carol, dave):
    """Two people whose work is decided and has a top-up coming, in the order of their ids."""
    rows = []
    for user, seconds in ((carol, 600), (dave, 300)):
        desk.enrol(user)
        rows.append(desk.hand_in(user, seconds=seconds))
    desk.at(max(desk.fresh(row).review_due_at for row in rows))
    desk.lapse(*rows)
    return sorted((carol, dave), key=lambda user: user.id)


def settled():
    with acting(STAFF):
        rows = Settlement.objects.order_by("contributor_id")
        return list(rows.values_list("contributor_id", flat=True))


def test_what_was_committed_stays_and_a_second_run_goes_on(desk, two, carol, dave):
    def run(most):
        return settle_project(desk.project.id, desk.project.org_id, now=MONDAY, most=most)

    kill_in(lambda: run(1), patch=dies_at(2))
    first, second = (user.id for user in two)
    assert settled() == [first]
    desk.prove()
    assert run(1) == 1
    assert settled() == [first, second]
    assert (payable(carol.id), payable(dave.id)) == (200, 100)
    # The same Monday again, as a message that comes twice.
    assert run(100) == 0
    assert (payable(carol.id), payable(dave.id)) == (200, 100)
    desk.prove()


def test_nobody_of_a_part_is_settled_when_it_is_killed(desk, two):
    kill_in(
        lambda: settle_project(desk.project.id, desk.project.org_id, now=MONDAY, most=100),
        patch=dies_at(2),
    )
    assert settled() == []
    desk.prove()
    assert settle_project(desk.project.id, desk.project.org_id, now=MONDAY, most=100) == 2


def test_closing_goes_on_where_it_was_killed(desk, two, acme, carol, dave, alice):
    desk.begin_close(alice)

    def close():
        return desk.as_system(work.close_when_done, project_id=desk.project.id, most=1)

    kill_in(close, patch=dies_at(1))
    assert settled() == []
    assert close() is False
    assert len(settled()) == 1
    kill_in(close, patch=dies_at(1))
    assert len(settled()) == 1
    for _ in range(3):
        if close():
            break
    with acting(STAFF):
        assert Project.objects.get(id=desk.project.id).state == "closed"
        assert Settlement.objects.filter(is_last=True).count() == 2
    assert (payable(carol.id), payable(dave.id)) == (200, 100)
    assert held(acme.id, desk.project.id) == (0, 0)
    desk.prove()
