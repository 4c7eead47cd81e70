"""Money that is not pay for an answer: royalties, time of a case, adjustments, on every paper."""

import datetime as dt

import pytest

from apps.cases import actions as cases
from apps.core.tenancy import Actor, acting, system
from apps.exports import actions as exports
from apps.exports.actions.statements import check
from apps.exports.models import Invoice
from apps.exports.queries import spend, statements
from apps.exports.rules.months import Month
from apps.ledger.enums import Purpose
from apps.ledger.queries import find_account
from apps.organizations.queries import actor_of
from apps.work import actions as work
from apps.work.models import EarningLine
from tests.work.conftest import STAFF, Desk

pytestmark = pytest.mark.django_db

APRIL = dt.datetime(2026, 4, 1, 1, 30, tzinfo=dt.UTC)
MARCH = Month(dt.date(2026, 3, 1))


@pytest.fixture
def desk(acme, reusable, now, clock_at, carol, funded) -> Desk:
    desk = Desk(reusable, now, clock_at)
    desk.enrol(carol)
    row = desk.hand_in(carol)
    desk.at(desk.fresh(row).review_due_at)
    desk.lapse(row)
    funded(acme, 10_00)
    return desk


@pytest.fixture
def used(desk, alice):
    """A royalty: from the wallet, not from the project's held funds."""
    with acting(actor_of(alice)) as actor:
        return work.record_use(
            project_id=desk.project.id, use="A textbook for schools", most=10_00, by=actor,
            now=desk.now,
        )  # fmt: skip


@pytest.fixture
def overturned(desk, carol, rob, ada):
    """A case that its contributor won: the answer's pay again, and the time of the case."""
    row = desk.hand_in(carol, "no")
    desk.later(minutes=1)
    desk.reject(rob, row)
    with acting(actor_of(carol)) as by:
        case = cases.appeal(
            assignment_id=row.id, reason="The rubric says no for this item, in its second line.",
            by=by, now=desk.now,
        )  # fmt: skip
    with acting(Actor(kind="staff", user_id=ada.id)) as by:
        cases.decide(
            case_id=case.id, is_granted=True, by=by, now=desk.now,
            decision="The line that was cited says the opposite of the verdict.",
        )  # fmt: skip
    return row


def papers_agree(desk, carol, acme, alice, kind: str) -> None:
    """A line of `kind` is on the statement; statement, invoice, spend and ledger say the same."""
    with acting(actor_of(carol)):
        paper = statements.paper(carol.id, MARCH)
        check(paper)
        assert kind in {line.kind for line in statements.lines(carol.id, paper.window)}
    with acting(STAFF):
        account = find_account(Purpose.PAYABLE, currency="USD", holder=carol.id)
        lines = list(EarningLine.objects.filter(project=desk.project))
    assert paper.sums[0].closing == account.balance == sum(line.net for line in lines)
    desk.at(APRIL)
    with acting(system()) as platform:
        exports.issue_invoices(by=platform, now=APRIL)
    with acting(STAFF):
        (invoice,) = Invoice.objects.all()
    theirs = [line for line in lines if line.gross]
    assert (invoice.pay, invoice.fee) == (
        sum(line.net for line in theirs), sum(line.fee for line in theirs),
    )  # fmt: skip
    for by in spend.BY:
        with acting(actor_of(alice)):
            (found,) = spend.spend(acme.id, by=by)
        assert found.total.gross == invoice.pay + invoice.fee and found.is_whole


def test_a_royalty_stands_on_every_paper(desk, used, carol, acme, alice):
    papers_agree(desk, carol, acme, alice, "royalty")


def test_the_time_of_a_case_is_the_platforms_bill_not_the_buyers(
    desk, overturned, carol, acme, alice
):
    papers_agree(desk, carol, acme, alice, "case_time")
