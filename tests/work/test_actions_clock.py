"""The clock is the server's: whole seconds, idle time apart, a cap, and a hold that ends."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.errors import Conflict, Invalid
from apps.core.tenancy import acting
from apps.projects.models import Item
from apps.work.actions.clock import tick
from apps.work.models import Assignment
from tests.work.conftest import STAFF

START = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def test_heartbeats_with_input_are_active_time(desk, carol):
    row = desk.begin(carol)
    for _ in range(4):
        desk.later(seconds=15)
        clock = desk.beat(carol, row)
    assert (clock.active_seconds, clock.idle_seconds) == (60, 0)


def test_after_a_minute_without_input_time_is_idle(desk, carol):
    row = desk.begin(carol)
    for _ in range(8):
        desk.later(seconds=15)
        clock = desk.beat(carol, row, had_input=False)
    assert (clock.active_seconds, clock.idle_seconds) == (60, 60)
    desk.later(seconds=15)
    clock = desk.beat(carol, row)
    assert (clock.active_seconds, clock.idle_seconds) == (75, 60)


def test_a_closed_browser_has_not_been_working(desk, carol):
    row = desk.begin(carol)
    desk.later(minutes=10)
    clock = desk.beat(carol, row)
    assert (clock.active_seconds, clock.idle_seconds) == (60, 540)


def test_parts_of_seconds_are_carried_to_the_next_heartbeat(desk, carol):
    row = desk.begin(carol)
    for _ in range(10):
        desk.later(milliseconds=1_900)
        clock = desk.beat(carol, row)
    assert clock.active_seconds == 19


@given(st.lists(st.tuples(st.integers(0, 200_000), st.booleans()), max_size=30))
def test_no_second_is_lost_and_none_counted_twice(beats):
    row = Assignment(last_beat_at=START, last_input_at=START, cap_seconds=120)
    now = START
    for milliseconds, had_input in beats:
        now += dt.timedelta(milliseconds=milliseconds)
        tick(row, now=now, had_input=had_input)
    counted = row.active_seconds + row.idle_seconds
    assert counted == int((now - START).total_seconds())
    assert dt.timedelta() <= now - row.last_beat_at < dt.timedelta(seconds=1)


def test_a_clock_that_goes_backwards_changes_nothing(desk, carol):
    row = desk.begin(carol)
    desk.later(seconds=-30)
    assert desk.beat(carol, row).active_seconds == 0


def test_the_cap_is_said_and_paid_time_ends_there(desk, carol):
    desk.enrol(carol)
    desk.hand_in(carol)
    row = desk.claim(carol)
    desk.work_for(carol, row, 135)
    clock = desk.beat(carol, row)
    assert (clock.active_seconds, clock.cap_seconds, clock.is_capped) == (135, 120, True)
    assert desk.fresh(row).paid_seconds == 120


def test_time_on_the_instructions_is_part_of_the_active_time(desk, carol):
    row = desk.begin(carol)
    desk.later(seconds=20)
    desk.beat(carol, row, on_instructions=True)
    desk.later(seconds=10)
    desk.beat(carol, row)
    fresh = desk.fresh(row)
    assert (fresh.active_seconds, fresh.instruction_seconds) == (30, 20)


def test_a_draft_survives_and_is_input(desk, carol):
    row = desk.begin(carol)
    desk.later(seconds=50)
    desk.draft(carol, row, {"choice": "no"})
    desk.later(minutes=20)
    assert desk.claim(carol).draft == {"choice": "no"}
    assert desk.fresh(row).active_seconds == 50


@pytest.mark.parametrize(
    ("minutes", "state"), [(29.99, "claimed"), (30, "expired"), (90, "expired")]
)
def test_a_hold_ends_after_thirty_minutes_without_a_heartbeat(desk, carol, minutes, state):
    row = desk.begin(carol)
    desk.later(seconds=30)
    desk.beat(carol, row)
    desk.later(minutes=minutes)
    desk.lapse(row)
    fresh = desk.fresh(row)
    assert fresh.state == state
    if state == "expired":
        # The hold ended when it ended, however late the sweep came; the time still counts.
        assert fresh.ended_at == row.claimed_at + dt.timedelta(minutes=30, seconds=30)
        assert fresh.paid_seconds == 30
        assert desk.slots()[row.item_id] == 3
    desk.check_holds(row)


def test_a_hold_ends_after_a_day_however_busy(desk, carol):
    row = desk.begin(carol)
    for _ in range(24 * 3 - 1):
        desk.later(minutes=20)
        desk.beat(carol, row)
        desk.lapse(row)
    assert desk.state(row) == "claimed"
    desk.later(minutes=20)
    desk.lapse(row)
    fresh = desk.fresh(row)
    assert (fresh.state, fresh.ended_at) == ("expired", row.claimed_at + 24 * HOUR)


def test_work_that_comes_after_the_hold_is_refused_with_a_sentence(desk, carol):
    row = desk.begin(carol)
    desk.later(minutes=30)
    for act in (desk.beat, desk.submit, desk.give_back):
        with pytest.raises(Conflict):
            act(carol, row)
    with pytest.raises(Conflict, match="hold on this item ran out"):
        desk.submit(carol, row)


def test_three_unsubmitted_items_a_day_are_paid(desk, carol):
    desk.enrol(carol)
    rows = []
    for number in range(5):
        row = desk.claim(carol)
        desk.work_for(carol, row, 30)
        # By giving back and by letting it run out: both are counted.
        if number % 2:
            desk.give_back(carol, row)
        else:
            desk.later(minutes=30)
            desk.lapse(row)
        rows.append(desk.fresh(row))
    assert [row.is_time_counted for row in rows] == [True, True, True, False, False]
    assert [row.paid_seconds for row in rows] == [30, 30, 30, 0, 0]
    desk.check_holds(*rows)
    desk.settle()
    # 90 seconds of 12.00 an hour.
    assert desk.settled(carol) == [("top_up", 30, 0)]
    desk.at(desk.now.replace(hour=0, minute=0) + dt.timedelta(days=1))
    row = desk.claim(carol)
    desk.later(seconds=10)
    assert desk.give_back(carol, row).is_time_counted


def test_an_item_that_was_only_looked_at_uses_up_none_of_the_three(desk, carol):
    desk.enrol(carol)
    for _ in range(4):
        desk.give_back(carol, desk.claim(carol))
    row = desk.claim(carol)
    desk.later(seconds=20)
    assert desk.give_back(carol, row).paid_seconds == 20


def test_a_broken_item_needs_a_word_and_is_counted(desk, carol):
    row = desk.begin(carol)
    with pytest.raises(Invalid) as refusal:
        desk.give_back(carol, row, "broken", " ")
    assert refusal.value.field == "note"
    desk.give_back(carol, row, "broken", "The text is empty.")
    with acting(STAFF):
        assert Item.objects.get(id=row.item_id).broken_reports == 1
    assert desk.slots()[row.item_id] == 3
