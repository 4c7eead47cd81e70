"""How templates write money, time and states."""

import datetime as dt

import pytest

from apps.core.templatetags import wagefile
from apps.work.enums import AssignmentState

NOW = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (125, "2 min 5 s"),
        (3600, "1 h"),
        (12_000, "3 h 20 min"),
        (None, "—"),
    ],
)
def test_minutes(seconds, written):
    assert wagefile.minutes(seconds) == written


@pytest.mark.parametrize(
    ("away", "written"),
    [
        (dt.timedelta(days=2, hours=3, minutes=59), "in 2 days 3 h"),
        (dt.timedelta(days=1), "in 1 day"),
        (dt.timedelta(seconds=30), "in 30 s"),
        (dt.timedelta(milliseconds=300), "now"),
        (-dt.timedelta(minutes=5), "5 min ago"),
        (-dt.timedelta(days=3, hours=1), "3 days 1 h ago"),
    ],
)
def test_remaining(away, written):
    assert wagefile.remaining(NOW + away, NOW) == written


def test_money_is_written_once_for_all_and_nothing_is_a_dash():
    assert wagefile.money(123_450, "USD") == "$1,234.50"
    assert wagefile.money(None, "USD") == "—"


def test_a_state_is_said_in_words():
    badge = wagefile.state_badge(AssignmentState.GIVEN_BACK)
    assert "Given back" in badge
    assert 'class="badge badge-plain"' in badge
    assert "badge-bad" in wagefile.state_badge("rejected")


def test_a_state_is_escaped():
    assert "<script>" not in wagefile.state_badge("<script>")


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0%"), (0.001, "1%"), (0.649, "65%"), (0.9999, "99%"), (1, "100%")],
)
def test_a_share_is_whole_only_when_it_is(share, text):
    assert wagefile.percent(share) == text
