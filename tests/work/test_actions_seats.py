"""Qualification seats have money of their own: work cannot use it, a ring cannot take more."""

import pytest
from django.db import IntegrityError, transaction

from apps.core.errors import Conflict, Invalid, NotAllowed, NotThere
from apps.core.tenancy import acting
from apps.ledger import actions as ledger
from apps.ledger.enums import Purpose
from apps.ledger.errors import InsufficientFunds
from apps.organizations.queries import actor_of
from apps.projects import queries
from apps.projects.models import Project
from apps.projects.rules import Kind
from apps.work import actions as work
from apps.work.errors import NothingToDo
from apps.work.models import Assignment
from apps.work.queries import seats
from tests.cases.money import payable, wallet
from tests.factories import accounts
from tests.factories import ledger as money
from tests.work.conftest import STAFF
from tests.work.test_actions_qualification import OTHER, attempt, known

# Five items of 40 (so is the floor over their two minutes), ten minutes of instructions, and three
# items that are given back.
SEAT = 5 * 40 + 200 + 3 * 40
# A first claim of work: pay 40, fee 8, bonus 8, floor over 720 seconds less the kill fee.
WORK = 40 + 8 + 8 + 220
ALL_NEW = {"newcomer_share_percent": 100}


def tier(key="tested", **qualification):
    asked = {"items": 5, "pass_percent": 80, "seats": 2} | qualification
    return {
        "key": key, "title": key.title(), "regions": [], "languages": [], "credentials": [],
        "qualification": asked,
    }  # fmt: skip


OPEN = {**tier("general"), "qualification": None}


@pytest.fixture
def small(desk_of, project, acme):
    """Money for one claim of work and for two attempts."""
    return desk_of(project(acme, budget=WORK, gold=0, limits=ALL_NEW, tiers=[OPEN, tier()]))


@pytest.fixture
def erin(now):
    return accounts.contributor("erin", now=now)


def seats_account(desk):
    account = desk.account(Purpose.SEATS)
    return account.balance, account.debits_pending


def add(desk, user, **words):
    with acting(actor_of(user)) as actor:
        asked = {"project_id": desk.project.id, "tier": "tested", "count": 2} | words
        return work.add_seats(**asked, by=actor, now=desk.now)


def fresh(desk):
    with acting(STAFF):
        return Project.objects.select_related("org", "criteria").get(id=desk.project.id)


# ── Two accounts that do not touch ──────────────────────────────────────────────────────────────


def test_a_qualification_begins_when_work_has_reserved_everything(small, carol, dave):
    small.begin(carol)
    assert small.account(Purpose.HELD).available == 0
    row = small.begin(dave, "tested")
    assert (row.kind, row.funded_from) == (Kind.QUALIFICATION, Purpose.SEATS)
    assert seats_account(small) == (2 * SEAT, row.held)
    assert small.account(Purpose.HELD).available == 0
    small.check_holds(row)
    small.prove()


def test_work_cannot_use_the_money_of_the_seats(small, carol, dave):
    assert small.begin(carol).funded_from == Purpose.HELD
    small.enrol(dave)
    with pytest.raises(NothingToDo, match="funds are all reserved"):
        small.claim(dave)
    assert seats_account(small) == (2 * SEAT, 0)


def test_the_database_keeps_work_away_from_the_seats(small, carol):
    row = small.begin(carol)
    with (
        acting(STAFF),
        pytest.raises(IntegrityError, match="seats_are_for_qualifications"),
        transaction.atomic(),
    ):
        Assignment.objects.filter(id=row.id).update(funded_from="seats")


def test_an_empty_account_of_seats_is_said(small, carol, acme):
    with acting(small.system):
        away = money.entry(
            money.seats(acme.id, small.project.id), money.wallet(acme.id), 2 * SEAT - 100
        )
        ledger.post([away])
    small.enrol(carol, "tested")
    # The first item needs 40 and the floor over 720 seconds, less that.
    with pytest.raises(NothingToDo, match="money for qualification seats"):
        small.claim(carol)
    with acting(STAFF):
        assert not Assignment.objects.exists()
    assert small.account(Purpose.HELD).debits_pending == 0
    small.prove()


def test_what_an_attempt_does_not_use_comes_back(small, carol, alice, acme):
    small.enrol(carol, "tested")
    rows = attempt(small, carol, 5)
    small.settle()
    # 100 seconds of the floor are less than the pay: nothing stays reserved.
    assert seats_account(small) == (2 * SEAT - 200, 0)
    assert all(small.fresh(row).held == 0 for row in rows)
    small.begin_close(alice)
    assert small.close()
    assert seats_account(small) == (0, 0) and small.account(Purpose.HELD).balance == 0
    assert wallet(acme.id) == small.put_in() - 200
    small.prove()


def test_a_top_up_of_qualification_time_is_paid_from_the_seats(small, carol, dave):
    small.begin(dave)
    row = small.begin(carol, "tested")
    small.work_for(carol, row, 720)
    small.submit(carol, row, known(row))
    assert seats_account(small) == (2 * SEAT - 40, 200)
    small.settle()
    assert payable(carol.id) == 240
    assert seats_account(small) == (2 * SEAT - 240, 0)
    # The held funds, all reserved, were not asked.
    assert small.account(Purpose.HELD).balance == WORK
    small.prove()


def test_a_project_from_before_goes_on_with_its_held_funds(desk_of, project, acme, carol, alice):
    desk = desk_of(project(acme, gold=0, with_seats=False, tiers=[tier()]))
    assert desk.project.seats is None
    desk.enrol(carol, "tested")
    rows = attempt(desk, carol, 0)
    assert {row.funded_from for row in rows} == {Purpose.HELD}
    assert seats_account(desk) == (0, 0)
    assert desk.account(Purpose.HELD).balance == 500_00 - 200
    with pytest.raises(Conflict, match="top up the budget"):
        add(desk, alice)
    desk.later(days=8)
    desk.enrol(carol, "tested")
    attempt(desk, carol, 0)
    desk.later(days=8)
    with pytest.raises(Conflict, match="seats"):
        desk.enrol(carol, "tested")


# ── The bound ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("answers_right", [0, 5])
def test_a_ring_cannot_take_more_than_the_bound(desk_of, project, acme, answers_right):
    """Every account squeezes the most out of its attempt; the bound of the wizard holds exactly."""
    body = {"gold": 0, "tiers": [tier(seats=3)], "budget": 1_500}
    desk = desk_of(project(acme, **body))
    bound = queries.qualification_exposure(desk.project.criteria.body, budget=desk.put_in())
    assert bound.qualification == 3 * SEAT
    ring = [accounts.contributor(f"ring{number}", now=desk.now) for number in range(5)]
    began = []
    for person in ring:
        try:
            desk.enrol(person, "tested")
        except Conflict:
            continue
        began.append(person)
        squeeze(desk, person, answers_right)
    assert len(began) == 3
    desk.settle()
    assert sum(payable(person.id) for person in ring) == bound.qualification
    assert seats_account(desk) == (0, 0)
    # Those who passed hold work now, as newcomers: at most their share of the whole budget.
    for person in began if answers_right else ():
        while True:
            try:
                desk.hand_in(person)
            except NothingToDo:
                break
    with acting(STAFF):
        held = sum(Assignment.objects.filter(kind=Kind.WORK).values_list("unreviewed", flat=True))
    assert held <= bound.newcomers
    assert bool(held) is bool(answers_right)
    desk.prove()


def squeeze(desk, person, right):
    """The slowest attempt that is paid: instructions, items given back, every item at its cap."""
    for number in range(6):
        row = desk.claim(person)
        desk.work_for(person, row, row.cap_seconds)
        desk.give_back(person, row)
        # Three a day and three an attempt count; another day brings no more.
        assert desk.fresh(row).is_time_counted is (number < 3)
        if number % 2:
            desk.later(days=1)
    for number in range(5):
        row = desk.claim(person)
        desk.work_for(person, row, row.cap_seconds)
        desk.submit(person, row, known(row) if number < right else OTHER[known(row)])


def test_seats_of_one_tier_are_not_used_up_by_another(desk_of, project, acme, carol, dave, alice):
    tiers = [tier("many", seats=2), tier("few", seats=1)]
    desk = desk_of(project(acme, gold=0, tiers=tiers))
    desk.enrol(carol, "many")
    attempt(desk, carol, 0)
    desk.enrol(dave, "few")
    with acting(STAFF):
        found = {row.tier: (row.taken, row.finished) for row in seats.seats_of(fresh(desk))}
    assert found == {"many": (1, 1), "few": (1, 0)}
    desk.later(days=8)
    # An attempt belongs to the tier under which it began.
    with pytest.raises(Conflict, match="seats"):
        desk.enrol(carol, "few")
    assert desk.enrol(carol, "many").attempts == 2


# ── More seats ──────────────────────────────────────────────────────────────────────────────────


def test_more_seats_are_paid_from_the_wallet(small, acme, fay, carol, dave, erin):
    money.fund(acme.id, 2 * SEAT, now=small.now)
    for person in (carol, dave):
        small.enrol(person, "tested")
    with pytest.raises(Conflict, match="seats"):
        small.enrol(erin, "tested")
    add(small, fay)
    assert fresh(small).seats == {"tested": 4}
    assert seats_account(small) == (4 * SEAT, 0) and wallet(acme.id) == 0
    assert small.enrol(erin, "tested").state == "qualifying"
    small.prove()


def test_what_attempts_left_over_pays_first(small, acme, alice, carol):
    small.enrol(carol, "tested")
    attempt(small, carol, 5)
    small.settle()
    left = SEAT - 200
    with acting(STAFF):
        assert seats.price(fresh(small), "tested", 2) == 2 * SEAT - left
    money.fund(acme.id, 2 * SEAT, now=small.now)
    with pytest.raises(Conflict, match="cost more"):
        add(small, alice, most=2 * SEAT - left - 1)
    add(small, alice, most=2 * SEAT - left)
    assert wallet(acme.id) == left
    # One finished, three left, each with its full price.
    assert seats_account(small) == (3 * SEAT, 0)


def test_without_money_no_seat_is_added(small, alice):
    with pytest.raises(InsufficientFunds, match="fund it first"):
        add(small, alice)
    assert fresh(small).seats == {"tested": 2}
    assert seats_account(small) == (2 * SEAT, 0)


def test_who_may_add_seats(small, acme, mia, rob, vic, gus, globex, carol):
    money.fund(acme.id, 2 * SEAT, now=small.now)
    for user in (rob, vic):
        with pytest.raises(NotAllowed):
            add(small, user)
    for user in (gus, carol):
        with pytest.raises(NotThere):
            add(small, user)
    for words in ({"count": 0}, {"count": 10**6}, {"tier": "general"}):
        with pytest.raises(Invalid):
            add(small, mia, **words)
    add(small, mia)
    assert fresh(small).seats == {"tested": 4}


def test_a_project_that_closes_gets_no_seats(small, acme, alice):
    money.fund(acme.id, 2 * SEAT, now=small.now)
    small.begin_close(alice)
    with pytest.raises(Conflict, match="live or paused"):
        add(small, alice)
