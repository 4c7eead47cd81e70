"""A qualification is paid, pass or fail; its result says why; attempts and seats are counted."""

import datetime as dt

import pytest

from apps.core.errors import Conflict
from apps.core.tenancy import acting
from apps.notices.models import Notice
from apps.organizations.queries import actor_of
from apps.projects.models import GoldAnswer
from apps.projects.rules import Kind
from apps.work.errors import MayNotClaim
from apps.work.models import Assignment, Submission
from tests.cases.money import payable
from tests.work.conftest import STAFF

DAY = dt.timedelta(days=1)
OTHER = {"yes": "no", "no": "unclear"}


def known(row):
    with acting(STAFF):
        return GoldAnswer.objects.get(item_id=row.item_id).answer["choice"]


def attempt(desk, user, right: int) -> list:
    """One whole attempt with so many right answers out of five."""
    rows = []
    for number in range(5):
        row = desk.claim(user)
        assert row.kind == Kind.QUALIFICATION
        desk.later(seconds=20)
        desk.submit(user, row, known(row) if number < right else OTHER[known(row)])
        rows.append(row)
    return rows


@pytest.mark.parametrize(
    ("right", "state"), [(5, "qualified"), (4, "qualified"), (3, "failed"), (0, "failed")]
)
def test_every_item_is_paid_whatever_the_result(desk, carol, right, state):
    assert desk.enrol(carol, "tested").state == "qualifying"
    rows = attempt(desk, carol, right)
    assert payable(carol.id) == 5 * 40
    for row in rows:
        assert desk.lines(row) == [("qualification", 40, 0)]
        (verdict,) = desk.verdicts(row)
        assert (verdict.outcome, verdict.decider) == ("accepted", "rule")
    desk.check_holds(*rows)
    enrolment = desk.enrolment(carol)
    assert enrolment.state == state
    assert (enrolment.result["correct"], enrolment.result["of"]) == (right, 5)
    assert enrolment.result["passed"] == (state == "qualified")
    desk.prove()


def test_the_feedback_says_which_and_why(desk, carol):
    desk.enrol(carol, "tested")
    rows = attempt(desk, carol, 2)
    items = desk.enrolment(carol).result["items"]
    assert [item["assignment"] for item in items] == [str(row.id) for row in rows]
    assert [item["correct"] for item in items] == [True, True, False, False, False]
    assert {item["explanation"] for item in items} == {"It is known."}
    with acting(actor_of(carol)):
        assert Notice.objects.filter(user=carol, kind="qualification.result").count() == 1
    with acting(STAFF):
        scores = Submission.objects.filter(contributor=carol).order_by("id")
        assert [row.scores["gold"] for row in scores] == [True, True, False, False, False]


def test_work_comes_only_after_a_pass(desk, carol):
    desk.enrol(carol, "tested")
    attempt(desk, carol, 5)
    assert desk.claim(carol).kind == Kind.WORK


def test_a_fail_names_the_day_of_the_retake(desk, carol):
    desk.enrol(carol, "tested")
    attempt(desk, carol, 0)
    retake = desk.enrolment(carol).retake_at
    assert retake == desk.now + 7 * DAY
    with pytest.raises(MayNotClaim, match="not passed"):
        desk.claim(carol)
    desk.at(retake - dt.timedelta(seconds=1))
    with pytest.raises(Conflict, match=f"{retake:%d %B %Y}"):
        desk.enrol(carol, "tested")
    desk.at(retake)
    assert desk.enrol(carol, "tested").attempts == 2
    attempt(desk, carol, 5)
    enrolment = desk.enrolment(carol)
    assert (enrolment.state, enrolment.retake_at) == ("qualified", None)
    assert enrolment.result["attempt"] == 2 and len(enrolment.result["items"]) == 5
    assert payable(carol.id) == 10 * 40


def test_a_failed_tier_is_not_walked_round_through_another_one(desk, carol):
    """The tier without a test stays open to everybody, but no attempt is forgotten."""
    desk.enrol(carol, "tested")
    attempt(desk, carol, 0)
    desk.enrol(carol, "general")
    enrolment = desk.enrolment(carol)
    assert (enrolment.tier, enrolment.attempts) == ("general", 1)


def test_three_attempts_a_year(desk, carol):
    for _ in range(3):
        desk.enrol(carol, "tested")
        attempt(desk, carol, 0)
        desk.later(days=8)
    with pytest.raises(Conflict, match="attempts"):
        desk.enrol(carol, "tested")
    assert payable(carol.id) == 15 * 40


def test_an_attempt_that_is_begun_takes_a_seat(desk_of, project, acme, carol, dave):
    tier = {
        "key": "tested", "title": "T", "regions": [], "languages": [], "credentials": [],
        "qualification": {"items": 5, "pass_percent": 80, "seats": 2},
    }  # fmt: skip
    desk = desk_of(project(acme, tiers=[tier]))
    desk.enrol(carol, "tested")
    attempt(desk, carol, 0)
    desk.later(days=8)
    desk.enrol(carol, "tested")
    with pytest.raises(Conflict, match="seats"):
        desk.enrol(dave, "tested")


def test_qualification_answers_are_not_undone_and_not_judged(desk, carol, rob):
    row = desk.begin(carol, "tested")
    desk.submit(carol, row, known(row))
    with pytest.raises(Conflict):
        desk.undo(carol, row)
    desk.later(minutes=2)
    for act in (desk.reject, desk.ask_rework):
        with pytest.raises(Conflict):
            act(rob, row)
    assert payable(carol.id) == 40


def test_the_same_answer_twice_is_paid_once(desk, carol):
    row = desk.begin(carol, "tested")
    first = desk.submit(carol, row, "yes")
    assert desk.submit(carol, row, "yes").id == first.id
    with pytest.raises(Conflict):
        desk.submit(carol, row, "no")
    assert payable(carol.id) == 40
    assert len(desk.enrolment(carol).result["items"]) == 1


def test_a_given_back_item_comes_again(desk, carol):
    row = desk.begin(carol, "tested")
    desk.give_back(carol, row)
    items = {row.item_id} | {r.item_id for r in attempt(desk, carol, 5)}
    assert len(items) == 5
    assert desk.enrolment(carol).state == "qualified"
    with acting(STAFF):
        assert Assignment.objects.filter(contributor=carol).count() == 6


def test_qualification_gives_away_no_slot_of_work(desk, carol):
    desk.enrol(carol, "tested")
    attempt(desk, carol, 5)
    assert set(desk.slots().values()) == {3}


def test_the_floor_holds_for_qualification_too(desk, carol):
    row = desk.begin(carol, "tested")
    desk.work_for(carol, row, 600)
    desk.submit(carol, row, known(row))
    desk.settle()
    # 600 seconds at 12.00 an hour are 2.00; 0.40 of it was the price.
    assert desk.settled(carol) == [("top_up", 160, 0)]
    desk.check_holds(row)
