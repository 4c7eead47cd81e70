"""Verdicts: who may decide, what a rejection needs, what it costs, and the breaker."""

import datetime as dt

import pytest
from django.db import Error, IntegrityError, transaction

from apps.core.errors import Conflict, Invalid, NotAllowed, NotThere
from apps.core.ids import uuid7
from apps.core.tenancy import acting
from apps.organizations.enums import Role
from apps.organizations.models import Membership
from apps.organizations.queries import actor_of
from apps.projects.models import Project
from apps.work import actions as work
from apps.work.enums import Decider, VerdictOutcome
from apps.work.errors import TooLate
from apps.work.models import Verdict
from tests.cases.money import payable
from tests.work.conftest import NOTE, STAFF

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)


@pytest.fixture
def row(desk, carol):
    desk.enrol(carol)
    return desk.hand_in(carol)


# ── Accepting ───────────────────────────────────────────────────────────────────────────────────


def score(desk, row):
    with acting(STAFF):
        row.submissions.update(scored_at=desk.now, scores={"gold": True, "agreement": 0.9})


def test_an_acceptance_books_at_once_when_the_scores_stand(desk, row, rob, carol):
    score(desk, row)
    desk.accept(rob, row)
    assert desk.lines(row) == [("base", 40, 6)]
    assert payable(carol.id) == 40
    (verdict,) = desk.verdicts(row)
    assert (verdict.decider, verdict.decided_by_id) == ("person", rob.id)
    assert verdict.scores == {"gold": True, "agreement": 0.9, "anomaly": "not available"}
    desk.check_holds(row)


def test_an_early_acceptance_waits_for_the_scores_at_most_an_hour(desk, row, rob, carol):
    asked = desk.now
    desk.accept(rob, row)
    assert desk.state(row) == "submitted" and payable(carol.id) == 0
    desk.later(minutes=59)
    desk.lapse(row)
    assert desk.state(row) == "submitted"
    desk.later(hours=5)
    desk.lapse(row)
    (verdict,) = desk.verdicts(row)
    assert (verdict.outcome, verdict.decided_by_id) == ("accepted", rob.id)
    assert verdict.decided_at == desk.fresh(row).ended_at == asked + HOUR
    assert verdict.scores["gold"] == "not available"
    assert payable(carol.id) == 40


def test_an_early_acceptance_never_outlasts_the_window(desk, row, rob):
    due = row.review_due_at
    desk.at(due - dt.timedelta(minutes=10))
    desk.accept(rob, row)
    assert desk.fresh(row).next_due_at == due


def test_nothing_is_decided_while_it_can_be_undone(desk, carol, rob):
    row = desk.begin(carol)
    desk.submit(carol, row)
    desk.later(seconds=59)
    for act in (desk.accept, desk.reject, desk.ask_rework):
        with pytest.raises(Conflict, match="still undo"):
            act(rob, row)


# ── Who decides ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["alice", "rob"])
def test_owner_and_reviewer_decide(desk, row, name, request):
    assert desk.reject(request.getfixturevalue(name), row).state == "rejected"


@pytest.mark.parametrize("name", ["vic", "fay"])
def test_viewer_and_finance_do_not(desk, row, name, request):
    user = request.getfixturevalue(name)
    for act in (desk.accept, desk.reject, desk.ask_rework):
        with pytest.raises(NotAllowed):
            act(user, row)
    assert desk.verdicts(row) == []


@pytest.mark.parametrize("name", ["gus", "dave"])
def test_for_everybody_else_there_is_no_such_answer(desk, row, globex, name, request):
    user = request.getfixturevalue(name)
    for act in (desk.accept, desk.reject, desk.ask_rework):
        with pytest.raises(NotThere):
            act(user, row)


def test_nobody_decides_over_their_own_work(desk, row, carol, acme):
    with pytest.raises((NotAllowed, NotThere)):
        desk.accept(carol, row)
    with acting(STAFF):
        Membership.objects.create(org=acme, user=carol, role=Role.REVIEWER, since=desk.now)
    for act in (desk.accept, desk.reject):
        with pytest.raises(NotAllowed, match="their own work"):
            act(carol, row)
    assert desk.state(row) == "submitted"


# ── Rejecting ───────────────────────────────────────────────────────────────────────────────────


def test_a_rejection_pays_the_kill_fee_and_holds_the_difference(desk, row, rob, carol):
    desk.reject(rob, row)
    assert desk.lines(row) == [("kill_fee", 20, 6)]
    assert payable(carol.id) == 20
    fresh = desk.fresh(row)
    assert (fresh.held_pay, fresh.appeal_due_at) == (20, desk.now + 14 * DAY)
    (verdict,) = desk.verdicts(row)
    assert (verdict.criterion, verdict.note, verdict.decided_by_id) == ("accuracy", NOTE, rob.id)
    desk.check_holds(row)
    desk.prove()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"criterion": ""}, "criterion"),
        ({"criterion": "taste"}, "criterion"),
        ({"note": ""}, "note"),
        ({"note": "x" * 99}, "note"),
        ({"note": "x" * 99 + " " * 50}, "note"),
        ({"evidence": ""}, "evidence"),
        ({"evidence": " \n"}, "evidence"),
    ],
)
def test_a_rejection_cites_a_line_says_why_and_shows_it(desk, row, rob, carol, changes, field):
    with pytest.raises(Invalid) as refusal:
        desk.reject(rob, row, **changes)
    assert refusal.value.field == field
    assert desk.state(row) == "submitted" and payable(carol.id) == 0
    assert desk.verdicts(row) == []


def test_a_hundred_characters_are_enough(desk, row, rob):
    assert desk.reject(rob, row, note="x" * 100).state == "rejected"


@pytest.mark.parametrize("seconds", [0, 1, 86_400])
def test_after_the_window_it_is_accepted_whatever_the_verdict(desk, row, rob, carol, seconds):
    due = row.review_due_at
    desk.at(due + dt.timedelta(seconds=seconds))
    for act in (desk.reject, desk.ask_rework, desk.accept):
        with pytest.raises(TooLate, match="already accepted"):
            act(rob, row)
    desk.lapse(row)
    fresh = desk.fresh(row)
    assert (fresh.state, fresh.ended_at) == ("accepted", due)
    assert payable(carol.id) == 40


def test_the_last_second_of_the_window_counts(desk, row, rob):
    desk.at(row.review_due_at - dt.timedelta(seconds=1))
    assert desk.reject(rob, row).state == "rejected"


def test_a_rejected_answer_is_not_decided_again(desk, row, rob):
    desk.reject(rob, row)
    for act in (desk.accept, desk.reject, desk.ask_rework):
        with pytest.raises(Conflict):
            act(rob, row)


@pytest.mark.parametrize(
    "changes",
    [
        {"note": "x" * 99},
        {"criterion": ""},
        {"evidence": ""},
        {"decider": Decider.SILENCE, "decided_by_id": None},
        {"decider": Decider.RULE, "decided_by_id": None},
        {"decided_by_id": None},
    ],
    ids=str,
)
def test_postgresql_refuses_a_rejection_past_the_action(desk, row, rob, changes):
    words = {
        "outcome": VerdictOutcome.REJECTED, "decider": Decider.PERSON, "decided_by_id": rob.id,
        "criterion": "accuracy", "note": NOTE, "evidence": "The mark.",
    } | changes  # fmt: skip

    def insert(**values):
        Verdict.objects.create(
            org_id=row.org_id, project_id=row.project_id, contributor_id=row.contributor_id,
            assignment=row, submission=desk.answer_of(row), decided_at=desk.now, **values,
        )  # fmt: skip

    with (
        acting(actor_of(rob)),
        pytest.raises(IntegrityError, match="verdict_"),
        transaction.atomic(),
    ):
        insert(**words)
    assert desk.verdicts(row) == []


def test_a_verdict_is_evidence(desk, row, rob):
    desk.reject(rob, row)
    for change in (
        lambda: Verdict.objects.filter(assignment=row).update(note="x" * 100),
        lambda: Verdict.objects.filter(assignment=row).delete(),
    ):
        with acting(STAFF), pytest.raises(Error), transaction.atomic():
            change()
    assert [verdict.note for verdict in desk.verdicts(row)] == [NOTE]


def test_the_slot_opens_again_only_if_another_maximum_is_there(desk_of, project, acme, rob, carol):
    # Enough for one first claim, whose time is all due; a later one needs 76 more.
    for budget, opens in ((276, 0), (276 + 76, 1)):
        desk = desk_of(
            project(
                acme, budget=budget, how_many=1, overlap=1, gold=0, title=f"Budget {budget}",
                limits={"newcomer_share_percent": 100},
            )
        )  # fmt: skip
        desk.enrol(carol)
        row = desk.hand_in(carol, seconds=720)
        desk.reject(rob, row)
        assert set(desk.slots().values()) == {opens}


# ── Rework ──────────────────────────────────────────────────────────────────────────────────────


def test_rework_is_reserved_when_it_is_asked_for_and_paid_on_its_own_line(desk, row, rob, carol):
    before = row.held
    desk.ask_rework(rob, row)
    fresh = desk.fresh(row)
    # The round's pay of 20, and its time of 120 s (40) less the guarantee that grew by 20.
    assert fresh.held == before + 20 + 20
    assert (fresh.state, fresh.rounds, fresh.cap_seconds) == ("rework", 2, row.cap_seconds + 120)
    desk.check_holds(row)
    desk.later(minutes=10)
    desk.submit(carol, row, "no")
    desk.later(seconds=61)
    desk.check_holds(row)
    desk.at(desk.fresh(row).review_due_at)
    desk.lapse(row)
    assert desk.lines(row) == [("base", 40, 6), ("rework", 20, 0)]
    desk.check_holds(row)


def test_a_rejected_second_round_keeps_its_rework_pay(desk, row, rob, carol):
    desk.ask_rework(rob, row)
    desk.submit(carol, row, "no")
    desk.later(seconds=61)
    desk.reject(rob, row)
    assert desk.lines(row) == [("kill_fee", 20, 6), ("rework", 20, 0)]
    desk.check_holds(row)


def test_rework_is_asked_for_once(desk, row, rob, carol):
    desk.ask_rework(rob, row)
    desk.submit(carol, row, "no")
    desk.later(seconds=61)
    with pytest.raises(Conflict, match="once"):
        desk.ask_rework(rob, row)


def test_rework_is_asked_for_once_even_when_the_first_time_nobody_came(desk, row, rob):
    desk.ask_rework(rob, row)
    desk.at(desk.fresh(row).rework_due_at)
    desk.lapse(row)
    assert desk.state(row) == "submitted"
    with pytest.raises(Conflict, match="once"):
        desk.ask_rework(rob, row)


@pytest.mark.parametrize(
    ("changes", "field"), [({"note": " "}, "note"), ({"criterion": "taste"}, "criterion")]
)
def test_rework_says_what_and_why(desk, row, rob, changes, field):
    with pytest.raises(Invalid) as refusal:
        desk.ask_rework(rob, row, **changes)
    assert refusal.value.field == field


def test_rework_without_money_is_refused(desk_of, project, acme, rob, carol):
    desk = desk_of(project(acme, budget=276, gold=0, limits={"newcomer_share_percent": 100}))
    desk.enrol(carol)
    row = desk.hand_in(carol)
    with pytest.raises(Conflict, match="top it up first"):
        desk.ask_rework(rob, row)
    assert desk.state(row) == "submitted"
    desk.check_holds(row)


def test_the_first_answer_cannot_be_judged_while_it_is_reworked(desk, row, rob, carol):
    first = desk.answer_of(row)
    desk.ask_rework(rob, row)
    desk.submit(carol, row, "no")
    desk.later(seconds=61)
    with acting(actor_of(rob)) as actor, pytest.raises(Conflict, match="replaced"):
        work.accept(submission_id=first.id, by=actor, now=desk.now)


# ── The breaker ─────────────────────────────────────────────────────────────────────────────────


def test_ten_rejections_of_a_person_a_day(desk_of, project, acme, rob, carol):
    desk = desk_of(
        project(
            acme, how_many=12, gold=0,
            limits={"newcomer_share_percent": 100, "breaker_per_contributor_day": 10},
        )
    )  # fmt: skip
    desk.enrol(carol)
    rows = [desk.hand_in(carol, seconds=0) for _ in range(12)]
    for row in rows[:10]:
        desk.reject(rob, row)
    with pytest.raises(Conflict, match="10 answers of this contributor"):
        desk.reject(rob, rows[10])
    desk.at(desk.now.replace(hour=0, minute=0, second=0) + DAY)
    assert desk.reject(rob, rows[10]).state == "rejected"


def test_above_thirty_percent_rejections_freeze(desk_of, project, acme, rob, carol, dave, ada):
    desk = desk_of(project(acme, how_many=12, gold=0, limits={"newcomer_share_percent": 100}))
    desk.enrol(carol)
    desk.enrol(dave)
    rows = [desk.hand_in(user, seconds=0) for user in (carol, dave) for _ in range(10)]
    # 6 of 20 are 30%; the seventh is above.
    for row in rows[:7]:
        desk.reject(rob, row)
    with acting(STAFF):
        assert Project.objects.get(id=desk.project.id).rejections_frozen_at == desk.now
    with pytest.raises(Conflict, match="frozen"):
        desk.reject(rob, rows[7])
    assert desk.ask_rework(rob, rows[7]).state == "rework"
    with acting(actor_of(rob)) as actor, pytest.raises(NotAllowed):
        work.unfreeze_rejections(project_id=desk.project.id, by=actor, now=desk.now)
    with acting(actor_of(ada)) as actor:
        work.unfreeze_rejections(project_id=desk.project.id, by=actor, now=desk.now)
    assert desk.reject(rob, rows[8]).state == "rejected"


def test_thirty_percent_exactly_does_not_freeze(desk_of, project, acme, rob, carol, dave):
    desk = desk_of(project(acme, how_many=12, gold=0, limits={"newcomer_share_percent": 100}))
    desk.enrol(carol)
    desk.enrol(dave)
    rows = [desk.hand_in(user, seconds=0) for user in (carol, dave) for _ in range(10)]
    for row in rows[:6]:
        desk.reject(rob, row)
    with acting(STAFF):
        assert Project.objects.get(id=desk.project.id).rejections_frozen_at is None


def test_an_id_that_is_not_there(desk, rob):
    with acting(actor_of(rob)) as actor, pytest.raises(NotThere):
        work.accept(submission_id=uuid7(), by=actor, now=desk.now)
