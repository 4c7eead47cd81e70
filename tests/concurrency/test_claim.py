"""Many contributors at one project at once: every slot is given exactly once."""

import datetime as dt
import functools
import random
import uuid
from collections import Counter

import pytest

from apps.core.errors import Conflict
from apps.core.tenancy import Actor, acting
from apps.ledger import queries as ledger
from apps.ledger.enums import Purpose
from apps.ledger.queries import find_account
from apps.organizations.queries import actor_of
from apps.projects.models import Item
from apps.work import actions as work
from apps.work.errors import NothingToDo
from apps.work.models import Assignment, Enrolment
from tests.factories import accounts
from tests.factories.projects import answer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.concurrency]
STAFF = Actor(kind="staff")
ALL_NEW = {"newcomer_share_percent": 100}


@pytest.fixture
def crowd(transactional_db, now):
    """`crowd(n)`: the actors of n new contributors."""

    def make(how_many: int) -> list[Actor]:
        users = [accounts.contributor(f"crowd{number}", now=now) for number in range(how_many)]
        return [Actor(kind="person", user_id=user.id) for user in users]

    return make


def enrol(project_id: uuid.UUID, person: Actor, now, tier: str = "general"):
    with acting(person):
        return work.enrol(project_id=project_id, tier=tier, has_consented=True, by=person, now=now)


def claim(project_id: uuid.UUID, person: Actor, now):
    with acting(person):
        return work.claim(project_id=project_id, by=person, now=now)


def submit(row: Assignment, person: Actor, now):
    with acting(person):
        return work.submit(assignment_id=row.id, answer=answer("yes"), by=person, now=now)


def prove() -> None:
    with acting(STAFF):
        assert ledger.prove().fault is None


@pytest.mark.parametrize("gold_percent", [0, 30])
def test_every_slot_is_given_exactly_once(project, acme, crowd, now, together, gold_percent):
    made = project(
        acme, how_many=10, gold=3 if gold_percent else 0, overlap=3, limits=ALL_NEW,
        gold_percent=gold_percent, qualification=0,
    )  # fmt: skip
    people = crowd(20)
    for person in people:
        enrol(made.id, person, now)

    def until_nothing_is_left(person: Actor) -> int:
        for taken in range(11):
            try:
                row = claim(made.id, person, now)
            except NothingToDo:
                return taken
            submit(row, person, now)
        return 11

    taken = together(*[functools.partial(until_nothing_is_left, person) for person in people])
    assert all(isinstance(count, int) and count <= 10 for count in taken), taken
    # A claim passes over what another one has in hand; in the end nothing may be left over.
    taken += [until_nothing_is_left(person) for person in people]
    with acting(STAFF):
        rows = list(
            Assignment.objects.filter(project=made).values_list("item_id", "contributor_id")
        )
        items = {item.id: item for item in Item.objects.filter(project=made)}
        known = {item.id for item in Item.objects.filter(project=made, gold__isnull=False)}
        reserved = sum(row.held for row in Assignment.objects.filter(project=made))
        held = find_account(Purpose.HELD, currency="USD", holder=acme.id, scope=made.id)
    assert len(set(rows)) == len(rows)
    answers = Counter(item_id for item_id, _ in rows)
    for item in items.values():
        if item.id in known:
            assert answers[item.id] >= 3
        else:
            assert answers[item.id] == 3
        assert item.open_slots == 0
    if not gold_percent:
        assert sum(taken) == 30
    assert held.debits_pending == reserved > 0
    prove()


def test_a_known_answer_is_given_no_more_often_than_its_bound(
    project, acme, crowd, now, together, monkeypatch
):
    monkeypatch.setattr(random, "random", lambda: 0.0)
    made = project(
        acme, how_many=6, gold=2, overlap=10, gold_percent=10, qualification=0,
        limits={**ALL_NEW, "gold_exposure_max": 3},
    )  # fmt: skip
    people = crowd(12)
    for person in people:
        enrol(made.id, person, now)
    rows = together(*[functools.partial(claim, made.id, person, now) for person in people])
    assert not any(isinstance(row, Exception) for row in rows)
    with acting(STAFF):
        exposed = Item.objects.filter(project=made, gold__isnull=False)
        assert max(exposed.values_list("exposed", flat=True)) <= 3
        assert sum(exposed.values_list("exposed", flat=True)) >= 1
    prove()


def test_half_given_back_at_once_leaves_the_slots_right(project, acme, crowd, now, together):
    made = project(acme, how_many=4, gold=0, overlap=3, limits=ALL_NEW, qualification=0)
    people = crowd(12)
    for person in people:
        enrol(made.id, person, now)

    def take(person: Actor, *, keeps: bool):
        row = claim(made.id, person, now)
        if not keeps:
            with acting(person):
                work.give_back(assignment_id=row.id, reason="skip", note="", by=person, now=now)
        return row.id

    results = together(
        *[functools.partial(take, person, keeps=n % 2 == 0) for n, person in enumerate(people)]
    )
    assert all(isinstance(result, uuid.UUID | NothingToDo) for result in results), results
    with acting(STAFF):
        for item in Item.objects.filter(project=made):
            taken = Assignment.objects.filter(item=item, state="claimed").count()
            assert item.open_slots == 3 - taken
    prove()


def test_a_contributor_who_asks_four_times_at_once_gets_one_item(
    project, acme, crowd, now, together
):
    made = project(acme, gold=0, limits=ALL_NEW, qualification=0)
    (person,) = crowd(1)
    enrol(made.id, person, now)
    rows = together(*[functools.partial(claim, made.id, person, now)] * 4)
    assert all(isinstance(row, Assignment) for row in rows), rows
    assert len({row.id for row in rows}) == 1
    with acting(STAFF):
        assert Assignment.objects.filter(project=made).count() == 1
        assert sum(Item.objects.filter(project=made).values_list("open_slots", flat=True)) == 59


def test_joining_four_times_at_once_is_joining_once(project, acme, crowd, now, together):
    made = project(acme)
    (person,) = crowd(1)
    rows = together(*[functools.partial(enrol, made.id, person, now)] * 4)
    assert all(isinstance(row, Enrolment) for row in rows), rows
    assert len({row.id for row in rows}) == 1


def test_the_last_seats_of_a_qualification_are_taken_once(project, acme, crowd, now, together):
    tier = {
        "key": "tested", "title": "T", "regions": [], "languages": [], "credentials": [],
        "qualification": {"items": 5, "pass_percent": 80, "seats": 3},
    }  # fmt: skip
    made = project(acme, tiers=[tier])
    people = crowd(10)
    results = together(
        *[functools.partial(enrol, made.id, person, now, "tested") for person in people]
    )
    assert sum(isinstance(result, Enrolment) for result in results) == 3
    refused = [result for result in results if isinstance(result, Conflict)]
    assert len(refused) == 7 and all("seats" in refusal.sentence for refusal in refused)
    with acting(STAFF):
        assert Enrolment.objects.filter(project=made).count() == 3


def test_the_share_of_newcomers_holds_when_all_come_at_once(project, acme, crowd, now, together):
    # One first claim reserves 276; a quarter of 5,000 holds four of them.
    made = project(acme, budget=5_000, gold=0, qualification=0)
    people = crowd(10)
    for person in people:
        enrol(made.id, person, now)
    results = together(*[functools.partial(claim, made.id, person, now) for person in people])
    assert sum(isinstance(result, Assignment) for result in results) == 4
    assert sum(isinstance(result, NothingToDo) for result in results) == 6
    prove()


def test_two_verdicts_at_once_are_one(project, acme, rob, alice, crowd, now, together):
    made = project(acme, gold=0, limits=ALL_NEW)
    (person,) = crowd(1)
    enrol(made.id, person, now)
    row = claim(made.id, person, now)
    submission = submit(row, person, now)
    later = now + dt.timedelta(minutes=2)
    note = (
        "The sentence ends in a question mark and asks for a time of day; the answer denies it. "
        * 2
    )

    def decide(user):
        by = actor_of(user)
        with acting(by):
            return work.reject(
                submission_id=submission.id, criterion="accuracy", note=note,
                evidence="The mark.", by=by, now=later,
            ).state  # fmt: skip

    results = together(functools.partial(decide, rob), functools.partial(decide, alice))
    assert results.count("rejected") == 1
    assert sum(isinstance(result, Conflict) for result in results) == 1
    prove()
