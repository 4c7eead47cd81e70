"""A dispute about an earning line, from either side."""

import datetime as dt

import pytest

from apps.cases import actions as cases
from apps.cases import queries
from apps.cases.enums import CaseState
from apps.cases.errors import AlreadyOpen, Involved, NoMoney
from apps.cases.models import Case
from apps.cases.tasks import sweep_all
from apps.core.errors import Conflict, Invalid, NotAllowed, NotThere
from apps.core.ids import uuid7
from apps.core.tenancy import acting, system
from apps.ledger import actions as ledger
from apps.ledger.enums import Purpose, TransferKind
from apps.ledger.models import Transfer
from apps.ledger.queries import prove
from apps.notices.models import Notice
from apps.organizations.queries import actor_of
from apps.work.models import EarningLine
from tests.cases.conftest import DECISION, REASON
from tests.cases.money import STAFF, held, payable, wallet

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
BASE = 40
# pay/1 with a cap of 120 + 600 s of instructions at 12 USD an hour: the floor of it is 240; with
# the base of 40, half of it guaranteed, the allowance is 220 and the bonus 8.
MOST = 40 + 220 + 8 - 40


def line_of(row) -> EarningLine:
    with acting(STAFF):
        return EarningLine.objects.select_related("criteria").get(assignment_id=row.id)


def dispute(line, user, amount, *, at, reason=REASON) -> Case:
    person = actor_of(user)
    with acting(person):
        return cases.dispute(line_id=line.id, reason=reason, amount=amount, by=person, now=at)


def decide(case, user, *, is_granted, at) -> Case:
    person = actor_of(user)
    with acting(person):
        return cases.decide(
            case_id=case.id, is_granted=is_granted, decision=DECISION, by=person, now=at
        )


@pytest.fixture
def disputed(accepted, carol) -> Case:
    row, at = accepted
    return dispute(line_of(row), carol, 25, at=at + HOUR)


def empty(org, project, *, at) -> None:
    """Take out everything that is neither reserved nor somebody else's."""
    balance, reserved = held(org.id, project.id)
    sources = (
        (Purpose.HELD, {"holder": org.id, "scope": project.id}, balance - reserved),
        (Purpose.WALLET, {"holder": org.id}, wallet(org.id)),
    )
    with acting(system(org.id)):
        for purpose, name, amount in sources:
            if amount:
                entry = ledger.Entry(
                    id=uuid7(),
                    kind=TransferKind.POSTED,
                    code="test",
                    at=at,
                    amount=amount,
                    debit=ledger.account(purpose, currency="USD", **name),
                    credit=ledger.account(Purpose.STRIPE, currency="USD"),
                    currency="USD",
                )
                ledger.post([entry])


def test_a_granted_dispute_pays_from_the_project(accepted, disputed, ada, carol, acme):
    row, _ = accepted
    before, reserved = held(acme.id, row.project_id)
    case = decide(disputed, ada, is_granted=True, at=disputed.opened_at + DAY)
    assert (case.state, case.decided_by_id) == (CaseState.GRANTED, ada.id)
    assert payable(carol.id) == BASE + 25
    assert held(acme.id, row.project_id) == (before - 25, reserved)
    with acting(STAFF):
        transfer = Transfer.objects.get(id=case.transfer_id)
        assert (transfer.amount, transfer.code) == (25, "adjustment")
        line = EarningLine.objects.get(assignment_id=row.id, code="adjustment")
        assert (line.net, line.fee) == (25, 0)
        assert DECISION in line.reason
        assert prove().fault is None


def test_not_granted_pays_nothing_and_says_why(disputed, ada, carol):
    case = decide(disputed, ada, is_granted=False, at=disputed.opened_at + DAY)
    assert (case.state, case.transfer_id, case.decision) == (CaseState.UPHELD, None, DECISION)
    assert payable(carol.id) == BASE


def test_silence_on_a_contributors_dispute_pays(disputed, carol):
    assert sweep_all(now=disputed.due_at + DAY) == 1
    with acting(STAFF):
        case = Case.objects.get(id=disputed.id)
        assert (case.state, case.decided_at) == (CaseState.LAPSED, case.due_at)
        assert Transfer.objects.get(id=case.transfer_id).amount == 25
    assert payable(carol.id) == BASE + 25
    assert sweep_all(now=disputed.due_at + DAY) == 0
    assert payable(carol.id) == BASE + 25


def test_the_wallet_pays_when_the_project_cannot(accepted, disputed, ada, carol, acme, funded):
    row, at = accepted
    empty(acme, row.project, at=at)
    funded(acme, 100)
    decide(disputed, ada, is_granted=True, at=disputed.opened_at + DAY)
    assert payable(carol.id) == BASE + 25
    assert wallet(acme.id) == 75


def test_without_money_it_stays_lapsed_and_staff_and_buyer_are_told(
    ada, alice, accepted, disputed, carol, acme, funded
):
    row, at = accepted
    empty(acme, row.project, at=at)
    assert sweep_all(now=disputed.due_at) == 1
    assert payable(carol.id) == BASE
    with acting(STAFF):
        case = Case.objects.get(id=disputed.id)
        assert (case.state, case.transfer_id) == (CaseState.LAPSED, None)
        assert queries.is_unpaid(case)
    for user in (ada, alice):
        with acting(actor_of(user)):
            assert Notice.objects.filter(title="A dispute cannot be paid").exists()
    # The money comes; an administrator pays what silence decided, once.
    funded(acme, 100)
    staff = actor_of(ada)
    with acting(staff):
        cases.pay(case_id=case.id, by=staff, now=disputed.due_at + DAY)
        with pytest.raises(Conflict, match="nothing left"):
            cases.pay(case_id=case.id, by=staff, now=disputed.due_at + DAY)
    assert payable(carol.id) == BASE + 25


def test_a_grant_without_money_is_refused_and_the_buyer_told(
    ada, alice, accepted, disputed, carol, acme
):
    row, at = accepted
    empty(acme, row.project, at=at)
    staff = actor_of(ada)
    with acting(staff), pytest.raises(NoMoney):
        cases.decide(
            case_id=disputed.id, is_granted=True, decision=DECISION, by=staff,
            now=disputed.opened_at + DAY,
        )  # fmt: skip
    with acting(STAFF):
        assert Case.objects.get(id=disputed.id).state == CaseState.OPEN
        assert EarningLine.objects.filter(assignment_id=row.id).count() == 1
    with acting(actor_of(alice)):
        assert Notice.objects.filter(title="A dispute cannot be paid").exists()


def test_only_staff_pays(disputed, carol, alice):
    for user in (carol, alice):
        person = actor_of(user)
        with acting(person), pytest.raises(NotAllowed):
            cases.pay(case_id=disputed.id, by=person, now=disputed.due_at)


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        ("carol", None),
        ("alice", None),
        ("mia", None),
        ("fay", None),
        ("rob", NotAllowed),
        ("vic", NotAllowed),
        ("dave", NotThere),
        ("gus", NotThere),
        ("ada", NotAllowed),
    ],
)
def test_who_may_dispute(request, accepted, globex, name, refusal):
    row, at = accepted
    line, user = line_of(row), request.getfixturevalue(name)
    if refusal is None:
        assert dispute(line, user, 5, at=at).opened_by_id == user.id
        return
    with pytest.raises(refusal):
        dispute(line, user, 5, at=at)


def test_what_a_contributor_can_ask_for_is_bounded(accepted, carol):
    """Silence would pay it, so it is at most what the criteria could still have paid."""
    row, at = accepted
    line = line_of(row)
    with acting(STAFF):
        assert queries.most_due(line) == MOST
    with pytest.raises(Invalid) as refusal:
        dispute(line, carol, MOST + 1, at=at)
    assert refusal.value.field == "amount"
    assert dispute(line, carol, MOST, at=at).amount == MOST


@pytest.mark.parametrize("amount", [0, -5])
def test_an_amount_is_asked_for(accepted, carol, amount):
    row, at = accepted
    with pytest.raises(Invalid, match="above zero"):
        dispute(line_of(row), carol, amount, at=at)


def test_one_open_dispute_an_assignment(accepted, disputed, carol, alice):
    row, at = accepted
    for user in (carol, alice):
        with pytest.raises(AlreadyOpen):
            dispute(line_of(row), user, 5, at=at + DAY)


@pytest.mark.parametrize("is_granted", [True, False])
def test_a_buyers_dispute_never_takes_money_back(accepted, alice, ada, carol, acme, is_granted):
    row, at = accepted
    case = dispute(line_of(row), alice, 40, at=at)
    before = held(acme.id, row.project_id), wallet(acme.id)
    case = decide(case, ada, is_granted=is_granted, at=at + DAY)
    assert case.transfer_id is None
    assert payable(carol.id) == BASE
    assert (held(acme.id, row.project_id), wallet(acme.id)) == before


def test_silence_on_a_buyers_dispute_leaves_the_payment(accepted, alice, carol):
    row, at = accepted
    case = dispute(line_of(row), alice, 40, at=at)
    assert sweep_all(now=case.due_at) == 1
    with acting(STAFF):
        assert Case.objects.get(id=case.id).state == CaseState.LAPSED
    assert payable(carol.id) == BASE


def test_a_buyer_disputes_at_most_what_the_line_cost(accepted, alice):
    row, at = accepted
    line = line_of(row)
    with pytest.raises(Invalid, match="cost"):
        dispute(line, alice, line.gross + 1, at=at)


def test_the_contributor_answers_a_buyers_dispute(accepted, alice, carol, mia):
    row, at = accepted
    case = dispute(line_of(row), alice, 10, at=at)
    for user, refusal in ((mia, NotAllowed), (carol, None)):
        person = actor_of(user)
        with acting(person):
            if refusal:
                with pytest.raises(refusal):
                    cases.answer(case_id=case.id, text="x" * 30, by=person, now=at + HOUR)
            else:
                cases.answer(case_id=case.id, text="x" * 30, by=person, now=at + HOUR)


def test_a_dispute_is_not_decided_by_the_buyers_people(disputed, alice, fay):
    for user in (alice, fay):
        with pytest.raises(Involved):
            decide(disputed, user, is_granted=False, at=disputed.opened_at + DAY)
