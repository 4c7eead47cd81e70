"""A further use of answers: every author is paid once a use, by the consent that they gave."""

import pytest
from django.urls import reverse

from apps.core.errors import Conflict, Invalid, NotAllowed, NotThere
from apps.core.tenancy import acting
from apps.exports.queries import releases as exports
from apps.ledger import queries as ledger
from apps.ledger.enums import Purpose
from apps.notices.models import Notice
from apps.organizations.queries import actor_of
from apps.work import actions as work
from apps.work.models import EarningLine, SecondaryUse
from tests.work.conftest import STAFF, Desk

pytestmark = pytest.mark.django_db

USE = "A textbook for schools"


@pytest.fixture
def desk(acme, reusable, now, clock_at, carol, dave, funded) -> Desk:
    """Two answers of carol's accepted, one of dave's rejected; 10 USD in the wallet."""
    desk = Desk(reusable, now, clock_at)
    desk.enrol(carol)
    desk.enrol(dave)
    for _ in range(2):
        row = desk.hand_in(carol)
        desk.at(desk.fresh(row).review_due_at)
        desk.lapse(row)
    funded(acme, 10_00)
    return desk


def record(desk, user, *, use: str = USE, most: int = 10_000) -> SecondaryUse:
    with acting(actor_of(user)) as actor:
        return work.record_use(
            project_id=desk.project.id, use=use, most=most, by=actor, now=desk.now
        )


def royalties(desk) -> list[EarningLine]:
    with acting(STAFF):
        return list(EarningLine.objects.filter(project=desk.project, kind="royalty"))


def test_each_author_of_accepted_work_is_paid_once_a_use(desk, alice, fay, carol, dave, rob, acme):
    desk.reject(rob, desk.hand_in(dave))
    for user in (alice, fay):
        made = record(desk, user)
        assert (made.people, made.net, made.fee) == (1, 125, 19)
    lines = royalties(desk)
    assert [(line.contributor_id, line.net, line.fee) for line in lines] == [
        (carol.id, 125, 19)
    ] * 2
    assert USE in lines[0].reason and "$1.25" in lines[0].reason
    with acting(STAFF):
        wallet = ledger.find_account(Purpose.WALLET, currency="USD", holder=acme.id)
        payable = ledger.find_account(Purpose.PAYABLE, currency="USD", holder=carol.id)
        totals = exports.ledger_totals(desk.project.id)
        everything = list(EarningLine.objects.filter(project=desk.project))
    with acting(actor_of(carol)):
        assert Notice.objects.filter(user=carol, kind="work.royalty").count() == 2
    assert wallet.balance == 10_00 - 2 * 144
    assert payable.balance == sum(x.net for x in everything if x.contributor_id == carol.id)
    assert (totals.net, totals.fee) == (
        sum(line.net for line in everything), sum(line.fee for line in everything),
    )  # fmt: skip
    desk.prove()


def test_a_royalty_lowers_no_top_up(desk, alice, carol):
    record(desk, alice)
    row = desk.claim(carol)
    desk.work_for(carol, row, 120)
    with acting(STAFF):
        before = sum(line.net for line in EarningLine.objects.filter(contributor=carol))
    desk.give_back(carol, row)
    desk.later(minutes=1)
    desk.settle()
    with acting(STAFF):
        lines = EarningLine.objects.filter(contributor=carol)
        counted = sum(line.net for line in lines if line.kind != "royalty")
        assert sum(line.net for line in lines) >= before
        time = sum(row.paid_seconds for row in carol.assignments.all())
    assert counted >= -(-1200 * time // 3600)


@pytest.mark.parametrize(
    ("words", "refusal", "sentence"),
    [
        ({"most": 143}, Conflict, r"It costs \$1.44 now, more than was shown"),
        ({"use": " x "}, Invalid, "Say in 10 to 160 characters"),
        ({"use": "x" * 161}, Invalid, "Say in 10 to 160 characters"),
    ],
)
def test_what_is_refused_pays_nobody(desk, alice, words, refusal, sentence):
    with pytest.raises(refusal, match=sentence):
        record(desk, alice, **words)
    assert royalties(desk) == []


def test_the_wallet_must_have_it(desk, alice):
    for _ in range(6):
        record(desk, alice)
    with pytest.raises(Conflict, match="fund it first"):
        record(desk, alice)
    assert len(royalties(desk)) == 6


def test_without_consent_to_it_there_is_no_further_use(acme, project, now, clock_at, alice):
    plain = Desk(project(acme), now, clock_at)
    with pytest.raises(Conflict, match="allow no use beyond its purpose"):
        record(plain, alice)


def test_who_moves_no_money_records_no_use(desk, mia, rob, vic, gus, globex, carol):
    for user in (mia, rob, vic):
        with pytest.raises(NotAllowed):
            record(desk, user)
    for user in (gus, carol):
        with pytest.raises((NotThere, NotAllowed)):
            record(desk, user)
    assert royalties(desk) == []


def test_the_page_says_the_cost_first_and_keeps_what_was_typed(desk, alice, client_of):
    url, client = reverse("work:uses", args=[desk.project.id]), client_of(alice)
    page = client.get(url).text
    assert "textbooks" in page and "$1.44" in page and "$0.19" in page and "$1.25" in page
    refused = client.post(url, {"use": "too short", "most": "144"})
    assert refused.status_code == 422
    assert "too short" in refused.text
    assert client.post(url, {"use": USE, "most": "144"}).status_code == 302
    assert USE in client.get(url).text
