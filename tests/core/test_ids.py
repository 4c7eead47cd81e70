"""Ids sort by time and repeat only when they are derived."""

import time
import uuid

from hypothesis import given
from hypothesis import strategies as st

from apps.core.ids import derived, uuid7


def test_an_id_says_its_version_and_its_time(monkeypatch):
    monkeypatch.setattr(time, "time_ns", lambda: 1_772_442_000_123_456_789)
    made = uuid7()
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == 1_772_442_000_123


@given(st.lists(st.integers(0, 2**47), min_size=2, max_size=20, unique=True))
def test_ids_of_later_milliseconds_sort_later(moments):
    before = time.time_ns
    made = {}
    try:
        for moment in moments:
            time.time_ns = lambda moment=moment: moment * 1_000_000
            made[moment] = uuid7()
    finally:
        time.time_ns = before
    assert [made[moment] for moment in sorted(moments)] == sorted(made.values())


def test_ids_of_one_millisecond_differ(monkeypatch):
    monkeypatch.setattr(time, "time_ns", lambda: 10**18)
    assert len({uuid7() for _ in range(10_000)}) == 10_000


def test_a_derived_id_is_that_of_its_row_and_step():
    base = uuid7()
    assert derived(base, "pay", 1) == derived(base, "pay", 1)
    assert len({derived(base, "pay", 1), derived(base, "pay", 2), derived(uuid7(), "pay", 1)}) == 3
