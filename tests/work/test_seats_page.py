"""The page that adds qualification seats says what they cost before it moves the money."""

import pytest
from django.urls import reverse

from apps.core.tenancy import acting
from apps.projects.models import Project
from tests.cases.money import wallet
from tests.factories import ledger as money
from tests.work.conftest import STAFF
from tests.work.test_actions_seats import OPEN, SEAT, tier


@pytest.fixture
def live(project, acme):
    return project(acme, budget=50_00, gold=0, tiers=[OPEN, tier()])


@pytest.fixture
def url(live):
    return reverse("work:add-seats", args=[live.id])


def funded_seats(live):
    with acting(STAFF):
        return Project.objects.get(id=live.id).seats["tested"]


def test_the_amount_is_said_first_and_moved_then(client_of, fay, acme, live, url, now):
    money.fund(acme.id, 20_00, now=now)
    fay = client_of(fay)
    assert url in fay.get(reverse("pages:project_live", args=[live.id])).text
    assert "2 of 2 funded seats left" in fay.get(url).text
    page = fay.get(url, {"tier": "tested", "count": "3"}).text
    assert "$15.60" in page and "The wallet has $20.00" in page
    assert funded_seats(live) == 2 and wallet(acme.id) == 20_00
    sent = {"tier": "tested", "count": "3", "most": str(3 * SEAT)}
    assert fay.post(url, sent).url == reverse("pages:project_live", args=[live.id])
    assert funded_seats(live) == 5 and wallet(acme.id) == 20_00 - 3 * SEAT
    assert "5 of 5 funded seats left" in fay.get(url).text


def test_an_empty_wallet_is_said_in_one_sentence(client_of, alice, live, url):
    alice = client_of(alice)
    assert "fund the wallet first" in alice.get(url, {"tier": "tested", "count": "1"}).text
    refused = alice.post(url, {"tier": "tested", "count": "1", "most": str(SEAT)})
    assert refused.status_code == 409
    assert "The wallet does not hold that much: fund it first." in refused.text
    assert funded_seats(live) == 2


def test_nonsense_moves_nothing(client_of, alice, acme, live, url, now):
    money.fund(acme.id, 20_00, now=now)
    alice = client_of(alice)
    for sent in (
        {},
        {"tier": "tested", "count": "1"},
        {"tier": "tested", "count": "1", "most": "-1"},
        {"tier": "general", "count": "1", "most": "9999"},
        {"tier": "tested", "count": "0", "most": "9999"},
    ):
        assert alice.post(url, sent).status_code == 422, sent
    assert alice.post(url, {"tier": "tested", "count": "1", "most": "1"}).status_code == 409
    assert funded_seats(live) == 2 and wallet(acme.id) == 20_00


def test_what_cannot_have_seats_says_so(client_of, alice, acme, project):
    before = project(acme, title="From before", with_seats=False)
    page = client_of(alice).get(reverse("work:add-seats", args=[before.id])).text
    assert "paid from its held funds" in page
    none = project(acme, title="No test", tiers=[OPEN])
    page = client_of(alice).get(reverse("work:add-seats", args=[none.id])).text
    assert "No tier of this project has a qualification" in page
