"""Invoices and spend: the ledger's movements, numbered without gaps, never changed."""

import csv
import datetime as dt
import io
from dataclasses import replace
from decimal import Decimal

import pytest
from django.db import DatabaseError, transaction
from django.db.models import Sum
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from apps.core.tenancy import Actor, acting, system
from apps.exports import actions as exports
from apps.exports.models import Invoice, InvoiceLine
from apps.exports.queries import invoices, spend
from apps.exports.rules.months import Month
from apps.exports.rules.taxes import tax
from apps.ledger import actions as ledger
from apps.ledger.models import Transfer
from apps.notices.models import Notice
from apps.organizations import actions as organizations
from apps.organizations.models import Organization
from apps.organizations.queries import actor_of
from apps.work import actions as work
from apps.work.models import EarningLine
from tests.factories.ledger import entry, held
from tests.work.conftest import STAFF

pytestmark = pytest.mark.django_db

FIRST = dt.datetime(2026, 4, 1, 1, 30, tzinfo=dt.UTC)


def issue(desk, at: dt.datetime = FIRST) -> list[Invoice]:
    desk.at(at)
    with acting(system()) as platform:
        exports.issue_invoices(by=platform, now=at)
    with acting(STAFF):
        return list(Invoice.objects.order_by("issued_at", "serial"))


def moved(desk, **until) -> tuple[int, int]:
    """(pay, fee) that left the project's accounts, from the transfers themselves."""
    with acting(STAFF):
        rows = Transfer.objects.settled().filter(scope_id=desk.project.id, **until)
        sums = {
            purpose: rows.filter(credit__purpose=purpose).aggregate(sum=Sum("amount"))["sum"] or 0
            for purpose in ("payable", "fees")
        }
    return sums["payable"], sums["fees"]


def told(user, kind: str) -> list[Notice]:
    with acting(Actor(kind="person", user_id=user.id)):
        return list(Notice.objects.filter(user=user, kind=kind))


def test_an_invoice_is_what_the_ledger_moved(desk, story, alice, fay, mia):
    (row,) = issue(desk)
    assert (row.pay, row.fee) == moved(desk) and row.fee == 12
    assert row.total == row.pay + row.fee + row.tax
    assert (row.name, row.month) == ("INV-000001", dt.date(2026, 3, 1))
    with acting(STAFF):
        (line,) = InvoiceLine.objects.all()
        assert (line.pay, line.fee, line.project_id) == (row.pay, row.fee, desk.project.id)
    assert [len(told(user, "invoice")) for user in (alice, fay, mia)] == [1, 1, 0]


def test_twice_issues_nothing_twice(desk, story):
    assert issue(desk) == issue(desk)
    # Nothing was charged in April.
    assert len(issue(desk, dt.datetime(2026, 5, 1, 1, 30, tzinfo=dt.UTC))) == 1


def test_what_is_booked_late_stands_on_the_next_one(desk, story):
    issue(desk)
    with acting(STAFF) as staff:
        work.adjust(
            assignment_id=story["accepted"].id, amount=25, reason="A dispute.", by=staff,
            now=dt.datetime(2026, 3, 20, tzinfo=dt.UTC),
        )  # fmt: skip
    first, second = issue(desk, dt.datetime(2026, 5, 1, 1, 30, tzinfo=dt.UTC))
    assert (second.name, second.pay, second.fee) == ("INV-000002", 25, 0)
    assert (first.pay + second.pay, first.fee + second.fee) == moved(desk)


def test_less_than_was_invoiced_is_a_credit_note(desk, story, acme):
    (row,) = issue(desk)
    # Nothing of today books this: a platform that gives a fee back does it by a reversal, and the
    # lines then say less, too.
    with acting(STAFF):
        before = invoices.charged(acme.id, FIRST)[0]
    lower = replace(before, fee=before.fee - 6)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(invoices, "charged", lambda *_: [lower])
        patch.setattr(
            invoices, "lines_until",
            lambda *_: {(lower.project_id, lower.currency): (lower.pay, lower.fee)},
        )  # fmt: skip
        note = issue(desk, dt.datetime(2026, 5, 1, 1, 30, tzinfo=dt.UTC))[-1]
    assert (note.name, note.kind, note.corrects_id) == ("CN-000001", "credit_note", row.id)
    assert (note.pay, note.fee) == (0, 6)
    with acting(STAFF):
        said = invoices.invoiced(acme.id)
    assert said == {(desk.project.id, "USD"): (before.pay, before.fee - 6, 0)}


def test_money_that_comes_back_counts_against_a_project(desk, story, acme):
    """The SQL function looks at both directions."""
    with acting(system(acme.id)):
        before = invoices.charged(acme.id, FIRST)[0]
        fees = ledger.account("fees", currency="USD")
        project_funds = held(acme.id, desk.project.id)
        ledger.post([entry(fees, project_funds, 6, scope=desk.project.id, at=desk.now)])
        after = invoices.charged(acme.id, FIRST)[0]
    assert (after.pay, after.fee) == (before.pay, before.fee - 6)


def test_lines_that_are_not_the_ledger_are_not_invoiced(desk, story, acme, ada):
    with acting(system(acme.id)):
        fees = ledger.account("fees", currency="USD")
        project_funds = held(acme.id, desk.project.id)
        ledger.post([entry(project_funds, fees, 1, scope=desk.project.id, at=desk.now)])
    assert issue(desk) == []
    (notice,) = told(ada, "staff.paper")
    assert "the earning lines say" in notice.body


def test_numbers_have_no_gap_and_no_choice(desk, story, acme, globex, gus):
    def write(org: Organization, month: int, serial: int | None = None) -> Invoice:
        with acting(system(org.id)):
            row = Invoice(
                org=org, month=dt.date(2025, month, 1), currency="USD", pay=1, fee=0, tax=0,
                total=1, as_of=1, issued_at=desk.now, serial=serial,
            )  # fmt: skip
            row.save(force_insert=True)
            row.refresh_from_db()
            return row

    assert write(acme, 1, serial=77).serial == 1
    with transaction.atomic():
        assert write(globex, 1).serial == 2
        transaction.set_rollback(True)
    assert write(globex, 2).serial == 2
    assert write(acme, 2).serial == 3
    with acting(STAFF), pytest.raises(DatabaseError), transaction.atomic():
        Invoice.objects.filter(serial=3).update(total=5)
    with acting(STAFF), pytest.raises(DatabaseError), transaction.atomic():
        Invoice.objects.filter(serial=3).delete()


def test_paper_csv_and_page_say_the_same(desk, story, fay, client_of):
    (row,) = issue(desk)
    browser = client_of(fay)
    response = browser.get(reverse("money:invoice-csv", args=[row.id]))
    rows = list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode())))
    assert [int(each["total"]) for each in rows] == [row.pay + row.fee, row.total]
    one, two = (browser.get(reverse("money:invoice-pdf", args=[row.id])).content for _ in "12")
    assert one == two and one.startswith(b"%PDF-")
    page = browser.get(reverse("money:invoice", args=[row.id])).content.decode()
    assert "INV-000001" in page and "passed on to them in" in page


def test_billing_details_stand_on_the_next_invoice(desk, story, acme, fay, client_of, settings):
    settings.OPERATOR_COUNTRY = "NL"
    with acting(STAFF):
        Organization.objects.filter(id=acme.id).update(country="DE")
    browser, address = client_of(fay), reverse("money:billing", args=[acme.id])
    wrong = browser.post(address, {"vat_number": "DE136695977", "legal_name": "Acme GmbH"})
    assert wrong.status_code == 422
    assert "This is no VAT number of DE" in wrong.text and "Acme GmbH" in wrong.text
    good = {"vat_number": "de 136 695 976", "legal_name": "Acme GmbH", "po_number": "PO 7"}
    assert browser.post(address, good).status_code == 302
    project = reverse("money:project-billing", args=[desk.project.id])
    assert browser.post(project, {"cost_centre": "4711"}).status_code == 302
    (row,) = issue(desk)
    assert row.facts["buyer"]["vat_number"] == "DE136695976"
    assert (row.tax, row.facts["tax"]["is_reverse_charge"]) == (0, True)
    page = browser.get(reverse("money:invoice", args=[row.id])).text
    for words in ("Acme GmbH", "PO number PO 7", "4711", "Reverse charge", "2006/112/EC"):
        assert words in page
    # Issued is issued.
    with acting(actor_of(fay)) as by:
        organizations.set_billing(
            org_id=acme.id, legal_name="Other", address="", vat_number="", po_number="",
            cost_centre="", by=by, now=desk.now,
        )  # fmt: skip
    assert "Other" not in browser.get(reverse("money:invoice", args=[row.id])).text


@pytest.mark.parametrize("what", ["invoices", "spend", "billing"])
def test_who_sees_an_organizations_papers(acme, globex, client_of, what, request, carol):
    address = reverse(f"money:{what}", args=[acme.id])
    seen = {
        name: client_of(request.getfixturevalue(name)).get(address).status_code
        for name in ["alice", "mia", "fay", "rob", "vic", "gus", "carol", "ada"]
    }
    expected = {
        "alice": 200, "mia": 200, "fay": 200, "rob": 403, "vic": 403, "gus": 404, "carol": 404,
        "ada": 200,
    }  # fmt: skip
    if what == "billing":
        expected |= {"mia": 403, "ada": 403}
    assert seen == expected


@given(
    fee=st.integers(0, 10**9),
    operator=st.sampled_from(["", "US", "DE", "NL", "GB"]),
    buyer=st.sampled_from(["US", "DE", "FR", "GB", "JP"]),
    has_vat_number=st.booleans(),
)
def test_tax_is_only_on_the_fee_and_only_where_it_is_due(fee, operator, buyer, has_vat_number):
    rates = {"DE": "19", "NL": "21", "GB": "20"}
    found = tax(fee, operator=operator, buyer=buyer, has_vat_number=has_vat_number, rates=rates)
    assert 0 <= found.amount <= fee and found.sentence
    assert (found.amount == 0) or found.rate > 0
    if found.is_reverse_charge:
        assert has_vat_number and operator != buyer and found.amount == 0
    if operator == buyer and operator in rates:
        assert abs(found.amount - fee * Decimal(rates[operator]) / 100) <= Decimal("0.5")


def test_spend_is_what_left_the_projects(desk, story, acme, alice):
    pay, fee = moved(desk)
    for by in spend.BY:
        with acting(actor_of(alice)):
            (found,) = spend.spend(acme.id, by=by)
        assert (found.total.gross, found.total.fee) == (pay + fee, fee)
        assert sum(row.gross for _, row in found.rows) == pay + fee
        assert sum(part for _, part in found.parts) == pay + fee and found.is_whole
    with acting(actor_of(alice)):
        (month,) = spend.spend(acme.id, by="month")
        assert [name for name, _ in month.rows] == ["2026-03"]
        (tiers,) = spend.spend(acme.id, by="tier")
    assert {name for name, _ in tiers.rows} == {"general", "tested"}
    assert month.total.accepted == 1
    assert month.total.per_accepted == pay + fee


def test_the_csv_of_spend_adds_up(desk, story, acme, fay, client_of):
    response = client_of(fay).get(reverse("money:spend-csv", args=[acme.id]))
    rows = list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode())))
    assert sum(int(row["gross"]) for row in rows) == sum(moved(desk))
    page = client_of(fay).get(reverse("money:spend", args=[acme.id])).text
    assert "Qualification" in page and "Top-up to the floor" in page


def test_the_invoice_of_a_month_ends_with_it(desk, story, acme):
    """A line of the first of April stands on April's invoice."""
    desk.at(FIRST - dt.timedelta(minutes=10))
    with acting(STAFF) as staff:
        work.adjust(
            assignment_id=story["accepted"].id, amount=25, reason="A dispute.", by=staff,
            now=desk.now,
        )  # fmt: skip
    (row,) = issue(desk)
    assert (row.pay, row.fee) == moved(desk, at__lt=Month(row.month).end)
    with acting(STAFF):
        assert row.pay == sum(line.net for line in EarningLine.objects.all()) - 25
