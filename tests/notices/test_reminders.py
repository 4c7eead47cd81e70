"""Before a deadline decides, whoever can still act is told: once, and nobody else."""

import datetime as dt

import pytest

from apps.accounts.models import ContributorProfile, Credential
from apps.cases import actions as cases
from apps.cases.tasks import remind_all as remind_of_cases
from apps.core.tenancy import acting, system
from apps.ledger import actions as ledger
from apps.notices.enums import Kind
from apps.organizations.queries import actor_of
from apps.projects import actions as projects
from apps.projects.queries import funds
from apps.work.models import Assignment
from apps.work.tasks import remind_all
from tests.work.test_actions_qualification import attempt

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
REASON = "The sentence asks for nothing: it is a quotation, as the second anchor says."


def around(due, span):
    """A moment too early, the first right one, and one just before the deadline."""
    return due - span - HOUR, due - span, due - HOUR


def test_rework(desk, carol, rob, audience, notice_of):
    desk.enrol(carol)
    row = desk.hand_in(carol)
    desk.ask_rework(rob, row)
    due = desk.fresh(row).rework_due_at
    early, right, late = around(due, DAY)
    remind_all(now=early)
    assert audience(Kind.REWORK_NEAR) == []
    remind_all(now=right)
    remind_all(now=right)
    assert audience(Kind.REWORK_NEAR) == ["Carol"]
    assert notice_of(carol, Kind.REWORK_NEAR).due_at == due
    remind_all(now=late)
    assert audience(Kind.REWORK_NEAR) == ["Carol"]


def test_a_deadline_that_moves_reminds_nobody_twice(desk, carol, rob, audience):
    desk.enrol(carol)
    row = desk.hand_in(carol)
    desk.ask_rework(rob, row)
    due = desk.fresh(row).rework_due_at
    remind_all(now=due - HOUR)
    later = due + 3 * DAY
    with acting(system(row.org_id)):
        Assignment.objects.filter(id=row.id).update(rework_due_at=later, next_due_at=later)
    remind_all(now=later - HOUR)
    assert audience(Kind.REWORK_NEAR) == ["Carol"]


def test_a_deadline_that_has_passed_reminds_nobody(desk, carol, rob, audience):
    desk.enrol(carol)
    row = desk.hand_in(carol)
    desk.ask_rework(rob, row)
    remind_all(now=desk.fresh(row).rework_due_at)
    assert audience(Kind.REWORK_NEAR) == []


def test_the_appeal_window(desk, carol, rob, audience):
    desk.enrol(carol)
    row = desk.hand_in(carol)
    desk.reject(rob, row)
    early, right, _ = around(desk.fresh(row).appeal_due_at, 3 * DAY)
    remind_all(now=early)
    assert audience(Kind.APPEAL_NEAR) == []
    remind_all(now=right)
    remind_all(now=right + DAY)
    assert audience(Kind.APPEAL_NEAR) == ["Carol"]


def test_who_has_appealed_is_not_reminded_to(desk, carol, rob, audience):
    desk.enrol(carol)
    row = desk.hand_in(carol)
    desk.reject(rob, row)
    due = desk.fresh(row).appeal_due_at
    with acting(actor_of(carol)) as by:
        cases.appeal(assignment_id=row.id, reason=REASON, by=by, now=desk.now)
    remind_all(now=due - DAY)
    assert audience(Kind.APPEAL_NEAR) == []


def test_answers_about_to_be_accepted_by_silence(
    desk, carol, dave, mia, rob, fay, vic, audience, notice_of
):
    desk.enrol(carol)
    desk.enrol(dave)
    row = desk.hand_in(carol)
    other = desk.hand_in(dave)
    due = desk.fresh(row).review_due_at
    remind_all(now=due - DAY - HOUR)
    assert audience(Kind.REVIEW_NEAR) == []
    remind_all(now=due - DAY)
    remind_all(now=due - DAY)
    # Who decides verdicts, once a project and day; never the contributors, finance or viewers.
    assert audience(Kind.REVIEW_NEAR) == ["Alice", "Mia", "Rob"]
    told = notice_of(rob, Kind.REVIEW_NEAR)
    assert told.due_at == due
    assert told.title.startswith("2 answers are about to be accepted")
    assert desk.fresh(other).review_due_at > due
    remind_all(now=due - HOUR)
    days = {(due - DAY).date(), (due - HOUR).date()}
    assert audience(Kind.REVIEW_NEAR).count("Rob") == len(days)


def test_a_retake(desk, carol, audience, notice_of):
    desk.enrol(carol, "tested")
    attempt(desk, carol, 0)
    retake = desk.enrolment(carol).retake_at
    assert f"{retake:%d %B %Y}" in notice_of(carol, Kind.QUALIFICATION).body
    remind_all(now=retake - HOUR)
    assert audience(Kind.RETAKE) == []
    remind_all(now=retake)
    remind_all(now=retake + DAY)
    assert audience(Kind.RETAKE) == ["Carol"]


@pytest.fixture
def appealed(desk, carol, rob):
    desk.enrol(carol)
    row = desk.hand_in(carol)
    desk.reject(rob, row)
    with acting(actor_of(carol)) as by:
        return cases.appeal(assignment_id=row.id, reason=REASON, by=by, now=desk.now)


def test_a_case(appealed, ada, adam, vic, fay, audience):
    early, right, late = around(appealed.due_at, 2 * DAY)
    remind_of_cases(now=early)
    assert audience(Kind.STAFF_CASE_NEAR) == []
    for at in (right, right, late):
        remind_of_cases(now=at)
    assert audience(Kind.STAFF_CASE_NEAR) == ["Ada", "Adam"]
    assert audience(Kind.CASE_NEAR) == ["Alice", "Rob"]


def test_who_made_the_statement_is_not_asked_for_it(appealed, ada, rob, audience):
    words = "The sentence does ask for a time; the anchor for three says defensible."
    with acting(actor_of(rob)) as by:
        cases.answer(case_id=appealed.id, text=words, by=by, now=appealed.opened_at + HOUR)
    remind_of_cases(now=appealed.due_at - HOUR)
    assert audience(Kind.CASE_NEAR) == []
    assert audience(Kind.STAFF_CASE_NEAR) == ["Ada"]


def profile(user, **fields):
    with acting(actor_of(user)):
        ContributorProfile.objects.filter(user=user).update(**fields)


def test_an_offer_reaches_whom_a_tier_fits(
    acme, project, carol, dave, alice, ada, gus, now, audience
):
    tiers = [
        {
            "key": "nurses",
            "title": "Nurses",
            "regions": ["US", "DE"],
            "languages": ["en", "de"],
            "credentials": ["nurse"],
            "qualification": None,
        }
    ]
    project(acme, tiers=tiers)
    profile(carol, languages=["de", "en"])
    profile(dave, languages=["de", "en"])
    remind_all(now=now)
    assert audience(Kind.OFFER) == []
    with acting(actor_of(carol)):
        made = Credential.objects.create(
            user=carol, kind="nurse", statement="I am.", created_at=now
        )
    remind_all(now=now + HOUR)
    assert audience(Kind.OFFER) == []
    with acting(actor_of(ada)):
        Credential.objects.filter(id=made.id).update(
            state="verified", decided_at=now, decided_by=ada
        )
    for hours in (2, 3):
        remind_all(now=now + hours * HOUR)
    assert audience(Kind.OFFER) == ["Carol"]


@pytest.mark.parametrize(
    "fields", [{"region": "FR"}, {"languages": ["fr"]}, {"deactivated_at": dt.datetime.now(dt.UTC)}]
)
def test_an_offer_that_does_not_fit_is_not_told(acme, project, carol, dave, now, fields, audience):
    general = {
        "key": "general",
        "title": "All",
        "regions": ["US"],
        "languages": ["en"],
        "credentials": [],
        "qualification": None,
    }
    project(acme, tiers=[general])
    profile(dave, **fields)
    remind_all(now=now)
    assert audience(Kind.OFFER) == ["Carol"]


def test_an_offer_that_is_not_public_or_not_new_is_told_to_nobody(
    acme, project, carol, now, audience
):
    project(acme, visibility="invitation")
    remind_all(now=now)
    assert audience(Kind.OFFER) == []
    project(acme)
    remind_all(now=now + 2 * DAY)
    assert audience(Kind.OFFER) == []


def test_the_buyers_own_people_and_who_has_joined_are_not_told(
    desk, carol, dave, mia, now, audience
):
    with acting(actor_of(mia)):
        ContributorProfile.objects.create(
            user=mia, region="US", languages=["en"], adult_confirmed_at=now
        )
    desk.enrol(carol)
    remind_all(now=now)
    assert audience(Kind.OFFER) == ["Dave"]


def watch(project, now):
    with acting(system(project.org_id)) as by:
        projects.watch_funds(project_id=project.id, by=by, now=now)


def test_low_funds_once_a_funding(acme, project, alice, mia, fay, rob, now, audience):
    # 6 USD of budget for 20 items: less than a tenth is free once the claims reserve it.
    made = project(acme, budget=10_00, wallet=100_00)
    watch(made, now)
    assert audience(Kind.LOW_FUNDS) == []
    with acting(system(acme.id)):
        held = funds(made).held
        ledger.post(
            [
                ledger.Entry(
                    id=made.id,
                    kind="pending",
                    code="test",
                    at=now,
                    amount=held.available - 50,
                    currency="USD",
                    debit=held.id,
                    credit=ledger.account("payable", currency="USD", holder=alice.id),
                    scope=made.id,
                    subject=made.id,
                )
            ]
        )
    watch(made, now)
    watch(made, now + DAY)
    assert audience(Kind.LOW_FUNDS) == ["Alice", "Fay", "Mia"]
    with acting(actor_of(mia)) as by:
        projects.top_up(project_id=made.id, amount=1_00, by=by, now=now)
    watch(made, now)
    assert audience(Kind.LOW_FUNDS) == ["Alice", "Fay", "Mia"]
