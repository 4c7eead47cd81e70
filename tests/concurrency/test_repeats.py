"""Repeats while others claim: one in hand a person, one more an item, and no slot lost."""

import datetime as dt
import functools
from collections import Counter

import pytest

from apps.core.tenancy import acting
from apps.projects.models import Item
from apps.work.errors import NothingToDo
from apps.work.models import Assignment, Enrolment
from tests.concurrency.test_claim import ALL_NEW, STAFF, claim, crowd, enrol, prove, submit

__all__ = ["crowd"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.concurrency]
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def made(project, acme):
    """A project that gives a repeat wherever it can: one other answer lies between."""
    return project(
        acme, how_many=8, gold=0, overlap=4, limits=ALL_NEW, gold_percent=0, qualification=0,
        repeat_percent=100, repeat_between=1,
    )  # fmt: skip


def accept_all(made) -> None:
    with acting(STAFF):
        rows = Assignment.objects.filter(project=made, state="submitted")
        for row in rows:
            row.state, row.next_due_at = "accepted", None
            row.save(update_fields=["state", "next_due_at"])


def test_two_claims_at_once_give_one_repeat(made, crowd, now, together):
    (person,) = crowd(1)
    enrol(made.id, person, now)
    for number in range(3):
        row = claim(made.id, person, now + number * MINUTE)
        submit(row, person, now + number * MINUTE)
    accept_all(made)
    at = now + 10 * MINUTE
    found = together(*[functools.partial(claim, made.id, person, at) for _ in range(4)])
    assert all(isinstance(row, Assignment) for row in found), found
    assert len({row.id for row in found}) == 1 and found[0].kind == "repeat"
    with acting(STAFF):
        assert Enrolment.objects.get(contributor_id=person.user_id).claims == 4
        assert Assignment.objects.filter(project=made).count() == 4
    prove()


def test_a_crowd_that_meets_repeats_fills_every_slot_once(made, crowd, now, together):
    people = crowd(6)
    for person in people:
        enrol(made.id, person, now)

    def work_through(person) -> list[str]:
        kinds = []
        for number in range(20):
            at = now + number * MINUTE
            try:
                row = claim(made.id, person, at)
            except NothingToDo:
                break
            submit(row, person, at)
            kinds.append(row.kind)
            with acting(STAFF):
                Assignment.objects.filter(id=row.id).update(state="accepted", next_due_at=None)
        return kinds

    kinds = together(*[functools.partial(work_through, person) for person in people])
    assert all(isinstance(each, list) for each in kinds), kinds
    kinds += [work_through(person) for person in people]
    counts = Counter(kind for each in kinds for kind in each)
    assert counts["work"] == 32 and counts["repeat"] > 10
    with acting(STAFF):
        rows = Assignment.objects.filter(project=made).values_list(
            "kind", "item_id", "contributor_id"
        )
        assert len(set(rows)) == len(rows)
        works = Counter(item for kind, item, _ in rows if kind == "work")
        assert set(works.values()) == {4} and len(works) == 8
        assert set(
            Item.objects.filter(project=made, purpose="work").values_list("open_slots", flat=True)
        ) == {0}
    prove()
