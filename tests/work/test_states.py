"""The tables of the work app: every pair that is not in them is refused."""

import itertools

import pytest

from apps.core.errors import IllegalTransition
from apps.projects.rules import Kind
from apps.work import enums
from apps.work.actions import decide
from apps.work.enums import (
    ASSIGNMENT_TRANSITIONS,
    ENROLMENT_TRANSITIONS,
    AssignmentState,
    EnrolmentState,
)
from apps.work.models import Assignment

PAIRS = list(itertools.product(AssignmentState, AssignmentState))
LEGAL = {
    ("claimed", "submitted"), ("claimed", "given_back"), ("claimed", "expired"),
    ("submitted", "claimed"), ("submitted", "accepted"), ("submitted", "rework"),
    ("submitted", "rejected"), ("rework", "submitted"), ("rejected", "overturned"),
    ("rejected", "final"),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after"), PAIRS, ids=str)
def test_the_table_alone_decides(before, after):
    row = Assignment(state=before, kind=Kind.WORK)
    if (before, after) in LEGAL:
        decide.move(row, after)
        assert row.state == after
        return
    with pytest.raises(IllegalTransition) as refusal:
        decide.move(row, after)
    assert refusal.value.status == 409
    assert row.state == before


def test_every_state_is_in_its_table():
    assert set(ASSIGNMENT_TRANSITIONS) == set(AssignmentState)
    assert set(ENROLMENT_TRANSITIONS) == set(EnrolmentState)


def test_what_was_paid_in_full_or_ended_moves_no_more():
    for state in ("accepted", "overturned", "final", "given_back", "expired"):
        assert ASSIGNMENT_TRANSITIONS[state] == frozenset()


def test_the_groups_of_states_cover_each_other():
    assert enums.PAID_AS_ACCEPTED <= enums.DECIDED
    assert enums.UNSUBMITTED <= enums.DECIDED
    assert not enums.UNSUBMITTED & enums.HOLDS_SLOT
    open_states = {"claimed", "submitted", "rework"}
    assert set(AssignmentState) == enums.DECIDED | open_states
    assert open_states <= enums.HOLDS_SLOT


@pytest.mark.parametrize("before", EnrolmentState)
@pytest.mark.parametrize("after", EnrolmentState)
def test_a_passed_qualification_is_never_lost(before, after):
    legal = {
        ("qualifying", "qualified"), ("qualifying", "failed"), ("failed", "qualifying"),
        # A known answer that was taken back may turn a failure into a pass.
        ("failed", "qualified"),
    }  # fmt: skip
    assert (after in ENROLMENT_TRANSITIONS[before]) == ((before, after) in legal)
