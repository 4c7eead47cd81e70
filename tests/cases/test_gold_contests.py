"""Contests of known answers: who is told what when, who decides, and what follows for everybody."""

import datetime as dt

import pytest
from django.db import DatabaseError, transaction

from apps.audit.models import AuditEvent
from apps.cases import actions as cases
from apps.cases.enums import CaseState
from apps.cases.errors import AlreadyOpen, Involved, TooLate
from apps.cases.models import Case
from apps.cases.tasks import sweep_all
from apps.core.errors import Conflict, Invalid, NotAllowed, NotThere
from apps.core.tasks import pairs
from apps.core.tenancy import acting
from apps.notices.models import Notice
from apps.organizations.queries import actor_of
from apps.projects.models import GoldAnswer
from apps.scoring.models import ScoringRun
from apps.work import actions as work
from apps.work.models import Assignment, EarningLine, Submission
from apps.work.queries import gold as golds
from tests.cases.gold import WHY
from tests.cases.money import STAFF, payable

DAY = dt.timedelta(days=1)
BASE, KILL_FEE, CASE_TIME = 40, 20, 200
pytestmark = pytest.mark.django_db


def told(golden, user) -> set:
    with acting(actor_of(user)) as actor:
        return set(golds.missed(actor, golden.now, golden.project.id))


def notices(user, kind) -> int:
    with acting(actor_of(user)):
        return Notice.objects.filter(user=user, kind=kind).count()


# ── What is told, and when ──────────────────────────────────────────────────────────────────────


def test_a_miss_is_told_after_the_review_and_to_nobody_else(golden, carol, dave, rob):
    golden.enrol(carol)
    first, second = golden.answer(carol, wrong=2)
    golden.score()
    assert told(golden, carol) == set()
    golden.reject(rob, first)
    golden.accept(rob, second)
    assert golden.state(second) == "accepted"
    # A rejection is told at once, an acceptance when the week is over.
    assert told(golden, carol) == {first.id}
    golden.at(dt.datetime(2026, 3, 8, 23, 59, 59, tzinfo=dt.UTC))
    assert told(golden, carol) == {first.id}
    golden.at(dt.datetime(2026, 3, 9, tzinfo=dt.UTC))
    assert told(golden, carol) == {first.id, second.id}
    assert told(golden, dave) == set()


def test_a_met_known_answer_is_never_told(golden, carol, rob):
    golden.enrol(carol)
    (row,) = golden.answer(carol, wrong=0, right=1)
    golden.score()
    golden.reject(rob, row)
    golden.later(days=10)
    assert told(golden, carol) == set()
    with pytest.raises(NotThere, match="no known answer"):
        golden.contest(carol, row)


def test_what_is_not_told_cannot_be_contested(golden, carol, dave, rob):
    golden.enrol(carol)
    row = golden.answer(carol, wrong=1)[0]
    golden.score()
    with pytest.raises(NotThere, match="no known answer"):
        golden.contest(carol, row)
    golden.reject(rob, row)
    with pytest.raises(NotThere):
        golden.contest(dave, row)
    assert golden.gold(row).contested_until is None


def test_the_contributor_still_reads_no_known_answer(golden, missed, carol):
    case = golden.contest(carol, missed)
    with acting(actor_of(carol)):
        assert not GoldAnswer._base_manager.exists()
        assert Case.objects.get(id=case.id).kind == "gold_contest"


# ── Filing ──────────────────────────────────────────────────────────────────────────────────────


def test_a_contest_has_seven_days_and_everybody_hears(golden, missed, carol, rob, ada, vic):
    case = golden.contest(carol, missed)
    assert (case.state, case.due_at) == ("open", golden.now + 7 * DAY)
    assert golden.gold(missed).contested_until == case.due_at
    assert golden.gold(missed).standing == "contested"
    assert notices(rob, "case.gold_contest") == 1
    assert notices(ada, "staff.case") == 1
    assert notices(vic, "case.gold_contest") == 0
    with acting(STAFF):
        assert AuditEvent.objects.filter(type="case.opened", aggregate_id=case.id).exists()


def test_it_says_why_and_shows_it(golden, missed, carol):
    with pytest.raises(Invalid) as refusal:
        golden.contest(carol, missed, reason="No.")
    assert refusal.value.field == "reason"
    with pytest.raises(Invalid) as refusal:
        golden.contest(carol, missed, evidence=" ")
    assert refusal.value.field == "evidence"
    assert golden.gold(missed).contested_until is None


def test_it_is_contested_once(golden, missed, carol, ada):
    case = golden.contest(carol, missed)
    with pytest.raises(AlreadyOpen):
        golden.contest(carol, missed)
    golden.decide(ada, case, is_granted=False)
    with pytest.raises(AlreadyOpen):
        golden.contest(carol, missed)


# ── Deciding ────────────────────────────────────────────────────────────────────────────────────


def test_upheld_changes_nothing(golden, missed, carol, ada):
    case = golden.contest(carol, missed)
    golden.later(days=1)
    assert golden.decide(ada, case, is_granted=False).state == CaseState.UPHELD
    gold = golden.gold(missed)
    assert (gold.demoted_at, gold.contested_until) == (None, None)
    assert golden.state(missed) == "rejected"
    assert payable(carol.id) == KILL_FEE


def test_granted_takes_it_out_of_every_score_and_pays_at_once(
    golden, missed, carol, dave, ada, rob
):
    golden.enrol(dave)
    other = golden.same_item(dave, missed)
    golden.score()
    golden.reject(rob, other)
    case = golden.contest(carol, missed)
    golden.later(days=1)
    done = golden.decide(ada, case)
    assert (done.state, done.decided_by_id) == ("granted", ada.id)
    gold = golden.gold(missed)
    assert (gold.demoted_at, gold.demoted_by_id, gold.demoted_case) == (
        golden.now,
        ada.id,
        case.id,
    )
    # Both rejections that stood on it are overturned; the time is paid to who contested alone.
    assert [golden.state(row) for row in (missed, other)] == ["overturned"] * 2
    assert ("case_time", CASE_TIME, -CASE_TIME) in golden.lines(missed)
    assert payable(carol.id) == BASE + CASE_TIME
    assert ("adjustment", BASE - KILL_FEE, 0) in golden.lines(other)
    assert not any(kind == "case_time" for kind, _, _ in golden.lines(other))
    assert notices(dave, "gold.overturned") == 1
    golden.check_holds(missed, other)
    golden.prove()


def test_a_new_run_counts_without_it(golden, missed, carol, dave, ada):
    golden.enrol(dave)
    golden.same_item(dave, missed)
    golden.score()
    before = golden.enrolment(dave)
    case = golden.contest(carol, missed)
    golden.later(minutes=5)
    assert (golden.project.id, golden.project.org_id) not in pairs(
        "work_unscored_projects", golden.now
    )
    golden.decide(ada, case)
    assert (golden.project.id, golden.project.org_id) in pairs("work_unscored_projects", golden.now)
    golden.score()
    after = golden.enrolment(dave)
    assert (after.gold_count, after.gold_correct) == (before.gold_count - 1, before.gold_correct)
    with acting(STAFF):
        answers = Submission.objects.filter(item_id=missed.item_id)
        assert {row.scores["gold"] for row in answers} == {"not available"}
    golden.later(minutes=5)
    assert golden.score() is None, "no run is asked for in vain"


def test_silence_finds_for_the_contributor_at_the_deadline(golden, missed, carol):
    case = golden.contest(carol, missed)
    golden.at(case.due_at + DAY)
    assert sweep_all(now=golden.now) == 1
    fresh, gold = golden.case(case), golden.gold(missed)
    assert (fresh.state, fresh.decided_at, fresh.decided_by_id) == ("lapsed", case.due_at, None)
    assert (gold.demoted_at, gold.demoted_by_id, gold.demoted_case) == (case.due_at, None, case.id)
    assert golden.state(missed) == "overturned"
    # The platform pays time only where a person found so.
    assert payable(carol.id) == BASE
    assert sweep_all(now=golden.now) == 0


def test_a_late_decision_is_refused_and_silence_is_kept(golden, missed, carol, ada):
    case = golden.contest(carol, missed)
    golden.at(case.due_at)
    # Within one request, as the view does: the refusal is shown and the silence is committed.
    with acting(actor_of(ada)) as by, pytest.raises(TooLate):
        cases.decide(case_id=case.id, is_granted=False, decision=WHY, by=by, now=golden.now)
    assert golden.case(case).state == "lapsed"
    assert golden.gold(missed).demoted_at == case.due_at


@pytest.mark.parametrize("who", ["carol", "dave", "rob", "alice", "gus"])
def test_nobody_but_an_uninvolved_administrator_decides(request, golden, missed, carol, who):
    case = golden.contest(carol, missed)
    with pytest.raises((NotAllowed, NotThere)):
        golden.decide(request.getfixturevalue(who), case)
    assert golden.case(case).state == "open"


def test_whoever_wrote_the_known_answer_does_not_decide(golden, missed, carol, ada, adam):
    with acting(STAFF):
        GoldAnswer.objects.filter(item_id=missed.item_id).update(authored_by=ada)
    case = golden.contest(carol, missed)
    with pytest.raises(Involved, match="wrote"):
        golden.decide(ada, case, is_granted=False)
    with acting(STAFF), pytest.raises(DatabaseError, match="author"), transaction.atomic():
        Case.objects.filter(id=case.id).update(
            state="upheld", decided_by=ada, decided_at=golden.now, decision=WHY
        )
    assert golden.decide(adam, case, is_granted=False).state == "upheld"


def test_the_contest_of_another_person_is_decided_with_it(golden, missed, carol, dave, ada, rob):
    golden.enrol(dave)
    other = golden.same_item(dave, missed)
    golden.score()
    golden.reject(rob, other)
    mine, theirs = golden.contest(carol, missed), golden.contest(dave, other)
    golden.later(hours=1)
    golden.decide(ada, mine)
    decided = golden.case(theirs)
    assert (decided.state, decided.decided_by_id) == ("granted", ada.id)
    assert payable(carol.id) == payable(dave.id) - golden_extra(golden, dave) == BASE + CASE_TIME


def golden_extra(golden, user) -> int:
    """What this person was paid for other items than the contested one."""
    with acting(STAFF):
        lines = EarningLine.objects.filter(contributor=user)
        case = Case.objects.get(contributor=user, kind="gold_contest")
        return sum(line.net for line in lines.exclude(assignment_id=case.assignment_id))


def test_one_upheld_leaves_the_other_contest_open(golden, missed, carol, dave, ada, rob):
    golden.enrol(dave)
    other = golden.same_item(dave, missed)
    golden.score()
    golden.reject(rob, other)
    mine, theirs = golden.contest(carol, missed), golden.contest(dave, other)
    golden.decide(ada, mine, is_granted=False)
    assert golden.gold(missed).contested_until is not None
    golden.decide(ada, theirs, is_granted=False)
    assert golden.gold(missed).contested_until is None


def test_an_open_appeal_is_won_with_it(golden, missed, carol, ada):
    with acting(actor_of(carol)) as by:
        appeal = cases.appeal(
            assignment_id=missed.id, reason="The anchor says it is open.", by=by, now=golden.now
        )
    case = golden.contest(carol, missed)
    golden.later(hours=1)
    golden.decide(ada, case)
    assert golden.case(appeal).state == "granted"
    # Two cases took time: the appeal and the contest.
    times = [line for line in golden.lines(missed) if line[0] == "case_time"]
    assert times == [("case_time", CASE_TIME, -CASE_TIME)] * 2
    assert payable(carol.id) == BASE + 2 * CASE_TIME


def test_a_final_rejection_is_found_for_its_author_too(golden, missed, carol, dave, ada, rob):
    golden.later(days=15)
    golden.lapse(missed)
    assert golden.state(missed) == "final"
    golden.enrol(dave)
    other = golden.same_item(dave, missed)
    golden.score()
    golden.reject(rob, other)
    case = golden.contest(dave, other)
    golden.decide(ada, case)
    with acting(STAFF):
        appeal = Case.objects.get(kind="appeal", contributor=carol)
    assert (appeal.state, appeal.amount, appeal.decided_by_id) == ("granted", 20, ada.id)
    assert appeal.transfer_id is not None
    assert payable(carol.id) == BASE
    assert golden.state(missed) == "final"
    golden.prove()


def test_without_money_a_final_rejection_waits_for_it(golden, missed, carol, ada, alice):
    golden.later(days=15)
    golden.lapse(missed)
    with acting(STAFF):
        # As if all of it were gone.
        Assignment.objects.filter(id=missed.id).update(held_until=None)
    real = work.pay_missing

    def broke(**_: object) -> None:
        return None

    work.pay_missing = broke
    try:
        golden.demote(ada, missed)
    finally:
        work.pay_missing = real
    with acting(STAFF):
        appeal = Case.objects.get(kind="appeal", contributor=carol)
    assert (appeal.state, appeal.transfer_id) == ("granted", None)
    assert payable(carol.id) == KILL_FEE
    with acting(actor_of(ada)) as by:
        cases.pay(case_id=appeal.id, by=by, now=golden.now)
    assert payable(carol.id) == BASE
    with acting(actor_of(ada)) as by, pytest.raises(Conflict):
        cases.pay(case_id=appeal.id, by=by, now=golden.now)


def test_bad_faith_is_left_to_its_own_appeal(golden, carol, rob, ada, adam):
    golden.enrol(carol)
    row = golden.answer(carol, wrong=1)[0]
    golden.score()
    with acting(actor_of(ada)) as by:
        case = cases.open_bad_faith(
            assignment_id=row.id,
            criterion="care",
            signals=[
                {"kind": "answer_time", "evidence": "Two seconds."},
                {"kind": "straight_lining", "evidence": "All the same."},
            ],
            reason=WHY * 2,
            by=by,
            now=golden.now,
        )
    with acting(actor_of(adam)) as by:
        cases.decide(case_id=case.id, is_granted=True, decision=WHY * 2, by=by, now=golden.now)
    golden.demote(ada, row)
    assert golden.state(row) == "rejected"
    assert golden.fresh(row).is_bad_faith


def test_a_rejection_written_after_the_demotion_cannot_rest_on_it(golden, carol, rob, ada):
    golden.enrol(carol)
    row = golden.answer(carol, wrong=1)[0]
    golden.score()
    golden.demote(ada, row)
    golden.reject(rob, row)
    (verdict,) = golden.verdicts(row)
    assert verdict.scores["gold"] == "not available"


# ── Demoting without a contest ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("who", "may"),
    [("alice", True), ("mia", True), ("ada", True), ("rob", False), ("fay", False),
     ("vic", False), ("gus", False), ("carol", False)],
)  # fmt: skip
def test_who_may_demote(request, golden, missed, globex, who, may):
    user = request.getfixturevalue(who)
    if not may:
        with pytest.raises((NotAllowed, NotThere)):
            golden.demote(user, missed)
        assert golden.gold(missed).demoted_at is None
        return
    gold = golden.demote(user, missed)
    assert (gold.demoted_by_id, gold.demoted_reason) == (user.id, WHY)
    with pytest.raises(Conflict):
        golden.demote(user, missed)


def test_a_demotion_says_why(golden, missed, alice):
    with pytest.raises(Invalid) as refusal:
        golden.demote(alice, missed, reason="Wrong.")
    assert refusal.value.field == "reason"


def test_another_projects_known_answer_is_not_there(golden, missed, project, acme, alice):
    other = project(acme, title="Another")
    with acting(actor_of(alice)) as by, pytest.raises(NotThere):
        cases.demote_gold(
            project_id=other.id, item_id=missed.item_id, reason=WHY, by=by, now=golden.now
        )


def test_the_buyer_gives_in_and_the_platform_pays_no_time(golden, missed, carol, alice):
    """Else a buyer and a contributor in league could let the platform pay for one after another."""
    case = golden.contest(carol, missed)
    golden.demote(alice, missed)
    decided = golden.case(case)
    assert (decided.state, decided.decided_by_id) == ("granted", alice.id)
    assert payable(carol.id) == BASE
    assert golden.state(missed) == "overturned"


def test_all_concerned_are_told(golden, missed, carol, dave, alice, mia, vic):
    golden.enrol(dave)
    golden.same_item(dave, missed)
    golden.score()
    golden.demote(alice, missed)
    assert notices(carol, "gold.overturned") == 1
    assert notices(dave, "gold.demoted") == 1
    assert notices(mia, "gold.demoted") == 1
    assert notices(alice, "gold.demoted") == notices(vic, "gold.demoted") == 0
    with acting(STAFF):
        assert AuditEvent.objects.filter(type="gold.demoted").count() == 1


# ── What PostgreSQL refuses ─────────────────────────────────────────────────────────────────────


def test_a_demotion_has_a_reason_and_somebody(golden, missed, ada):
    rows = GoldAnswer.objects.filter(item_id=missed.item_id)
    for words in (
        {"demoted_at": golden.now},
        {"demoted_at": golden.now, "demoted_reason": WHY},
        {"demoted_at": golden.now, "demoted_by": ada},
        {"demoted_reason": WHY, "demoted_by": ada},
    ):
        with acting(STAFF), pytest.raises(DatabaseError), transaction.atomic():
            rows.update(**words)


def test_a_demotion_is_for_good(golden, missed, ada):
    golden.demote(ada, missed)
    rows = GoldAnswer.objects.filter(item_id=missed.item_id)
    nothing = {"demoted_at": None, "demoted_by": None, "demoted_case": None, "demoted_reason": ""}
    for words in (nothing, {"demoted_reason": "Another."}, {"answer_key": "no"}):
        refused = pytest.raises(DatabaseError, match="does not change")
        with acting(STAFF), refused, transaction.atomic():
            rows.update(**words)


def test_a_contest_is_opened_by_its_contributor(golden, missed, carol, ada):
    words = {
        "kind": "gold_contest", "contributor": carol, "opened_by": carol, "opened_at": golden.now,
        "org_id": golden.project.org_id, "project": golden.project, "assignment": missed,
        "reason": WHY, "evidence": WHY, "due_at": golden.now,
    }  # fmt: skip
    for actor, changes in (
        (actor_of(ada), {}),
        (actor_of(carol), {"evidence": ""}),
        (actor_of(carol), {"opened_by": ada}),
    ):
        with acting(actor), pytest.raises(DatabaseError), transaction.atomic():
            Case(**words | changes).save(force_insert=True)


# ── The bonus ───────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def near(golden, carol, rob) -> Assignment:
    """Carol's one miss among twelve known answers, all accepted: just below the bar."""
    golden.enrol(carol)
    rows = golden.answer(carol, wrong=1, right=11)
    golden.score()
    golden.at(max(golden.fresh(row).review_due_at for row in rows))
    golden.lapse(*rows)
    golden.at(dt.datetime(2026, 3, 9, tzinfo=dt.UTC))
    golden.settle()
    assert not any(kind == "quality_bonus" for kind, _, _ in golden.settled(carol))
    return rows[0]


def test_the_next_settlement_counts_without_it_before_any_run(golden, near, carol, ada):
    case = golden.contest(carol, near)
    golden.decide(ada, case)
    golden.at(dt.datetime(2026, 3, 16, tzinfo=dt.UTC))
    golden.settle()
    bonus = [net for kind, net, _ in golden.settled(carol) if kind == "quality_bonus"]
    # 20% of the base of twelve accepted answers.
    assert bonus == [12 * BASE * 20 // 100]
    with acting(STAFF):
        facts = golden.project.settlements.latest("at").facts
    assert (facts["gold_count"], facts["gold_demoted"]) == (11, 1)
    golden.prove()


def test_what_was_paid_is_never_taken_back(golden, carol, ada):
    golden.enrol(carol)
    rows = golden.answer(carol, wrong=0, right=12)
    golden.score()
    golden.at(max(golden.fresh(row).review_due_at for row in rows))
    golden.lapse(*rows)
    golden.settle()
    before = payable(carol.id)
    assert any(kind == "quality_bonus" for kind, _, _ in golden.settled(carol))
    for row in rows[:6]:
        # Fewer than eight are left: nothing would rest on them any more.
        golden.demote(ada, row)
    golden.score()
    assert golden.enrolment(carol).gold_count == 6
    golden.later(days=7)
    golden.settle()
    assert payable(carol.id) == before
    golden.prove()


def test_a_project_does_not_close_over_an_open_contest(golden, near, carol, ada, alice):
    golden.begin_close(alice)
    case = golden.contest(carol, near)
    golden.later(days=1)
    assert golden.close() is False
    golden.decide(ada, case)
    assert golden.close() is True
    assert any(kind == "quality_bonus" for kind, _, _ in golden.settled(carol))
    golden.prove()


# ── The last run on the row of a known answer ───────────────────────────────────────────────────


def test_a_run_says_on_each_known_answer_how_it_stands(golden, carol, dave):
    for user in (carol, dave):
        golden.enrol(user)
        golden.answer(user, wrong=1, right=3)
    golden.score()
    with acting(STAFF):
        rows = {row.item_id: row for row in GoldAnswer.objects.filter(answers__gt=0)}
        answers = list(Submission.objects.filter(project=golden.project))
        assert ScoringRun.objects.get().gold_items_sha256
    for item, row in rows.items():
        given = [each for each in answers if each.item_id == item]
        assert row.answers == len(given)
        wrong = sum(each.answer_key != golden.known[item] for each in given)
        assert row.against == pytest.approx(wrong / len(given))
        assert 0 < row.wrong < 1
