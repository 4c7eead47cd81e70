"""Joining and claiming: the maximum is reserved first, and nobody claims what they may not."""

import datetime as dt
from collections import Counter

import pytest
from django.db import Error, connection, transaction

from apps.accounts.actions import decide_credential
from apps.accounts.models import ContributorProfile, Credential
from apps.core.errors import Conflict, Invalid, NotThere
from apps.core.tenancy import acting
from apps.organizations.queries import actor_of
from apps.projects import actions as projects
from apps.projects.models import GoldAnswer, Item
from apps.projects.rules import Kind
from apps.work import actions as work
from apps.work.errors import MayNotClaim, NothingToDo
from apps.work.models import Assignment
from tests.cases.money import STAFF, held
from tests.factories import accounts

# Base 40 with a fee of 6, bonus 8 with a fee of 2, and floor pay of 120 + 600 seconds less 20.
FIRST = (40, 8, 8 + 240 - 20)
LATER = (40, 8, 8 + 40 - 20)


def holds(row):
    return row.held_pay, row.held_fee, row.held_extra


def test_a_claim_reserves_the_maximum(desk, carol):
    row = desk.begin(carol)
    assert holds(row) == FIRST
    assert row.cap_seconds == 120 + 600
    assert held(desk.project.org_id, desk.project.id) == (500_00, sum(FIRST))
    desk.check_holds(row)
    desk.prove()


def test_the_instructions_are_reserved_once(desk, carol):
    desk.enrol(carol)
    desk.hand_in(carol)
    second = desk.claim(carol)
    assert holds(second) == LATER
    assert second.cap_seconds == 120
    desk.check_holds(second)


def test_an_open_claim_is_given_again(desk, carol):
    first = desk.begin(carol)
    desk.later(minutes=5)
    assert desk.claim(carol).id == first.id
    assert held(desk.project.org_id, desk.project.id)[1] == sum(FIRST)


def test_a_claim_takes_one_slot_of_one_item(desk, carol):
    row = desk.begin(carol)
    slots = desk.slots()
    assert slots.pop(row.item_id) == 2
    assert set(slots.values()) == {3}


@pytest.fixture
def eve():
    return accounts.user("eve", is_staff=True)


def test_nobody_gets_an_item_twice(desk_of, project, acme, carol):
    desk = desk_of(project(acme, how_many=4, gold=0, limits={"newcomer_share_percent": 100}))
    desk.enrol(carol)
    taken = [desk.hand_in(carol, seconds=0).item_id for _ in range(4)]
    assert len(set(taken)) == 4
    with pytest.raises(NothingToDo, match="no item for you"):
        desk.claim(carol)


def test_no_unfunded_work(desk_of, project, acme, carol, dave):
    desk = desk_of(project(acme, budget=sum(FIRST), gold=0, limits={"newcomer_share_percent": 100}))
    row = desk.begin(carol)
    desk.enrol(dave)
    with pytest.raises(NothingToDo, match="funds are all reserved"):
        desk.claim(dave)
    # Nothing of the refused claim stays: neither a row nor a slot.
    assert desk.slots()[row.item_id] == 2
    assert Counter(desk.slots().values()) == {3: 19, 2: 1}
    with acting(STAFF):
        assert Assignment.objects.get().id == row.id


def test_newcomers_together_hold_a_share(desk_of, project, acme, carol, dave):
    desk = desk_of(project(acme, budget=4 * sum(FIRST), gold=0, qualification=0))
    desk.begin(carol)
    desk.enrol(dave)
    with pytest.raises(NothingToDo, match="25%"):
        desk.claim(dave)
    # What is decided is no longer unreviewed, and makes room.
    row = desk.claim(carol)
    desk.submit(carol, row)
    assert desk.enrolment(carol).unreviewed_held == sum(FIRST)
    desk.at(desk.fresh(row).review_due_at)
    desk.lapse(row)
    assert desk.enrolment(carol).unreviewed_held == 0
    assert desk.claim(dave).state == "claimed"


def test_what_newcomers_took_without_an_acceptance_makes_no_room(
    desk_of, project, acme, carol, dave, rob
):
    """Else a ring of new accounts takes a kill fee each, as often as somebody rejects."""
    desk = desk_of(project(acme, budget=4 * sum(FIRST), gold=0, qualification=0))
    desk.begin(carol)
    row = desk.claim(carol)
    desk.work_for(carol, row, 600)
    desk.submit(carol, row)
    desk.later(minutes=2)
    desk.reject(rob, row)

    def counted() -> int:
        return desk.enrolment(carol).unreviewed_held

    kill_fee = 20 + 6
    assert counted() == kill_fee + desk.fresh(row).held
    desk.enrol(dave)
    with pytest.raises(NothingToDo, match="25%"):
        desk.claim(dave)
    desk.settle()
    top_up = 200 - 20  # 600 seconds at 12 USD an hour
    assert desk.settled(carol) == [("top_up", top_up, 0)]
    desk.at(desk.fresh(row).appeal_due_at)
    desk.lapse(row)
    assert desk.state(row) == "final"
    assert counted() == kill_fee + top_up


def test_an_overturned_rejection_makes_room_again(desk, carol, rob, eve):
    desk.enrol(carol)
    row = desk.hand_in(carol)
    desk.reject(rob, row)
    assert desk.enrolment(carol).unreviewed_held > 0
    with acting(actor_of(eve)) as actor:
        work.overturn(assignment_id=row.id, by=actor, now=desk.now)
    assert desk.enrolment(carol).unreviewed_held == 0


def test_the_share_of_newcomers_does_not_stop_a_qualification(desk_of, project, acme, carol, dave):
    """The bound is seats × price + share × budget: the seats are counted by themselves."""
    desk = desk_of(project(acme, budget=4 * sum(FIRST), gold=0))
    desk.begin(carol)
    assert desk.begin(dave, tier="tested").kind == Kind.QUALIFICATION


def test_consent_comes_first(desk, carol):
    with pytest.raises(Invalid, match="consent") as refusal:
        desk.enrol(carol, has_consented=False)
    assert refusal.value.field == "consent"
    with pytest.raises(MayNotClaim, match="agree to its terms"):
        desk.claim(carol)
    enrolment = desk.enrol(carol)
    assert enrolment.consent_scope["licence"] == "CC BY 4.0"
    assert enrolment.consent_criteria_id == desk.project.criteria_id
    assert desk.enrol(carol).id == enrolment.id


def test_a_tier_that_is_not_there(desk, carol):
    with pytest.raises(Invalid) as refusal:
        desk.enrol(carol, "gold")
    assert refusal.value.field == "tier"


TIER = {
    "key": "general",
    "title": "T",
    "regions": [],
    "languages": [],
    "credentials": [],
    "qualification": None,
}


@pytest.mark.parametrize(
    ("wants", "sentence"),
    [
        ({"regions": ["DE", "AT"]}, "DE, AT; you are in US"),
        ({"languages": ["en", "de"]}, "needs de among"),
        ({"credentials": ["nurse"]}, "verified credential: nurse"),
    ],
)
def test_who_is_not_in_the_tier(desk_of, project, acme, carol, wants, sentence):
    desk = desk_of(project(acme, tiers=[TIER | wants]))
    with pytest.raises(MayNotClaim, match=sentence):
        desk.enrol(carol)


def test_a_verified_credential_opens_the_tier(desk_of, project, acme, carol, ada, now):
    desk = desk_of(project(acme, tiers=[TIER | {"credentials": ["nurse"]}]))
    with acting(actor_of(carol)):
        row = Credential.objects.create(user=carol, kind="nurse", statement="I am.", created_at=now)
    with pytest.raises(MayNotClaim):
        desk.enrol(carol)
    with acting(actor_of(ada)) as actor:
        decide_credential(credential_id=row.id, is_verified=True, note="Seen.", by=actor, now=now)
    assert desk.enrol(carol).state == "qualified"


def test_without_a_profile_or_deactivated(desk, carol, now):
    stranger = accounts.user("erin")
    with pytest.raises(MayNotClaim, match="profile first"):
        desk.enrol(stranger)
    desk.enrol(carol)
    with acting(STAFF):
        ContributorProfile.objects.filter(user=carol).update(deactivated_at=now)
    with pytest.raises(MayNotClaim, match="earnings stay payable"):
        desk.claim(carol)


def test_the_buyers_own_people_do_not_work_on_a_public_project(desk, rob, now):
    with acting(actor_of(rob)):
        ContributorProfile.objects.create(
            user=rob, region="US", languages=["en"], adult_confirmed_at=now
        )
    with pytest.raises(MayNotClaim, match="buyer's own people"):
        desk.enrol(rob)


def test_nobody_joins_for_somebody_else(desk, carol, dave, rob):
    for user in (carol, rob):
        with acting(actor_of(user)) as actor, pytest.raises(MayNotClaim):
            work.enrol(
                project_id=desk.project.id, tier="general", has_consented=True,
                contributor_id=dave.id, by=actor, now=desk.now,
            )  # fmt: skip


def test_an_assigned_project_is_for_named_people_and_items(desk_of, project, acme, carol, dave):
    desk = desk_of(
        project(acme, visibility="assigned", gold=0, limits={"newcomer_share_percent": 100})
    )
    with pytest.raises((MayNotClaim, NotThere)):
        desk.enrol(dave)
    desk.as_system(
        work.enrol, project_id=desk.project.id, tier="general", has_consented=True,
        contributor_id=carol.id,
    )  # fmt: skip
    row = desk.claim(carol, "i7")
    with acting(STAFF):
        assert Item.objects.get(id=row.item_id).external_id == "i7"
    desk.submit(carol, row)
    with pytest.raises(NothingToDo):
        desk.claim(carol, "i7")


def test_items_of_a_public_project_are_not_chosen(desk, carol):
    desk.enrol(carol)
    with pytest.raises(Invalid) as refusal:
        desk.claim(carol, "i7")
    assert refusal.value.field == "item"


def test_a_paused_project_gives_nothing_out_and_lets_finish(desk, alice, carol):
    row = desk.begin(carol)
    desk.submit(carol, row)
    with acting(actor_of(alice)) as actor:
        projects.pause(project_id=desk.project.id, by=actor, now=desk.now)
    desk.later(seconds=61)
    with pytest.raises(Conflict, match="no new work"):
        desk.claim(carol)
    desk.at(desk.fresh(row).review_due_at)
    desk.lapse(row)
    assert desk.state(row) == "accepted"


def test_nobody_acts_on_the_work_of_somebody_else(desk, carol, dave, rob, alice):
    row = desk.begin(carol)
    for user in (dave, rob, alice):
        for act in (desk.submit, desk.undo, desk.give_back, desk.beat):
            with pytest.raises(NotThere):
                act(user, row)
        with pytest.raises(NotThere):
            desk.draft(user, row, {"choice": "no"})
    assert desk.fresh(row).draft is None
    assert desk.fresh(row).active_seconds == 0


def test_nobody_claims_for_somebody_else_in_postgresql_itself(desk, carol, dave):
    """The claim function is open to the application's role; it asks who is acting."""
    desk.enrol(carol)
    steal = "SELECT * FROM work_take_item(%s, %s, 0, false, NULL)"
    with (
        acting(actor_of(dave)),
        pytest.raises(Error, match="claims are made"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(steal, [desk.project.id, carol.id])
    assert set(desk.slots().values()) == {3}


def test_an_expired_claim_makes_room_for_the_next(desk, carol):
    first = desk.begin(carol)
    desk.later(minutes=31)
    second = desk.claim(carol)
    assert second.id != first.id
    assert desk.state(first) == "expired"
    assert desk.fresh(first).ended_at == first.claimed_at + dt.timedelta(minutes=30)


def test_known_answers_come_once_each_and_then_ordinary_items(desk_of, project, acme, alice, carol):
    limits = {"newcomer_share_percent": 100}
    desk = desk_of(project(acme, how_many=6, gold=4, gold_percent=100, limits=limits))
    desk.enrol(carol)
    taken = []
    for _ in range(6):
        row = desk.claim(carol)
        taken.append(row.item_id)
        desk.submit(carol, row)
    with acting(actor_of(alice)):
        known = set(
            GoldAnswer.objects.filter(item__purpose="work").values_list("item_id", flat=True)
        )
    assert set(taken[:4]) == known
    assert len(set(taken)) == 6
