"""The deadline decides, not the sweep: silence accepts, ends rework, lets stand, and overturns."""

import datetime as dt

import pytest

from apps.cases import actions as cases
from apps.core.errors import Conflict, NotAllowed
from apps.core.tenancy import acting
from apps.organizations.queries import actor_of
from apps.work import actions as work
from apps.work.actions import decide
from apps.work.errors import TooLate
from apps.work.tasks import sweep_all
from tests.cases.money import held, payable
from tests.work.conftest import STAFF

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
REASON = "The sentence asks for nothing: it is a quotation, as the rubric's own example says."


@pytest.fixture
def row(desk, carol):
    desk.enrol(carol)
    return desk.hand_in(carol)


@pytest.mark.parametrize("late", [0, 1, 3 * 86_400, 40 * 86_400])
def test_silence_accepts_at_the_deadline_however_late_the_sweep_comes(desk, row, carol, late):
    due = row.review_due_at
    desk.at(due + dt.timedelta(seconds=late))
    desk.lapse(row)
    fresh = desk.fresh(row)
    assert (fresh.state, fresh.ended_at) == ("accepted", due)
    (verdict,) = desk.verdicts(row)
    assert (verdict.decider, verdict.decided_by_id, verdict.decided_at) == ("silence", None, due)
    assert payable(carol.id) == 40
    desk.check_holds(row)


def test_before_the_deadline_silence_decides_nothing(desk, row):
    desk.at(row.review_due_at - dt.timedelta(seconds=1))
    assert desk.lapse(row) == 0
    assert desk.state(row) == "submitted"


def test_the_sweep_finds_what_is_due_in_every_organization(desk, row, carol):
    desk.at(row.review_due_at)
    assert sweep_all(now=desk.now) >= 1
    assert desk.state(row) == "accepted"
    assert sweep_all(now=desk.now) == 0


def test_only_the_marketplace_keeps_deadlines(desk, row, alice):
    desk.at(row.review_due_at)
    with acting(actor_of(alice)) as actor, pytest.raises(NotAllowed):
        work.lapse(assignment_ids=[row.id], by=actor, now=desk.now)


def test_rework_that_nobody_hands_in_ends_with_the_first_answer(desk, row, rob, carol):
    before = row.held
    desk.ask_rework(rob, row)
    due = desk.fresh(row).rework_due_at
    assert due == desk.now + 72 * HOUR
    desk.at(due + 2 * HOUR)
    desk.lapse(row)
    fresh = desk.fresh(row)
    # A new window of 72 hours that began when the rework's ended, not when the sweep came.
    assert (fresh.state, fresh.rounds, fresh.review_due_at) == ("submitted", 1, due + 72 * HOUR)
    assert (fresh.held, fresh.cap_seconds) == (before, row.cap_seconds)
    desk.check_holds(row)
    desk.at(fresh.review_due_at)
    desk.lapse(row)
    assert desk.lines(row) == [("base", 40, 6)]


def test_a_sweep_that_comes_weeks_late_ends_rework_and_window_at_once(desk, row, rob):
    desk.ask_rework(rob, row)
    due = desk.fresh(row).rework_due_at
    desk.at(due + 30 * DAY)
    desk.lapse(row)
    fresh = desk.fresh(row)
    assert (fresh.state, fresh.ended_at) == ("accepted", due + 72 * HOUR)
    desk.check_holds(row)


def test_a_second_round_after_the_deadline_is_refused(desk, row, rob, carol):
    desk.ask_rework(rob, row)
    desk.at(desk.fresh(row).rework_due_at)
    with pytest.raises(Conflict):
        desk.submit(carol, row, "no")


def test_the_first_answer_can_be_rejected_after_a_lapsed_rework(desk, row, rob):
    desk.ask_rework(rob, row)
    desk.at(desk.fresh(row).rework_due_at + HOUR)
    desk.lapse(row)
    desk.reject(rob, row)
    assert desk.lines(row) == [("kill_fee", 20, 6)]
    desk.check_holds(row)


def test_an_uncontested_rejection_becomes_final_and_the_difference_goes_back(desk, row, rob, carol):
    desk.reject(rob, row)
    before = held(desk.project.org_id, desk.project.id)
    due = desk.fresh(row).appeal_due_at
    desk.at(due)
    desk.lapse(row)
    fresh = desk.fresh(row)
    assert fresh.state == "final" and fresh.held == 0
    assert payable(carol.id) == 20
    after = held(desk.project.org_id, desk.project.id)
    assert after[0] == before[0] == 500_00 - 26
    assert after[1] == before[1] - (20 + 2 + 8)
    desk.check_holds(row)
    desk.prove()


def appeal(desk, user, row):
    with acting(actor_of(user)) as actor:
        return cases.appeal(assignment_id=row.id, reason=REASON, by=actor, now=desk.now)


@pytest.mark.parametrize("late", [0, 9 * 86_400])
def test_silence_on_an_appeal_finds_for_the_contributor(desk, row, rob, carol, late):
    desk.reject(rob, row)
    desk.later(days=13)
    case = appeal(desk, carol, row)
    desk.later(days=2)
    # The time for appeals is over, but this one is open.
    desk.lapse(row)
    assert desk.state(row) == "rejected"
    desk.at(case.due_at + dt.timedelta(seconds=late))
    desk.lapse(row)
    assert desk.state(row) == "overturned"
    assert payable(carol.id) == 40
    last = desk.verdicts(row)[-1]
    assert (last.outcome, last.decider, last.decided_at) == ("overturned", "silence", case.due_at)
    assert desk.lines(row) == [("adjustment", 20, 0), ("kill_fee", 20, 6)]
    desk.check_holds(row)
    desk.prove()


def test_upholding_after_the_deadline_is_too_late(desk, row, rob, carol, ada):
    desk.reject(rob, row)
    case = appeal(desk, carol, row)
    desk.at(case.due_at)
    with acting(actor_of(ada)) as actor, pytest.raises(TooLate):
        work.uphold(assignment_id=row.id, by=actor, now=desk.now)


def test_an_upheld_rejection_is_final(desk, row, rob, carol, ada):
    desk.reject(rob, row)
    appeal(desk, carol, row)
    with acting(actor_of(ada)) as actor:
        work.uphold(assignment_id=row.id, by=actor, now=desk.now)
    assert desk.state(row) == "final"
    assert payable(carol.id) == 20
    desk.check_holds(row)


def test_an_overturned_rejection_is_paid_once(desk, row, rob, carol, ada):
    desk.reject(rob, row)
    appeal(desk, carol, row)
    with acting(actor_of(ada)) as actor:
        first = work.overturn(assignment_id=row.id, by=actor, now=desk.now)
        again = work.overturn(assignment_id=row.id, by=actor, now=desk.now)
    assert first == again
    assert payable(carol.id) == 40
    desk.check_holds(row)


@pytest.mark.parametrize("name", ["alice", "rob", "carol"])
def test_only_staff_decides_over_a_rejection(desk, row, rob, carol, name, request):
    desk.reject(rob, row)
    with acting(actor_of(request.getfixturevalue(name))) as actor:
        for act in (work.overturn, work.uphold):
            with pytest.raises(NotAllowed):
                act(assignment_id=row.id, by=actor, now=desk.now)
    assert desk.state(row) == "rejected"


def test_a_batch_is_decided_row_by_row(desk, rob, carol, dave):
    """One sweep over everything that can be due at once; each at its own deadline."""
    for user in (carol, dave):
        desk.enrol(user)
    rejected = desk.hand_in(carol)
    desk.reject(rob, rejected)
    reworked = desk.hand_in(carol)
    desk.ask_rework(rob, reworked)
    silent = desk.hand_in(dave)
    claimed = desk.claim(carol)
    rows = [rejected, reworked, silent, claimed]
    desk.later(days=60)
    desk.lapse(*rows)
    assert [desk.state(row) for row in rows] == ["final", "accepted", "accepted", "expired"]
    ends = [desk.fresh(row).ended_at for row in rows]
    assert all(end < desk.now - 10 * DAY for end in ends)
    desk.check_holds(*rows)
    desk.prove()


def test_the_latest_round_counts(desk, row, rob, carol):
    desk.ask_rework(rob, row)
    desk.submit(carol, row, "no")
    with acting(STAFF):
        assert decide.latest_submissions([row])[row.id].answer == {"choice": "no"}
