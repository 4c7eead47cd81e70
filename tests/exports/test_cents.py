"""The life of an amount: each station of it, for each side what it may see, and a link to it."""

import re

import pytest
from django.urls import reverse

from apps.audit.models import AuditEvent
from apps.core.ids import derived
from apps.core.tenancy import acting, system
from apps.ledger import actions as ledger
from apps.ledger.models import Transfer
from apps.payments.models import Funding
from apps.work.models import EarningLine
from tests.exports.test_statements import pay_out
from tests.factories.ledger import entry, stripe_account, wallet
from tests.work.conftest import STAFF

pytestmark = pytest.mark.django_db


def text(response) -> str:
    assert response.status_code == 200, response.status_code
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def life_of(client, what: str, row_id) -> str:
    return text(client.get(reverse(f"money:{what}", args=[row_id])))


@pytest.fixture
def lines(desk, story) -> dict:
    with acting(STAFF):
        return {
            (line.contributor.name.lower(), line.kind): line
            for line in EarningLine.objects.select_related("contributor")
        }


def test_a_contributor_follows_a_line_from_the_charge_to_the_bank(
    desk, lines, story, carol, client_of
):
    pay_out(desk, carol, 50)
    page = life_of(client_of(carol), "line", lines["carol", "base"].id)
    stations = (
        "The buyer's charge", "first in, first out", "Held for the project", "Held at the claim",
        "Handed in", "Scored", "Accepted", "silence: the deadline decided",
        "Pay of an accepted answer", "From the project's held funds to the contributor's account",
        "Payout through Stripe", "tr_x", "On the way to the bank",
    )  # fmt: skip
    places = [
        page.find(words.replace("'", "&#x27;"), page.index("Station by station"))
        for words in stations
    ]
    assert -1 not in places, stations[places.index(-1)]
    assert places == sorted(places)
    # The evidence in the chain, and the transfer in the ledger.
    with acting(STAFF):
        event = AuditEvent.objects.get(
            aggregate_id=story["accepted"].id, type="assignment.accepted"
        )
    assert event.hash in page
    assert "$0.46" in page and "$0.06" in page and "$0.40" in page


def test_a_line_says_which_part_of_it_was_paid_out(desk, lines, carol, client_of):
    pay_out(desk, carol, 50)
    # The kill fee is older: all of it went with the payout, and 30 of the base.
    page = life_of(client_of(carol), "line", lines["carol", "base"].id)
    assert "$0.30 of this payout" in page and "$0.10 payable" in page
    page = life_of(client_of(carol), "line", lines["carol", "kill_fee"].id)
    assert "$0.20 of this payout" in page and not re.search(r"\$[\d.]+ payable", page)
    assert "Rubric line Right answer" in page


def test_a_payout_lists_what_it_carried(desk, lines, carol, dave, client_of):
    made = pay_out(desk, carol, 50)
    page = life_of(client_of(carol), "payout", made.id)
    assert "2 amount(s), the oldest first" in page
    assert "$0.20 kill fee" in page and "$0.30 pay of an accepted answer" in page
    assert client_of(dave).get(reverse("money:payout", args=[made.id])).status_code == 404


def test_a_settlement_names_what_it_came_to(desk, lines, carol, client_of):
    page = life_of(client_of(carol), "line", lines["carol", "top_up"].id)
    assert "Settled" in page and "top-up" in page


def test_no_contributor_learns_of_the_buyers_amounts_or_of_gold(desk, lines, carol, client_of):
    page = life_of(client_of(carol), "line", lines["carol", "base"].id)
    assert "of this charge" not in page and "put in" not in page
    assert "Known answer" not in page


def test_the_buyer_sees_a_pseudonym_and_no_payout(desk, lines, carol, alice, client_of):
    pay_out(desk, carol, 50)
    page = life_of(client_of(alice), "line", lines["carol", "base"].id)
    assert re.search(r"Contributor [0-9A-F]{4}-[0-9A-F]{4}", page)
    assert "of this charge" in page and "Known answer" in page
    for secret in ("Carol", str(carol.id), "tr_x", "Payout through Stripe"):
        assert secret not in page
    assert "From here on it belongs to the contributor" in page


def test_staff_sees_all_and_leaves_evidence(desk, lines, carol, ada, client_of):
    pay_out(desk, carol, 50)
    page = life_of(client_of(ada), "line", lines["carol", "base"].id)
    assert "of this charge" in page and "tr_x" in page
    with acting(STAFF):
        event = AuditEvent.objects.get(type="staff.viewed", data__view="money:line")
        transfer = Transfer.objects.get(code="acceptance")
    assert event.data["rows"] == [f"transfer:{transfer.id}"] and event.org_id


@pytest.mark.parametrize("what", ["line", "item", "transfer"])
def test_who_follows_an_amount(
    desk, lines, story, globex, client_of, what, request,
):  # fmt: skip
    with acting(STAFF):
        rows = {
            "line": lines["carol", "base"].id,
            "item": story["accepted"].id,
            "transfer": Transfer.objects.get(code="acceptance").id,
        }
    address = reverse(f"money:{what}", args=[rows[what]])
    seen = {
        name: client_of(request.getfixturevalue(name)).get(address).status_code
        for name in ["alice", "mia", "fay", "rob", "vic", "gus", "carol", "dave", "ada"]
    }
    assert seen == {
        "alice": 200, "mia": 200, "fay": 200, "rob": 403, "vic": 403, "gus": 404, "carol": 200,
        "dave": 404, "ada": 200,
    }  # fmt: skip
    assert client_of(None).get(address).status_code == 302


def test_a_charge_says_where_it_went(desk, story, acme, fay, client_of):
    with acting(system(acme.id)):
        funding = Funding.objects.create(
            org=acme, amount=500, currency="USD", state="paid", paid_at=desk.now,
            created_at=desk.now, created_by=fay, payment_intent_id="pi_x",
        )  # fmt: skip
        ledger.post(
            [entry(stripe_account(), wallet(acme.id), 500, at=desk.now,
                   id=derived(funding.id, "paid"), code="funding", subject=funding.id)]
        )  # fmt: skip
    page = life_of(client_of(fay), "funding", funding.id)
    assert "The buyer&#x27;s charge" in page and "still in the wallet" in page


def test_every_transfer_of_the_books_has_a_page(desk, story, carol, ada, client_of):
    """Whatever its code and kind: staff may ask for each."""
    pay_out(desk, carol, 50)
    with acting(STAFF):
        rows = list(Transfer.objects.order_by("number"))
    assert {row.kind for row in rows} == {"posted", "pending", "post", "void"}
    browser = client_of(ada)
    for row in rows:
        assert "This amount" in life_of(browser, "transfer", row.id), row.code


def test_an_item_shows_what_was_held_paid_and_let_go(desk, lines, story, carol, client_of):
    page = life_of(client_of(carol), "item", story["rejected"].id)
    for words in ("Kill fee of a rejected answer", "held", "let go", "paid", "$0.20"):
        assert words in page


AMOUNT = re.compile(r"[$€£¥][\d,]+(\.\d+)?")


@pytest.mark.parametrize(
    ("who", "name", "arguments"),
    [
        ("carol", "work:earnings", ()),
        ("carol", "work:history", ()),
        ("carol", "payments:payouts", ()),
        ("carol", "money:statement", ("2026-03",)),
        ("carol", "money:item", ("item",)),
        ("fay", "payments:wallet", ("org",)),
        ("fay", "money:item", ("item",)),
    ],
)
def test_every_amount_of_a_row_leads_to_its_life(
    desk, story, acme, carol, fay, client_of, request, who, name, arguments
):
    """Cells of a table that show one row of the ledger, and lines of a list: each is a link that
    opens. Sums and balances are not rows; their tables are named here.
    """
    pay_out(desk, carol, 50)
    with acting(system(acme.id)):
        funding = Funding.objects.create(
            org=acme, amount=500, currency="USD", created_at=desk.now, created_by=fay,
        )  # fmt: skip
    ids = {"item": story["accepted"].id, "org": acme.id}
    browser = client_of(request.getfixturevalue(who))
    address = reverse(name, args=[ids.get(each, each) for each in arguments])
    html = browser.get(address).content.decode()
    of_rows = [
        cell
        for table in re.findall(r"<table.*?</table>", html, re.DOTALL)
        if ">Net an hour<" not in table
        and ">Held<" not in table
        and "data-label" in table
        and ">Held<" not in table
        and "chart" not in table
        for cell in re.findall(r'<td class="num\b.*?</td>', table, re.DOTALL)
    ] + re.findall(r'<ul class="plain lines">.*?</ul>', html, re.DOTALL)
    amounts = [cell for cell in of_rows if AMOUNT.search(re.sub(r"<[^>]+>", "", cell))]
    assert amounts, "nothing to follow on this page"
    links = set()
    for cell in amounts:
        bare = re.sub(r'<a class="amount".*?</a>', "", cell, flags=re.DOTALL)
        assert not AMOUNT.search(re.sub(r"<[^>]+>", "", bare)), cell
        links |= set(re.findall(r'class="amount" href="([^"]+)"', cell))
    for link in links - {reverse("money:funding", args=[funding.id])}:
        assert browser.get(link).status_code == 200, link
