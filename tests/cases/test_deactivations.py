"""Deactivation: notice, evidence, an answer, a second human; and the money stays payable."""

import datetime as dt

import pytest
from django.urls import reverse

from apps.accounts.models import ContributorProfile
from apps.cases import actions as cases
from apps.cases.enums import CaseState
from apps.cases.errors import AlreadyOpen, Involved, TooLate
from apps.cases.models import Case
from apps.cases.rules import Ground
from apps.cases.tasks import sweep_all
from apps.core.errors import Conflict, Invalid, NotAllowed, NotThere
from apps.core.tenancy import acting, system
from apps.ledger import actions as ledger
from apps.notices.models import Notice
from apps.organizations.queries import actor_of
from apps.payments import actions as payments
from apps.work import actions as work
from apps.work.errors import MayNotClaim
from tests.cases.conftest import DECISION
from tests.cases.money import STAFF, payable
from tests.factories import ledger as money

DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)
REASON = "Forty answers in a row were given within two seconds each, on texts of a page."
EVIDENCE = "1. item time against its own distribution; 2. agreement with others at chance."


def propose(user, by, *, now, is_immediate=False, ground=Ground.CONDUCT, **words) -> Case:
    person = actor_of(by)
    with acting(person):
        return cases.propose_deactivation(
            **{"user_id": user.id, "reason": REASON, "evidence": EVIDENCE, **words},
            ground=ground,
            is_immediate=is_immediate,
            by=person,
            now=now,
        )


def decide(case, by, *, is_granted, at) -> Case:
    person = actor_of(by)
    with acting(person):
        return cases.decide(
            case_id=case.id, is_granted=is_granted, decision=DECISION, by=person, now=at
        )


def profile(user) -> ContributorProfile:
    with acting(STAFF):
        return ContributorProfile.objects.get(user=user)


@pytest.fixture
def proposed(carol, ada, now) -> Case:
    return propose(carol, ada, now=now)


def test_notice_is_given_with_reason_and_evidence(proposed, carol, now):
    assert proposed.due_at == now + 14 * DAY
    row = profile(carol)
    assert (row.deactivation_notice_until, row.deactivated_at) == (proposed.due_at, None)
    with acting(actor_of(carol)):
        notice = Notice.objects.get(kind="case.deactivation")
        assert REASON in notice.body
        assert Case.objects.get(id=proposed.id).evidence == EVIDENCE


@pytest.mark.parametrize("name", ["carol", "dave", "alice", "rob"])
def test_only_an_administrator_proposes(request, carol, now, name):
    with pytest.raises(NotAllowed):
        propose(carol, request.getfixturevalue(name), now=now)


def test_nobody_proposes_about_themselves(carol, now):
    carol.is_staff = True
    carol.save()
    with pytest.raises(NotAllowed):
        propose(carol, carol, now=now)


def test_somebody_who_does_not_work_here(alice, ada, now):
    with pytest.raises(NotThere):
        propose(alice, ada, now=now)


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ({"reason": "Bad."}, "reason"),
        ({"evidence": " "}, "evidence"),
        ({"ground": "mood"}, "ground"),
    ],
)
def test_reason_evidence_and_ground_are_needed(carol, ada, now, words, field):
    with pytest.raises(Invalid) as refusal:
        propose(carol, ada, now=now, **words)
    assert refusal.value.field == field
    assert profile(carol).deactivation_notice_until is None


def test_one_review_at_a_time(proposed, carol, adam, now):
    with pytest.raises(AlreadyOpen):
        propose(carol, adam, now=now + HOUR)
    assert profile(carol).deactivation_notice_until == proposed.due_at


def test_the_proposer_does_not_decide(proposed, ada, now):
    with pytest.raises(Involved, match="another administrator"):
        decide(proposed, ada, is_granted=True, at=now + DAY)


@pytest.mark.parametrize("name", ["carol", "dave", "alice"])
def test_nobody_else_decides(request, proposed, now, name):
    with pytest.raises((NotAllowed, NotThere)):
        decide(proposed, request.getfixturevalue(name), is_granted=False, at=now + DAY)


def test_granted_acts_at_the_end_of_the_notice(proposed, carol, adam, now):
    assert decide(proposed, adam, is_granted=True, at=now + DAY).state == CaseState.GRANTED
    sweep_all(now=proposed.due_at - dt.timedelta(seconds=1))
    assert profile(carol).deactivated_at is None
    assert sweep_all(now=proposed.due_at) == 1
    assert profile(carol).deactivated_at == proposed.due_at
    assert sweep_all(now=proposed.due_at + DAY) == 0


def test_not_granted_leaves_nothing(proposed, carol, adam, now):
    assert decide(proposed, adam, is_granted=False, at=now + DAY).state == CaseState.UPHELD
    row = profile(carol)
    assert (row.deactivated_at, row.deactivation_notice_until) == (None, None)
    sweep_all(now=proposed.due_at + DAY)
    assert profile(carol).deactivated_at is None


def test_silence_leaves_the_account_active(proposed, carol):
    assert sweep_all(now=proposed.due_at) == 1
    with acting(STAFF):
        assert Case.objects.get(id=proposed.id).state == CaseState.LAPSED
    row = profile(carol)
    assert (row.deactivated_at, row.deactivation_notice_until) == (None, None)


def test_a_decision_after_the_deadline_is_too_late(proposed, carol, adam):
    with pytest.raises(TooLate):
        decide(proposed, adam, is_granted=True, at=proposed.due_at)
    sweep_all(now=proposed.due_at + DAY)
    assert profile(carol).deactivated_at is None


def test_the_person_answers_once(proposed, carol, dave, now):
    for user, refusal in ((dave, NotThere), (carol, None), (carol, Conflict)):
        person = actor_of(user)
        words = {"case_id": proposed.id, "text": "I read very fast texts.", "by": person}
        with acting(person):
            if refusal:
                with pytest.raises(refusal):
                    cases.answer(**words, now=now + HOUR)
            else:
                assert cases.answer(**words, now=now + HOUR).answer == words["text"]


@pytest.mark.parametrize("ground", [Ground.CONDUCT, Ground.QUALITY])
def test_only_fraud_or_safety_act_at_once(carol, ada, now, ground):
    with pytest.raises(Invalid) as refusal:
        propose(carol, ada, now=now, is_immediate=True, ground=ground)
    assert refusal.value.field == "is_immediate"
    assert profile(carol).deactivated_at is None


@pytest.mark.parametrize("ground", [Ground.FRAUD, Ground.SAFETY])
def test_at_once_needs_a_second_human_within_72_hours(carol, ada, now, ground):
    case = propose(carol, ada, now=now, is_immediate=True, ground=ground)
    assert case.due_at == now + 72 * HOUR
    assert profile(carol).deactivated_at == now
    assert sweep_all(now=case.due_at) == 1
    assert profile(carol).deactivated_at is None


def test_at_once_and_confirmed_stays(carol, ada, adam, now):
    case = propose(carol, ada, now=now, is_immediate=True, ground=Ground.FRAUD)
    decide(case, adam, is_granted=True, at=now + DAY)
    sweep_all(now=case.due_at + DAY)
    assert profile(carol).deactivated_at == now


def test_at_once_and_not_confirmed_ends(carol, ada, adam, now):
    case = propose(carol, ada, now=now, is_immediate=True, ground=Ground.FRAUD)
    decide(case, adam, is_granted=False, at=now + DAY)
    assert profile(carol).deactivated_at is None


@pytest.fixture
def deactivated(accepted, carol, ada, adam):
    """Carol has earned, and is deactivated."""
    _, at = accepted
    case = propose(carol, ada, now=at, is_immediate=True, ground=Ground.FRAUD)
    decide(case, adam, is_granted=True, at=at + HOUR)
    return case


def test_no_new_work(deactivated, accepted, carol):
    row, at = accepted
    person = actor_of(carol)
    with acting(person), pytest.raises(MayNotClaim, match="deactivated"):
        work.claim(project_id=row.project_id, by=person, now=at + DAY)


def test_earnings_stay_payable_and_downloadable(deactivated, accepted, carol, client_of, clock_at):
    _, at = accepted
    clock_at(at + DAY)
    client = client_of(carol)
    assert payable(carol.id) == 40
    assert client.get("/payments/payouts/").status_code == 200
    assert client.get(reverse("work:earnings")).status_code == 200
    month = f"{at + DAY:%Y-%m}"
    statement = client.get(reverse("money:statement-csv", args=[month]))
    assert statement.status_code == 200
    body = b"".join(statement.streaming_content)
    # Gross, fee and net in minor units.
    assert b",USD,46,6,40," in body
    page = client.get(f"/cases/{deactivated.id}/")
    assert "What was earned stays payable" in page.text


def test_a_deactivated_person_is_paid_out(deactivated, accepted, carol):
    _, at = accepted
    with acting(system()):
        ledger.post([money.entry(money.stripe_account(), money.payable(carol.id), 700, at=at)])
    person = actor_of(carol)
    with acting(person):
        payout = payments.request_payout(by=person, now=at + DAY)
    assert payout.amount == 740
