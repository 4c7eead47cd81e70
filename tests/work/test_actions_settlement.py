"""Settlement: the floor over all time, the bonus over all accepted work, and the way home."""

import datetime as dt

import pytest

from apps.core.tenancy import acting
from apps.organizations.queries import actor_of
from apps.projects.models import Project
from apps.work import actions as work
from apps.work.models import Assignment, Enrolment, Settlement
from tests.cases.money import held, payable, wallet
from tests.work.conftest import STAFF

DAY = dt.timedelta(days=1)
MONDAY = dt.datetime(2026, 3, 9, tzinfo=dt.UTC)


def standing(desk, user, lower, count=10):
    """What the scores say of a person on this project."""
    with acting(STAFF):
        Enrolment.objects.filter(project=desk.project, contributor=user).update(
            gold_count=count, gold_correct=count, gold_lower=lower
        )


def silence(desk, *rows):
    desk.at(max(desk.fresh(row).review_due_at for row in rows))
    desk.lapse(*rows)


def rows_of(desk):
    with acting(STAFF):
        return list(Assignment.objects.filter(project=desk.project))


def test_slow_work_reaches_the_floor(desk, carol):
    desk.enrol(carol)
    row = desk.hand_in(carol, seconds=600)
    silence(desk, row)
    desk.at(MONDAY)
    assert desk.settle() == 1
    # Ten minutes of 12.00 an hour.
    assert desk.settled(carol) == [("top_up", 160, 0)]
    assert payable(carol.id) == 200
    # The bonus stays held: more gold may come.
    assert desk.fresh(row).held_extra == 8
    desk.check_holds(row)
    desk.prove()


def test_fast_work_needs_no_top_up(desk, carol):
    desk.enrol(carol)
    row = desk.hand_in(carol, seconds=30)
    silence(desk, row)
    desk.settle()
    assert desk.settled(carol) == []
    desk.check_holds(row)


def test_fast_and_slow_work_count_together(desk, carol):
    """The floor is one of a person and project: 40 for 30 s covers part of what 600 s need."""
    desk.enrol(carol)
    rows = [desk.hand_in(carol, seconds=600), desk.hand_in(carol, seconds=30)]
    silence(desk, *rows)
    desk.settle()
    assert desk.settled(carol) == [("top_up", 630 * 1200 // 3600 - 80, 0)]


def test_no_more_than_the_cap_is_paid(desk, carol):
    desk.enrol(carol)
    row = desk.hand_in(carol, seconds=3000)
    assert desk.fresh(row).paid_seconds == 720
    silence(desk, row)
    desk.settle()
    assert payable(carol.id) == 240
    desk.check_holds(row)


def test_rejected_time_has_the_same_floor(desk, carol, rob):
    desk.enrol(carol)
    row = desk.hand_in(carol, seconds=600)
    desk.reject(rob, row)
    desk.settle()
    assert desk.settled(carol) == [("top_up", 180, 0)]
    assert payable(carol.id) == 200
    desk.check_holds(row)
    # Overturned after it was topped up, the rest is still paid, and nothing is taken back.
    with acting(STAFF):
        Assignment.objects.filter(id=row.id).update(held_until=desk.now + DAY)
        Assignment.objects.filter(id=row.id).update(next_due_at=desk.now + DAY)
    desk.later(days=1)
    desk.lapse(row)
    assert payable(carol.id) == 220
    desk.check_holds(row)
    desk.prove()


def test_what_is_still_open_is_not_settled(desk, carol):
    desk.enrol(carol)
    row = desk.hand_in(carol, seconds=600)
    assert desk.settle() == 0
    assert payable(carol.id) == 0
    desk.check_holds(row)


@pytest.mark.parametrize(("lower", "count", "bonus"), [
    ("0.8000", 8, 8), ("0.7999", 8, 0), ("0.9900", 7, 0), (None, 8, 0),
])  # fmt: skip
def test_the_bonus_needs_eight_gold_answers_and_the_bar(desk, carol, lower, count, bonus):
    desk.enrol(carol)
    row = desk.hand_in(carol)
    silence(desk, row)
    standing(desk, carol, lower, count)
    desk.settle()
    expected = [("quality_bonus", 8, 1)] if bonus else []
    assert desk.settled(carol) == expected
    assert payable(carol.id) == 40 + bonus
    with acting(STAFF):
        facts = Settlement.objects.get().facts
    rests_on = {"gold_count": count, "gold_lower": lower, "accepted_base": 40}
    assert facts == {**rests_on, "run": None}


def test_a_bonus_is_cumulative_and_never_taken_back(desk, carol):
    desk.enrol(carol)
    first = desk.hand_in(carol)
    silence(desk, first)
    desk.at(MONDAY)
    desk.settle()
    assert desk.settled(carol) == []
    second = desk.hand_in(carol)
    silence(desk, second)
    standing(desk, carol, "0.9000")
    desk.at(MONDAY + 7 * DAY)
    desk.settle()
    # The first week's work earns it, too, now that there is enough gold.
    assert desk.settled(carol) == [("quality_bonus", 16, 2)]
    third = desk.hand_in(carol)
    silence(desk, third)
    standing(desk, carol, "0.1000")
    desk.at(MONDAY + 14 * DAY)
    desk.settle()
    assert payable(carol.id) == 3 * 40 + 16
    desk.prove()


def test_settling_the_same_monday_twice_pays_once(desk, carol):
    desk.enrol(carol)
    row = desk.hand_in(carol, seconds=600)
    silence(desk, row)
    desk.at(MONDAY)
    assert [desk.settle(), desk.settle()] == [1, 0]
    desk.later(minutes=1)
    desk.settle()
    assert payable(carol.id) == 200


def test_people_are_settled_one_by_one(desk, carol, dave):
    rows = []
    for user, seconds in ((carol, 600), (dave, 300)):
        desk.enrol(user)
        rows.append(desk.hand_in(user, seconds=seconds))
    silence(desk, *rows)
    assert desk.settle() == 2
    assert (payable(carol.id), payable(dave.id)) == (200, 100)


# ── Closing ─────────────────────────────────────────────────────────────────────────────────────


def state(desk):
    with acting(STAFF):
        return Project.objects.get(id=desk.project.id).state


def test_closing_waits_for_the_last_window(desk, alice, rob, carol):
    desk.enrol(carol)
    rejected = desk.hand_in(carol)
    desk.reject(rob, rejected)
    waiting = desk.hand_in(carol)
    desk.begin_close(alice)
    assert desk.close() is False
    silence(desk, waiting)
    assert desk.close() is False
    desk.later(days=15)
    desk.lapse(rejected)
    assert desk.close() is True
    assert state(desk) == "closed"


def test_closing_gives_back_everything_that_was_not_earned(desk, acme, alice, carol, rob):
    desk.enrol(carol)
    accepted = desk.hand_in(carol, seconds=600)
    rejected = desk.hand_in(carol)
    desk.reject(rob, rejected)
    given = desk.claim(carol)
    desk.give_back(carol, given)
    desk.begin_close(alice)
    desk.later(days=20)
    desk.lapse(accepted, rejected)
    assert desk.close()
    assert held(acme.id, desk.project.id) == (0, 0)
    assert all(row.held == 0 for row in rows_of(desk))
    # 630 seconds of the floor; fees of one acceptance and one rejection of 6 each.
    assert payable(carol.id) == 210
    assert wallet(acme.id) == desk.put_in() - 210 - 12
    desk.prove()
    assert desk.close() is False


def test_closing_after_a_bonus_holds_back_no_fee(desk, acme, alice, carol):
    """The reserve for the bonus' fee is rounded up, the fee half-even: the rest goes home, too."""
    desk.enrol(carol)
    row = desk.hand_in(carol)
    silence(desk, row)
    standing(desk, carol, "0.9000")
    desk.at(MONDAY)
    desk.settle()
    fresh = desk.fresh(row)
    assert fresh.held_extra == 0 and payable(carol.id) == 48
    desk.begin_close(alice)
    desk.later(days=1)
    assert desk.close()
    assert held(acme.id, desk.project.id) == (0, 0)
    assert wallet(acme.id) == desk.put_in() - 48 - 7
    assert desk.fresh(row).held == desk.open_pending(row) == 0
    desk.prove()


def test_a_project_nobody_worked_on_closes_at_once(desk, acme, alice):
    desk.begin_close(alice)
    assert desk.close()
    assert wallet(acme.id) == desk.put_in()
    assert state(desk) == "closed"


def test_closing_in_the_moment_of_a_settlement(desk, acme, alice, carol):
    desk.enrol(carol)
    row = desk.hand_in(carol, seconds=600)
    silence(desk, row)
    desk.begin_close(alice)
    desk.at(MONDAY)
    desk.settle()
    assert desk.close()
    assert held(acme.id, desk.project.id) == (0, 0)
    assert payable(carol.id) == 200
    desk.prove()


def test_an_open_claim_is_finished_while_the_project_closes(desk, alice, carol):
    row = desk.begin(carol)
    desk.begin_close(alice)
    desk.submit(carol, row)
    silence(desk, row)
    assert desk.close()
    assert payable(carol.id) == 40


def test_only_the_marketplace_settles_for_the_last_time(desk, alice, carol):
    desk.enrol(carol)
    row = desk.hand_in(carol)
    silence(desk, row)
    with acting(actor_of(alice)) as actor:
        assert work.close_when_done(project_id=desk.project.id, by=actor, now=desk.now) is False
    assert state(desk) == "live"
