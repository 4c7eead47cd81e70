"""What the offer promises before the work starts stands on the statement afterwards, word by word.

And the lines that follow from no verdict: wind-down when a buyer closes early, case time.
"""

import csv
import datetime as dt
import io
from html import escape
from statistics import median, quantiles

import pytest
from django.urls import reverse
from django.utils.html import strip_tags

from apps.cases import actions as cases
from apps.core.errors import Conflict
from apps.core.money import written
from apps.core.tenancy import acting
from apps.exports.queries import releases as exports
from apps.ledger import queries as ledger
from apps.ledger.enums import Purpose
from apps.notices.models import Notice
from apps.organizations.queries import actor_of
from apps.projects.models import Item
from apps.projects.rules import BESIDE_THE_CLOCK
from apps.work import actions as work
from apps.work.models import Assignment, EarningLine
from tests.factories import accounts
from tests.factories.cast import NOW
from tests.factories.projects import PAY_2, premium
from tests.work.conftest import STAFF, Desk

pytestmark = pytest.mark.django_db

REASON = "The sentence asks for nothing: it is a quotation, as the rubric's own example says."


@pytest.fixture
def desk(acme, project, now, clock_at) -> Desk:
    """Criteria of the second engine; every item names a premium in its row."""
    made = project(
        acme, limits={"newcomer_share_percent": 100}, gold=0, engine="pay/2",
        pay={**PAY_2, "premiums": [premium("urgent", 10)], "gold_minimum": 1},
    )  # fmt: skip
    with acting(STAFF):
        Item.objects.filter(project=made, purpose="work").update(triggers=["urgent"])
    return Desk(made, now, clock_at)


def shown(client, name: str, *args: object) -> str:
    return " ".join(strip_tags(client.get(reverse(name, args=args)).text).split())


def lines_of(desk, **which: object) -> list[EarningLine]:
    with acting(STAFF):
        return list(EarningLine.objects.filter(project=desk.project, **which).order_by("at", "id"))


def appeal(desk, person, row) -> None:
    with acting(actor_of(person)) as actor:
        cases.appeal(assignment_id=row.id, reason=REASON, by=actor, now=desk.now)


def won(desk, person, rob, eve) -> Assignment:
    """Rejected, appealed, and overturned by an administrator."""
    row = desk.hand_in(person)
    desk.reject(rob, row)
    appeal(desk, person, row)
    with acting(actor_of(eve)) as actor:
        work.overturn(assignment_id=row.id, by=actor, now=desk.now)
    return row


@pytest.fixture
def eve():
    return accounts.user("eve", is_staff=True)


def test_each_sentence_of_the_statement_stood_on_the_offer(
    desk, carol, dave, rob, eve, alice, client_of
):
    offer = shown(client_of(None), "work:offer", desk.project.id)
    desk.enrol(carol)
    desk.enrol(dave, "tested")
    qualification = desk.claim(dave)
    desk.submit(dave, qualification, "unclear")
    won(desk, carol, rob, eve)
    rows = [desk.hand_in(carol)]
    desk.ask_rework(rob, rows[0])
    desk.submit(carol, rows[0])
    desk.later(minutes=2)
    rows.append(desk.hand_in(carol))
    for row in rows:
        desk.accept(rob, row)
    desk.later(hours=1)
    desk.lapse(*rows)
    desk.reject(rob, desk.hand_in(carol))
    desk.begin_close(alice)

    lines = lines_of(desk)
    assert {line.kind for line in lines} == {
        "base", "premium", "rework", "kill_fee", "adjustment", "case_time", "qualification",
        "wind_down",
    }  # fmt: skip
    for line in lines:
        if line.kind == "wind_down":
            # The offer says it of twenty answers; the number is what differs.
            assert line.reason.replace("3 answers", "20 answers") in offer.replace("&#x27;", "'")
        else:
            assert escape(line.reason) in offer, line.reason
        assert "under criteria v1" in line.reason or "by criteria" in line.reason


def test_a_won_appeal_is_paid_for_its_time_by_the_platform_alone(
    desk, carol, rob, eve, alice, client_of
):
    desk.enrol(carol)
    row = won(desk, carol, rob, eve)
    # 600 seconds at 12 USD an hour, out of the fee: gross is nothing.
    assert [line for line in desk.lines(row) if line[0] == "case_time"] == [
        ("case_time", 200, -200)
    ]
    desk.prove()
    with acting(STAFF):
        account = ledger.find_account(Purpose.PAYABLE, currency="USD", holder=carol.id)
        totals = exports.ledger_totals(desk.project.id)
    lines = lines_of(desk)
    assert account.balance == sum(line.net for line in lines)
    assert (totals.net, totals.fee) == (
        sum(line.net for line in lines), sum(line.fee for line in lines),
    )  # fmt: skip
    # The case shows all that its decision moved, to both sides.
    page = shown(client_of(alice), "work:review-submission", desk.answer_of(row).id)
    assert "$2.00" in page and "by the platform out of its fee" in page
    desk.prove()


def test_an_appeal_that_silence_decides_costs_the_platform_nothing(desk, carol, rob):
    desk.enrol(carol)
    row = desk.hand_in(carol)
    desk.reject(rob, row)
    appeal(desk, carol, row)
    desk.later(days=8)
    desk.lapse(row)
    assert desk.state(row) == "overturned"
    assert {kind for kind, _, _ in desk.lines(row)} == {"kill_fee", "adjustment"}


def test_case_time_does_not_lower_a_top_up(desk, carol, rob, eve):
    desk.enrol(carol)
    row = desk.claim(carol)
    desk.work_for(carol, row, 600)
    desk.submit(carol, row)
    desk.later(minutes=2)
    desk.reject(rob, row)
    appeal(desk, carol, row)
    with acting(actor_of(eve)) as actor:
        work.overturn(assignment_id=row.id, by=actor, now=desk.now)
    desk.settle()
    floor = 200  # of 600 seconds
    earned = [line for line in lines_of(desk) if line.kind not in BESIDE_THE_CLOCK]
    assert sum(line.net for line in earned) == floor
    assert sum(line.net for line in lines_of(desk)) == floor + 200


def test_who_worked_lately_or_has_work_in_hand_is_paid_in_place_of_notice(
    desk, carol, dave, alice, client_of
):
    for person in (carol, dave):
        desk.enrol(person)
    old = desk.hand_in(carol)
    desk.at(desk.fresh(old).review_due_at)
    desk.lapse(old)
    desk.later(days=8)
    recent = [desk.hand_in(carol) for _ in range(2)]
    desk.later(days=4)
    desk.lapse(*recent)
    desk.claim(dave)
    page = shown(client_of(alice), "work:close", desk.project.id)
    assert "2 contributors who worked on it lately get $0.12 in place of notice" in page
    held = desk.account(Purpose.HELD).balance
    desk.begin_close(alice)
    paid = lines_of(desk, kind="wind_down")
    # 10% of a base of 40: two answers of carol's, the old one not; one in dave's hand.
    assert {(line.contributor_id, line.net, line.fee) for line in paid} == {
        (carol.id, 8, 0), (dave.id, 4, 0),
    }  # fmt: skip
    assert desk.account(Purpose.HELD).balance == held - 12
    with acting(actor_of(dave)):
        assert Notice.objects.filter(user=dave, kind="work.wind_down").count() == 1
    desk.prove()


def test_a_project_whose_work_is_done_pays_nobody_for_its_end(acme, project, now, clock_at, carol,
                                                              alice, client_of):  # fmt: skip
    done = Desk(
        project(acme, how_many=1, overlap=1, gold=0, engine="pay/2", pay=PAY_2), now, clock_at
    )
    done.enrol(carol)
    done.hand_in(carol)
    assert "Nobody is paid in place of notice." in shown(
        client_of(alice), "work:close", done.project.id
    )
    done.begin_close(alice)
    assert lines_of(done, kind="wind_down") == []


def test_without_the_money_for_the_notice_a_project_is_not_closed(
    acme, project, now, clock_at, carol, alice, funded
):
    # One claim takes everything that the project has: 272 gross, with the instructions.
    small = Desk(
        project(
            acme, budget=276, how_many=2, gold=0, qualification=0, engine="pay/2", pay=PAY_2,
            limits={"newcomer_share_percent": 100},
        ),
        now, clock_at,
    )  # fmt: skip
    small.enrol(carol)
    small.claim(carol)
    assert small.account(Purpose.HELD).available < 4
    with pytest.raises(Conflict, match=r"pays \$0.04 in place of notice"):
        small.begin_close(alice)
    with acting(STAFF):
        small.project.refresh_from_db()
    assert small.project.state == "live"
    assert lines_of(small) == []
    funded(acme, 4)
    small.begin_close(alice)
    assert [line.net for line in lines_of(small)] == [4]
    with acting(STAFF):
        assert ledger.find_account(Purpose.WALLET, currency="USD", holder=acme.id).balance == 0


def test_nobody_else_closes(desk, rob, carol, client_of):
    for person, status in ((rob, 403), (carol, 404)):
        answer = client_of(person).post(reverse("work:close", args=[desk.project.id]))
        assert answer.status_code == status


def test_the_hourly_rate_is_what_brute_force_over_lines_and_clock_says(
    desk, carol, dave, rob, eve, now, alice, client_of
):
    """Kill fees, top-ups, qualification, given-back and unpaid time; median and quartile."""
    erin = accounts.contributor("erin", now=now)
    for person in (carol, dave, erin):
        desk.enrol(person)
    seconds = {carol: (400, 30), dave: (90, 700), erin: (600, 200)}
    for person, (first, second) in seconds.items():
        row = desk.hand_in(person, seconds=first)
        desk.reject(rob, row)
        given = desk.claim(person)
        desk.work_for(person, given, second)
        desk.give_back(person, given)
        rows = [desk.hand_in(person, seconds=200) for _ in range(2)]
        desk.later(days=4)
        desk.lapse(*rows)
    won(desk, carol, rob, eve)
    desk.settle()
    figures = desk.as_system(work.refresh_figures, project_id=desk.project.id)

    rates = []
    for person in seconds:
        with acting(STAFF):
            work_done = Assignment.objects.filter(contributor=person, ended_at__isnull=False)
            time = sum(row.active_seconds for row in work_done)
        money = sum(
            line.net
            for line in lines_of(desk, contributor=person)
            if line.kind not in BESIDE_THE_CLOCK
        )
        rates.append(money * 3600 / time)
    assert figures["people_paid"] == 3
    assert figures["hourly_median"] == pytest.approx(median(rates), abs=1)
    quarter = quantiles(rates, n=4, method="inclusive")[0]
    assert figures["hourly_p25"] == pytest.approx(quarter, abs=1)
    assert figures["hourly_p25"] <= figures["hourly_median"]
    page = shown(client_of(alice), "pages:project_live", desk.project.id)
    offer = shown(client_of(None), "work:offer", desk.project.id)
    for rate in (figures["hourly_median"], figures["hourly_p25"]):
        assert written(rate, "USD") in page and written(rate, "USD") in offer


def test_both_sides_see_gross_fee_and_net_of_one_transaction_on_one_screen(
    desk, carol, rob, alice, client_of
):
    desk.enrol(carol)
    row = desk.hand_in(carol)
    desk.reject(rob, row)
    (line,) = lines_of(desk, assignment=row)
    assert (line.gross, line.fee, line.net) == (28, 8, 20)
    for person, name, args in (
        (carol, "work:assignment", (row.id,)),
        (carol, "work:earnings", ()),
        (alice, "work:review-submission", (desk.answer_of(row).id,)),
    ):
        page = shown(client_of(person), name, *args)
        for said in ("$0.28", "$0.08", "$0.20", escape(line.reason)):
            assert said in page, (name, said)
    with acting(actor_of(alice)):
        desk.project.refresh_from_db()
    desk.as_system(work.refresh_figures, project_id=desk.project.id)
    page = shown(client_of(alice), "pages:project_live", desk.project.id)
    for said in ("$0.28", "$0.08", "$0.20"):
        assert said in page, said


def months_until(now: dt.datetime) -> set[tuple[int, int]]:
    """Year and month of every day since the tests' clock began."""
    days = (NOW + dt.timedelta(days=day) for day in range((now - NOW).days + 1))
    return {(day.year, day.month) for day in days}


def statement(client, month: str) -> list[dict[str, str]]:
    answer = client.get(reverse("money:statement-csv", args=[month]))
    text = b"".join(answer.streaming_content).decode()
    return [row for row in csv.DictReader(io.StringIO(text)) if row["row"] == "line"]


def test_the_statement_of_everybody_is_the_ledger(desk, carol, dave, rob, eve, alice, client_of):
    for person in (carol, dave):
        desk.enrol(person)
        won(desk, person, rob, eve)
        desk.hand_in(person, seconds=300)
    desk.begin_close(alice)
    desk.later(days=30)
    with acting(STAFF):
        open_rows = list(Assignment.objects.exclude(next_due_at=None))
    desk.lapse(*open_rows)
    assert desk.close()
    for person in (carol, dave):
        months = (f"{year}-{month:02d}" for year, month in sorted(months_until(desk.now)))
        rows = [row for month in months for row in statement(client_of(person), month)]
        with acting(STAFF):
            account = ledger.find_account(Purpose.PAYABLE, currency="USD", holder=person.id)
        assert sum(int(row["net"]) for row in rows) == account.credits_posted
        for row in rows:
            assert int(row["gross"]) == int(row["fee"]) + int(row["net"])
