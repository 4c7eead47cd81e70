"""Handing in: gates at once, a double click is one answer, undo for a minute."""

import pytest
from django.db import IntegrityError, transaction

from apps.core.errors import Conflict, Invalid
from apps.core.ids import uuid7
from apps.core.tenancy import acting
from apps.organizations.queries import actor_of
from apps.work import actions as work
from apps.work.models import Submission
from tests.work.conftest import STAFF


def test_an_answer_waits_for_review_and_holds_its_money(desk, carol):
    row = desk.begin(carol)
    desk.work_for(carol, row, 30)
    submission = desk.submit(carol, row)
    fresh = desk.fresh(row)
    assert (fresh.state, fresh.active_seconds) == ("submitted", 30)
    # The window opens when the minute of undo is over.
    assert (fresh.review_due_at - submission.undo_until).total_seconds() == 72 * 3600
    assert (submission.undo_until - desk.now).total_seconds() == 60
    desk.check_holds(row)


@pytest.mark.parametrize("answer", [{}, {"choice": "maybe"}, {"choice": 1}, [], {"choice": None}])
def test_a_refused_answer_loses_nothing(desk, carol, answer):
    row = desk.begin(carol)
    desk.draft(carol, row, {"choice": "no"})
    with acting(actor_of(carol)) as actor, pytest.raises(Invalid) as refusal:
        work.submit(assignment_id=row.id, answer=answer, by=actor, now=desk.now)
    assert refusal.value.field
    fresh = desk.fresh(row)
    assert (fresh.state, fresh.draft) == ("claimed", {"choice": "no"})


def test_the_same_answer_twice_is_one_submission(desk, carol):
    row = desk.begin(carol)
    first = desk.submit(carol, row)
    desk.later(seconds=2)
    assert desk.submit(carol, row).id == first.id
    with acting(STAFF):
        assert Submission.objects.filter(assignment=row).count() == 1
    assert desk.fresh(row).submitted_at == first.submitted_at


def test_another_answer_is_refused_until_the_first_is_undone(desk, carol):
    row = desk.begin(carol)
    first = desk.submit(carol, row, "yes")
    with pytest.raises(Conflict, match="undo it first") as refusal:
        desk.submit(carol, row, "no")
    assert refusal.value.status == 409
    desk.undo(carol, row)
    second = desk.submit(carol, row, "no")
    assert second.id != first.id
    assert desk.answer_of(row).answer == {"choice": "no"}


def test_the_draft_goes_with_the_answer_and_comes_back_with_undo(desk, carol):
    row = desk.begin(carol)
    desk.draft(carol, row, {"choice": "no"})
    desk.submit(carol, row, "yes")
    assert desk.fresh(row).draft is None
    desk.later(seconds=59)
    desk.undo(carol, row)
    fresh = desk.fresh(row)
    assert (fresh.state, fresh.draft) == ("claimed", {"choice": "yes"})
    assert (fresh.submitted_at, fresh.review_due_at) == (None, None)
    desk.check_holds(row)


def test_the_seconds_before_an_undo_are_not_work(desk, carol):
    row = desk.begin(carol)
    desk.later(seconds=20)
    desk.submit(carol, row)
    desk.later(seconds=50)
    desk.undo(carol, row)
    desk.later(seconds=5)
    desk.submit(carol, row, "no")
    assert desk.fresh(row).active_seconds == 25


@pytest.mark.parametrize("seconds", [60, 61, 3600])
def test_after_a_minute_nothing_is_undone(desk, carol, seconds):
    row = desk.begin(carol)
    desk.submit(carol, row)
    desk.later(seconds=seconds)
    with pytest.raises(Conflict, match="time for undoing is over"):
        desk.undo(carol, row)
    assert desk.state(row) == "submitted"


def test_nothing_to_undo(desk, carol):
    row = desk.begin(carol)
    with pytest.raises(Conflict, match="nothing to undo"):
        desk.undo(carol, row)


def test_undo_with_the_next_item_in_hand(desk, carol):
    first = desk.begin(carol)
    desk.submit(carol, first)
    desk.claim(carol)
    with pytest.raises(Conflict, match="give it back first"):
        desk.undo(carol, first)
    assert desk.state(first) == "submitted"
    assert desk.answer_of(first).undone_at is None


def test_an_undone_answer_is_one_of_history(desk, carol):
    row = desk.begin(carol)
    desk.submit(carol, row, "yes")
    desk.undo(carol, row)
    desk.submit(carol, row, "yes")
    with acting(STAFF):
        rows = list(Submission.objects.filter(assignment=row).order_by("id"))
    assert [row.undone_at is None for row in rows] == [False, True]


def test_postgresql_takes_one_answer_a_round(desk, carol):
    row = desk.begin(carol)
    submission = desk.submit(carol, row)
    submission.id = uuid7()
    with (
        acting(actor_of(carol)),
        pytest.raises(IntegrityError, match="once_per_round"),
        transaction.atomic(),
    ):
        submission.save(force_insert=True)


def test_a_reworked_answer_is_not_taken_back(desk, rob, carol):
    desk.enrol(carol)
    row = desk.hand_in(carol)
    desk.ask_rework(rob, row)
    desk.submit(carol, row, "no")
    with pytest.raises(Conflict, match="cannot be taken back"):
        desk.undo(carol, row)
    assert desk.state(row) == "submitted"
    assert desk.answer_of(row).undone_at is None


def test_what_is_given_back_cannot_be_handed_in(desk, carol):
    row = desk.begin(carol)
    desk.give_back(carol, row)
    with pytest.raises(Conflict):
        desk.submit(carol, row)
    assert desk.slots()[row.item_id] == 3
    assert desk.fresh(row).held == 0


def test_what_is_handed_in_cannot_be_given_back(desk, carol):
    row = desk.begin(carol)
    desk.submit(carol, row)
    with pytest.raises(Conflict, match="in hand"):
        desk.give_back(carol, row)
