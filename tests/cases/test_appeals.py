"""An appeal: who files, who decides, what the deadline does, where the money goes."""

import datetime as dt

import pytest

from apps.audit.models import AuditEvent
from apps.cases import actions as cases
from apps.cases.enums import CaseState
from apps.cases.errors import AlreadyOpen, Involved, TooLate
from apps.cases.models import Case
from apps.cases.tasks import sweep_all
from apps.core.errors import Conflict, Invalid, NotAllowed, NotThere
from apps.core.ids import uuid7
from apps.core.tenancy import acting, system
from apps.ledger.models import Transfer
from apps.notices.models import Notice
from apps.organizations.enums import Role
from apps.organizations.models import Membership
from apps.organizations.queries import actor_of
from apps.work import actions as work
from apps.work.enums import AssignmentState
from apps.work.models import Assignment, Verdict
from tests.cases.conftest import DECISION, REASON
from tests.cases.money import STAFF, held, payable

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
BASE, KILL_FEE = 40, 20


@pytest.fixture
def appealed(rejected, carol) -> Case:
    row, at = rejected
    person = actor_of(carol)
    with acting(person):
        return cases.appeal(assignment_id=row.id, reason=REASON, by=person, now=at + HOUR)


def decide(case, user, *, at, is_granted=True, decision=DECISION):
    person = actor_of(user)
    with acting(person):
        return cases.decide(
            case_id=case.id, is_granted=is_granted, decision=decision, by=person, now=at
        )


def state_of(row) -> str:
    with acting(STAFF):
        return Assignment.objects.get(id=row.id).state


def test_an_appeal_holds_the_money_until_its_deadline(rejected, appealed, carol):
    row, at = rejected
    assert appealed.due_at == at + HOUR + 7 * DAY
    with acting(STAFF):
        fresh = Assignment.objects.get(id=row.id)
    assert fresh.held_until == fresh.next_due_at == appealed.due_at
    assert fresh.held_pay == BASE - KILL_FEE
    assert payable(carol.id) == KILL_FEE


def test_only_the_contributor_appeals(rejected, carol, dave, rob, alice, ada):
    row, at = rejected
    for user in (dave, rob, alice, ada):
        person = actor_of(user)
        with acting(person), pytest.raises(NotThere):
            cases.appeal(assignment_id=row.id, reason=REASON, by=person, now=at)


def test_one_open_appeal_an_assignment(appealed, carol):
    person = actor_of(carol)
    with acting(person), pytest.raises(AlreadyOpen):
        cases.appeal(
            assignment_id=appealed.assignment_id, reason=REASON, by=person,
            now=appealed.opened_at + HOUR,
        )  # fmt: skip


@pytest.mark.parametrize("late", [dt.timedelta(), dt.timedelta(seconds=1), 30 * DAY])
def test_the_time_to_appeal_ends_after_14_days(rejected, carol, late):
    row, at = rejected
    person = actor_of(carol)
    with acting(person), pytest.raises(TooLate, match="until"):
        cases.appeal(assignment_id=row.id, reason=REASON, by=person, now=at + 14 * DAY + late)


def test_the_last_second_counts(rejected, carol):
    row, at = rejected
    person = actor_of(carol)
    moment = at + 14 * DAY - dt.timedelta(seconds=1)
    with acting(person):
        case = cases.appeal(assignment_id=row.id, reason=REASON, by=person, now=moment)
    assert case.due_at == moment + 7 * DAY


def test_what_was_accepted_cannot_be_appealed(accepted, carol):
    row, at = accepted
    person = actor_of(carol)
    with acting(person), pytest.raises(Conflict, match="accepted"):
        cases.appeal(assignment_id=row.id, reason=REASON, by=person, now=at)


def test_an_appeal_says_why(rejected, carol):
    row, at = rejected
    person = actor_of(carol)
    with acting(person), pytest.raises(Invalid) as refusal:
        cases.appeal(assignment_id=row.id, reason="  wrong  ", by=person, now=at)
    assert refusal.value.field == "reason"


@pytest.fixture
def judges(appealed, ada, adam, carol, dave, rob, alice, acme) -> dict:
    """Everybody who might want to decide, by why they may or may not."""
    with acting(STAFF):
        # adam is an administrator who also belongs to the buyer.
        Membership.objects.create(org=acme, user=adam, role=Role.VIEWER, since=appealed.opened_at)
    return {
        "uninvolved staff": (ada, True),
        "staff who belongs to the buyer": (adam, False),
        "contributor": (carol, False),
        "other contributor": (dave, False),
        "reviewer": (rob, False),
        "owner": (alice, False),
    }


@pytest.mark.parametrize(
    "who",
    [
        "uninvolved staff",
        "staff who belongs to the buyer",
        "contributor",
        "other contributor",
        "reviewer",
        "owner",
    ],
)
def test_who_may_decide(appealed, judges, who):
    user, may = judges[who]
    moment = appealed.opened_at + DAY
    if may:
        assert decide(appealed, user, at=moment).state == CaseState.GRANTED
        return
    with pytest.raises((NotAllowed, NotThere)):
        decide(appealed, user, at=moment)
    with acting(STAFF):
        assert Case.objects.get(id=appealed.id).state == CaseState.OPEN


def test_whoever_decided_does_not_decide_the_appeal(appealed, rob):
    """Rob rejected it; later he is made an administrator, and is still involved."""
    rob.is_staff = True
    rob.save()
    with acting(STAFF):
        Membership.objects.filter(user=rob).delete()
    with pytest.raises(Involved, match="Whoever decided"):
        decide(appealed, rob, at=appealed.opened_at + DAY)


def test_whoever_filed_it_does_not_decide_it(appealed, carol):
    carol.is_staff = True
    carol.save()
    with pytest.raises(Involved, match="opened"):
        decide(appealed, carol, at=appealed.opened_at + DAY)


def test_granted_pays_the_rest_at_once(rejected, appealed, ada, carol, acme):
    row, _ = rejected
    before, _ = held(acme.id, row.project_id)
    case = decide(appealed, ada, at=appealed.opened_at + DAY)
    assert (case.state, case.decided_by_id, case.decision) == ("granted", ada.id, DECISION)
    assert state_of(row) == AssignmentState.OVERTURNED
    assert payable(carol.id) == BASE
    after, _ = held(acme.id, row.project_id)
    assert before - after == BASE - KILL_FEE
    with acting(STAFF):
        transfer = Transfer.objects.get(id=case.transfer_id)
        assert transfer.amount == BASE - KILL_FEE
        verdict = Verdict.objects.get(assignment_id=row.id, outcome="overturned")
        assert verdict.decided_by_id == ada.id


def test_not_granted_releases_what_was_held(rejected, appealed, ada, carol, acme):
    row, _ = rejected
    case = decide(appealed, ada, at=appealed.opened_at + DAY, is_granted=False)
    assert (case.state, case.transfer_id) == ("upheld", None)
    assert state_of(row) == AssignmentState.FINAL
    assert payable(carol.id) == KILL_FEE
    with acting(STAFF):
        assert Assignment.objects.get(id=row.id).held_pay == 0


def test_a_decision_needs_a_written_reason(appealed, ada):
    with pytest.raises(Invalid) as refusal:
        decide(appealed, ada, at=appealed.opened_at + DAY, decision="No.")
    assert refusal.value.field == "decision"


def test_it_is_decided_once(appealed, ada, adam):
    moment = appealed.opened_at + DAY
    decide(appealed, ada, at=moment, is_granted=False)
    with pytest.raises(Conflict, match="already"):
        decide(appealed, adam, at=moment + HOUR)


def test_silence_finds_for_the_contributor(rejected, appealed, carol):
    row, _ = rejected
    assert sweep_all(now=appealed.due_at - dt.timedelta(seconds=1)) == 0
    assert state_of(row) == AssignmentState.REJECTED
    assert sweep_all(now=appealed.due_at + 3 * DAY) == 1
    with acting(STAFF):
        case = Case.objects.get(id=appealed.id)
        assert (case.state, case.decided_by_id) == ("lapsed", None)
        # It counts from the deadline, however late the sweep comes.
        assert case.decided_at == case.due_at
        assert Transfer.objects.get(id=case.transfer_id).amount == BASE - KILL_FEE
    assert state_of(row) == AssignmentState.OVERTURNED
    assert payable(carol.id) == BASE
    assert sweep_all(now=appealed.due_at + 4 * DAY) == 0
    assert payable(carol.id) == BASE


def test_the_sweep_of_work_may_come_first(rejected, appealed, carol, acme):
    row, _ = rejected
    with acting(system(acme.id)) as marketplace:
        work.lapse(assignment_ids=[row.id], by=marketplace, now=appealed.due_at)
    assert payable(carol.id) == BASE
    assert sweep_all(now=appealed.due_at) == 1
    with acting(STAFF):
        case = Case.objects.get(id=appealed.id)
        assert case.state == CaseState.LAPSED
        assert Transfer.objects.filter(id=case.transfer_id).exists()
    assert payable(carol.id) == BASE


def test_the_deadline_decides_before_the_administrator(rejected, appealed, ada, carol):
    """Nobody swept; the decision comes too late and is refused, the deadline is carried out."""
    row, _ = rejected
    person = actor_of(ada)
    with acting(person), pytest.raises(TooLate):
        cases.decide(
            case_id=appealed.id, is_granted=False, decision=DECISION, by=person, now=appealed.due_at
        )
    assert state_of(row) == AssignmentState.OVERTURNED
    assert payable(carol.id) == BASE
    with acting(STAFF):
        assert Case.objects.get(id=appealed.id).state == CaseState.LAPSED


@pytest.mark.parametrize(
    ("role", "may"), [("alice", True), ("mia", True), ("rob", True), ("fay", False), ("vic", False)]
)
def test_the_buyer_may_add_one_statement(request, appealed, role, may):
    user = request.getfixturevalue(role)
    person, moment = actor_of(user), appealed.opened_at + HOUR
    words = {"case_id": appealed.id, "text": "We read it again and stay with it.", "by": person}
    with acting(person):
        if not may:
            with pytest.raises(NotAllowed):
                cases.answer(**words, now=moment)
            return
        case = cases.answer(**words, now=moment)
        assert case.answered_at == moment
        with pytest.raises(Conflict, match="already"):
            cases.answer(**words, now=moment + HOUR)


def test_the_contributor_does_not_answer_the_own_appeal(appealed, carol, dave):
    for user, refusal in ((carol, NotAllowed), (dave, NotThere)):
        person = actor_of(user)
        with acting(person), pytest.raises(refusal):
            cases.answer(case_id=appealed.id, text="x" * 30, by=person, now=appealed.opened_at)


def test_a_statement_after_the_deadline_is_too_late(rejected, appealed, rob, carol):
    person = actor_of(rob)
    with acting(person), pytest.raises(TooLate):
        cases.answer(case_id=appealed.id, text="x" * 30, by=person, now=appealed.due_at)
    assert payable(carol.id) == BASE


def test_everybody_is_told_and_it_is_on_record(ada, appealed, carol, rob, vic):
    decide(appealed, ada, at=appealed.opened_at + DAY)
    told = {}
    for user in (carol, rob, ada, vic):
        with acting(actor_of(user)):
            told[user.name] = list(
                Notice.objects.filter(kind__in=["case.appeal", "staff.case"])
                .order_by("created_at")
                .values_list("title", flat=True)
            )
    assert told["Carol"] == ["Decided: appeal of a rejection"]
    assert told["Rob"] == ["A rejection was appealed", "Decided: appeal of a rejection"]
    assert told["Ada"] == ["An appeal waits for a decision"]
    assert told["Vic"] == []
    with acting(STAFF):
        events = AuditEvent.objects.filter(aggregate_id=appealed.id).order_by("number")
        assert list(events.values_list("type", flat=True)) == ["case.opened", "case.granted"]


def test_a_case_that_is_not_there(ada):
    person = actor_of(ada)
    with acting(person), pytest.raises(NotThere):
        cases.decide(
            case_id=uuid7(), is_granted=True, decision=DECISION, by=person,
            now=dt.datetime(2026, 3, 2, tzinfo=dt.UTC),
        )  # fmt: skip
