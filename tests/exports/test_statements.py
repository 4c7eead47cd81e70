"""Statements: every sum is the ledger's, closed months stay, and only their person reads them."""

import csv
import datetime as dt
import io
from itertools import pairwise

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.accounts.models import ContributorProfile
from apps.audit.models import AuditEvent
from apps.core.tenancy import Actor, acting, system
from apps.exports import actions as exports
from apps.exports.actions.statements import check
from apps.exports.errors import NotTheLedger
from apps.exports.models import Statement
from apps.exports.queries import statements
from apps.exports.rules.months import Month, months
from apps.ledger.enums import Purpose
from apps.ledger.queries import find_account
from apps.notices.models import Notice
from apps.payments.actions import payouts
from apps.payments.models import Payout, StripeAccount
from apps.work import actions as work
from apps.work.models import EarningLine
from tests.work.conftest import STAFF

pytestmark = pytest.mark.django_db

MARCH = Month(dt.date(2026, 3, 1))


def person(user) -> Actor:
    return Actor(kind="person", user_id=user.id)


def paper(user, month=MARCH):
    with acting(person(user)):
        found = statements.paper(user.id, month)
        check(found)
        return found


def rows_of(response) -> list[dict]:
    text = b"".join(response.streaming_content).decode()
    return list(csv.DictReader(io.StringIO(text)))


def close(desk, at: dt.datetime) -> int:
    desk.at(at)
    with acting(system()) as platform:
        return exports.issue_statements(by=platform, now=desk.now)


def pay_out(desk, user, amount: int) -> Payout:
    """Reserved and made at Stripe, as the outbox would."""
    with acting(person(user)) as by:
        account = StripeAccount(user=user, account_id="acct_x", country="US")
        made = payouts._reserve(account, amount, "USD", is_automatic=False, by=by, now=desk.now)
        payouts.post(made, "tr_x", by=by, now=desk.now)
    return made


def test_a_month_equals_the_ledger_account(desk, story, carol, dave):
    for user in (carol, dave):
        found = paper(user)
        with acting(STAFF):
            account = find_account(Purpose.PAYABLE, currency="USD", holder=user.id)
            lines = list(EarningLine.objects.filter(contributor=user))
        (row,) = found.sums
        assert (row.opening, row.paid_out) == (0, 0)
        assert row.earned == row.closing == account.balance == sum(line.net for line in lines) > 0
        assert (row.gross, row.fee) == (
            sum(line.gross for line in lines), sum(line.fee for line in lines)
        )  # fmt: skip
        assert row.lines == len(lines)


def test_a_statement_never_reads_the_whole_ledger(desk, story, carol):
    """Every question finds its transfers by an index, however long the ledger is."""
    with CaptureQueriesContext(connection) as asked:
        paper(carol)
    questions = [one["sql"] for one in asked if 'FROM "ledger_transfer"' in one["sql"]]
    assert questions
    with acting(person(carol)), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        for question in questions:
            cursor.execute(f"EXPLAIN {question}")
            plan = "\n".join(row[0] for row in cursor.fetchall())
            assert "Seq Scan on ledger_transfer" not in plan, plan


def test_every_line_has_its_reason_version_and_transfer(desk, story, carol):
    found = paper(carol)
    with acting(person(carol)):
        lines = list(statements.lines(carol.id, found.window))
        listed, following = statements.page(carol.id, found.window)
    assert lines == listed and following == ""
    assert {line.kind for line in lines} == {"base", "kill_fee", "top_up"}
    assert all(line.reason and line.version == 1 and len(line.sha256) == 64 for line in lines)
    assert len({line.transfer for line in lines}) == 3
    assert found.active_seconds == 600 + 30 + 60
    assert found.per_hour(found.sums[0]) == 690 * 1200 // 3600 * 3600 // 690


def test_payouts_opening_and_closing(desk, story, carol):
    earned = paper(carol).sums[0].earned
    pay_out(desk, carol, 100)
    (row,) = paper(carol).sums
    assert (row.paid_out, row.closing) == (100, earned - 100)
    assert close(desk, dt.datetime(2026, 4, 1, 1, tzinfo=dt.UTC)) == 2
    (row,) = paper(carol, MARCH.next).sums
    assert (row.opening, row.earned, row.closing) == (earned - 100, 0, earned - 100)
    pay_out(desk, carol, 50)
    (row,) = paper(carol, MARCH.next).sums
    assert (row.opening, row.paid_out, row.closing) == (earned - 100, 50, earned - 150)
    (out,) = paper(carol, MARCH.next).payouts
    assert (out.amount, out.state) == (50, "transferred")


def test_a_closed_month_gives_the_same_bytes_for_ever(desk, story, carol, client_of):
    close(desk, dt.datetime(2026, 4, 1, 1, tzinfo=dt.UTC))
    browser = client_of(carol)
    addresses = [reverse(f"money:statement-{kind}", args=["2026-03"]) for kind in ("csv", "pdf")]

    def both() -> list[bytes]:
        table, pdf = (browser.get(address) for address in addresses)
        assert (table.status_code, pdf.status_code) == (200, 200)
        return [b"".join(table.streaming_content), pdf.content]

    before = both()
    assert before[1].startswith(b"%PDF-")
    # Everything that could move it: a later booking for the month, a payout, other wishes.
    desk.later(days=3)
    with acting(STAFF) as staff:
        work.adjust(
            assignment_id=story["accepted"].id, amount=25, reason="A dispute.", by=staff,
            now=dt.datetime(2026, 3, 20, tzinfo=dt.UTC),
        )  # fmt: skip
    pay_out(desk, carol, 100)
    with acting(person(carol)) as by:
        exports.choose(set_aside_percent=40, display_currency="", by=by, now=desk.now)
    assert both() == before


def test_what_is_booked_late_stands_in_the_next_month(desk, story, carol):
    close(desk, dt.datetime(2026, 4, 1, 1, tzinfo=dt.UTC))
    march = paper(carol).sums[0]
    with acting(STAFF) as staff:
        work.adjust(
            assignment_id=story["accepted"].id, amount=25, reason="A dispute.", by=staff,
            now=dt.datetime(2026, 3, 20, tzinfo=dt.UTC),
        )  # fmt: skip
    assert paper(carol).sums[0] == march
    april = paper(carol, MARCH.next).sums[0]
    assert (april.opening, april.earned, april.closing) == (march.closing, 25, march.closing + 25)
    assert close(desk, dt.datetime(2026, 5, 1, 1, tzinfo=dt.UTC)) == 1
    assert paper(carol, MARCH.next).sums[0] == april


def test_closing_twice_closes_nothing_twice(desk, story, carol, dave):
    first = dt.datetime(2026, 4, 1, 1, tzinfo=dt.UTC)
    assert close(desk, first) == 2
    assert close(desk, first) == 0
    # Nothing moved in April, so there is no paper about it.
    assert close(desk, dt.datetime(2026, 5, 1, 1, tzinfo=dt.UTC)) == 0
    with acting(STAFF):
        assert sorted(Statement.objects.values_list("number", flat=True)) == [1, 1]


def test_a_month_that_was_missed_is_closed_later(desk, story, carol):
    pay_out(desk, carol, 100)
    desk.at(dt.datetime(2026, 4, 5, tzinfo=dt.UTC))
    pay_out(desk, carol, 50)
    assert close(desk, dt.datetime(2026, 5, 1, 1, tzinfo=dt.UTC)) == 3
    with acting(STAFF):
        mine = Statement.objects.filter(user=carol).order_by("number")
        assert [(row.number, row.month.month) for row in mine] == [(1, 3), (2, 4)]


def test_the_hour_after_midnight_belongs_to_the_month_before(desk, story):
    assert close(desk, dt.datetime(2026, 4, 1, 0, 59, tzinfo=dt.UTC)) == 0


def test_a_paper_that_is_not_the_ledger_is_refused_and_staff_told(
    desk, story, carol, ada, client_of, monkeypatch
):
    real = statements.line_sums
    monkeypatch.setattr(
        statements, "line_sums",
        lambda *args: {key: (g, f, n + 1, c) for key, (g, f, n, c) in real(*args).items()},
    )  # fmt: skip
    with pytest.raises(NotTheLedger, match="the lines say"):
        paper(carol)
    for name in ("statement", "statement-csv", "statement-pdf"):
        response = client_of(carol).get(reverse(f"money:{name}", args=["2026-03"]))
        assert response.status_code == 409
        assert b"does not equal the ledger" in response.content
    with acting(person(ada)):
        assert Notice.objects.filter(user=ada, kind="staff.paper").count() == 1
    assert close(desk, dt.datetime(2026, 4, 1, 1, tzinfo=dt.UTC)) == 0
    with acting(STAFF):
        assert Statement.objects.count() == 0


def test_the_csv_adds_up_to_its_own_closing_balance(desk, story, carol, client_of):
    pay_out(desk, carol, 100)
    response = client_of(carol).get(reverse("money:statement-csv", args=["2026-03"]))
    rows = rows_of(response)
    assert [row["row"] for row in rows] == ["opening", "line", "line", "line", "payout", "closing"]
    moved = sum(int(row["amount"]) for row in rows[:-1])
    assert moved == int(rows[-1]["net"]) == paper(carol).sums[0].closing
    assert all(row["reason"] and row["ledger_transfer"] for row in rows[1:-1])


def test_pages_of_lines_show_each_once(desk, story, carol, client_of, monkeypatch):
    monkeypatch.setattr(statements, "PAGE", 1)
    found, after, seen = paper(carol), "", []
    with acting(person(carol)):
        while True:
            rows, after = statements.page(carol.id, found.window, after=after)
            seen += [row.id for row in rows]
            if not after:
                break
    assert len(seen) == len(set(seen)) == 3
    text = client_of(carol).get(reverse("money:statement", args=["2026-03"])).content.decode()
    assert 'rel="next"' in text


def test_a_deactivated_contributor_reads_statements(desk, story, carol, client_of):
    with acting(person(carol)):
        ContributorProfile.objects.filter(user=carol).update(deactivated_at=desk.now)
    browser = client_of(carol)
    for name, argument in (
        ("statement", "2026-03"), ("statement-csv", "2026-03"), ("statement-pdf", "2026-03"),
        ("year", 2026),
    ):  # fmt: skip
        assert browser.get(reverse(f"money:{name}", args=[argument])).status_code == 200


def test_staff_reads_one_and_leaves_evidence(desk, story, carol, ada, client_of):
    address = reverse("money:statement-of", args=[carol.id, "2026-03"])
    assert client_of(ada).get(address).status_code == 200
    with acting(STAFF):
        event = AuditEvent.objects.get(type="staff.viewed", data__view="money:statement-of")
    assert event.data["rows"] == [f"statement:{carol.id}:2026-03"]
    assert client_of(carol).get(address).status_code == 403


@pytest.mark.parametrize("month", ["2026-13", "march", "2026-3", "2027-01", "١٢٣٤-01"])
def test_other_months_are_not_there(desk, story, carol, client_of, month):
    assert client_of(carol).get(f"/money/statements/{month}/").status_code == 404


def test_a_share_to_set_aside_is_chosen(desk, story, carol, client_of, settings):
    assert paper(carol).set_aside_percent == settings.WAGEFILE["tax_set_aside_percent"]
    browser, address = client_of(carol), reverse("money:choices")
    assert browser.post(address, {"set_aside_percent": "101"}).status_code == 422
    assert browser.post(address, {"set_aside_percent": "30"}).status_code == 302
    found = paper(carol)
    assert found.set_aside(found.sums[0]) == round(found.sums[0].earned * 0.3)
    text = browser.get(reverse("money:statement", args=["2026-03"])).content.decode()
    assert "at 30%: an estimate, no advice" in text


def test_a_display_currency_is_for_orientation(desk, story, carol, client_of, settings):
    rate = {"from": "USD", "to": "EUR", "rate": "0.5", "date": "2026-03-01", "source": "a bank"}
    settings.WAGEFILE = {**settings.WAGEFILE, "display_rates": [rate]}
    browser = client_of(carol)
    assert browser.post(reverse("money:choices"), {"display_currency": "JPY"}).status_code == 422
    assert browser.post(reverse("money:choices"), {"display_currency": "EUR"}).status_code == 302
    found = paper(carol)
    assert found.display["USD"].of(found.sums[0].earned, "USD") == found.sums[0].earned // 2
    text = browser.get(reverse("money:statement", args=["2026-03"])).content.decode()
    for words in ("at 0.5 of 2026-03-01 (a bank)", "for orientation", "you bear that conversion"):
        assert words in text
    assert browser.get(reverse("money:statement-pdf", args=["2026-03"])).status_code == 200


def test_the_year_adds_its_months_and_names_the_form(desk, story, carol, client_of, settings):
    pay_out(desk, carol, 100)
    address = reverse("money:year", args=[2026])
    text = client_of(carol).get(address).content.decode()
    assert "form 1099-NEC is for payments from $2,000.00" in text and "no form is due" in text
    forms = [{**form, "threshold": 100} for form in settings.WAGEFILE["year_forms"]]
    settings.WAGEFILE = {**settings.WAGEFILE, "year_forms": forms}
    assert "the form is due" in client_of(carol).get(address).content.decode()
    settings.WAGEFILE = {**settings.WAGEFILE, "year_forms": []}
    assert "reports nothing to a tax office" in client_of(carol).get(address).content.decode()
    rows = rows_of(client_of(carol).get(reverse("money:year-csv", args=[2026])))
    assert sum(int(row["amount"] or 0) for row in rows) == paper(carol).sums[0].closing


def test_a_statement_is_never_changed(desk, story, carol):
    close(desk, dt.datetime(2026, 4, 1, 1, tzinfo=dt.UTC))
    with acting(STAFF):
        for change in (
            lambda: Statement.objects.update(as_of=0),
            lambda: Statement.objects.all().delete(),
        ):
            with pytest.raises(DatabaseError), transaction.atomic():
                change()


@given(st.dates(dt.date(2001, 1, 1), dt.date(2090, 1, 1)), st.integers(0, 40))
@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_months_follow_each_other_without_a_gap(day, how_many):
    month = Month(day.replace(day=1))
    last = month
    for _ in range(how_many):
        last = last.next
    found = months(month, last)
    assert len(found) == how_many + 1
    assert all(a.end == b.start and b.before == a for a, b in pairwise(found))
    assert Month.named(month.name) == month and Month.of(month.start) == month
