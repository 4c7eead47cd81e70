"""The wallet and the payouts as people see them: who sees, who moves, what a refusal keeps."""

import re

import pytest
from django.urls import reverse

from apps.core.tenancy import acting, system
from apps.payments import actions as payments
from apps.payments.models import Funding, StripeAccount

pytestmark = pytest.mark.django_db


def text(answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def wallet_url(org, what="wallet"):
    return reverse(f"payments:{what}", args=[org.id])


# ── The wallet ──────────────────────────────────────────────────────────────────────────────────


def test_who_sees_the_wallet(money, acme, client_of, alice, mia, rob, fay, vic, gus, carol, ada):
    seen = {
        person.name: client_of(person).get(wallet_url(acme)).status_code
        for person in (alice, mia, rob, fay, vic, gus, carol, ada)
    }
    assert seen == {
        "Alice": 200, "Mia": 200, "Rob": 403, "Fay": 200, "Vic": 403,
        "Gus": 404, "Carol": 404, "Ada": 200,
    }  # fmt: skip
    assert client_of(None).get(wallet_url(acme)).status_code == 302


def test_who_moves_money(money, acme, client_of, alice, mia, rob, fay, vic, gus, ada):
    for what in ("fund", "refund"):
        seen = {
            person.name: client_of(person)
            .post(wallet_url(acme, what), {f"{what}-amount": "nonsense"})
            .status_code
            for person in (alice, mia, rob, fay, vic, gus, ada)
        }
        assert seen == {
            "Alice": 422, "Fay": 422, "Mia": 403, "Rob": 403, "Vic": 403, "Gus": 404, "Ada": 403,
        }  # fmt: skip


def test_who_only_looks_finds_no_form(money, acme, client_of, mia, fay):
    assert "Only owners and finance" in text(client_of(mia).get(wallet_url(acme)))
    assert 'name="fund-amount"' in client_of(fay).get(wallet_url(acme)).content.decode()


def test_paying_in_from_click_to_wallet(money, acme, client_of, fay):
    browser = client_of(fay)
    answer = browser.post(wallet_url(acme, "fund"), {"fund-amount": "75.50"}, follow=True)
    with acting(system()):
        funding = Funding.objects.get()
    # A page of ours with a plain link: no redirect after a form leaves our origin.
    assert [url for url, _ in answer.redirect_chain] == [
        reverse("payments:funding", args=[funding.id])
    ]
    assert f'href="{funding.checkout_url}"' in answer.content.decode()
    paid = money.pay(funding)
    back = paid["redirect_url"].removeprefix("http://127.0.0.1:8000")
    answer = browser.get(back)
    assert "$75.50 arrived in the wallet" in text(answer)
    assert "$75.50" in text(browser.get(wallet_url(acme)))
    assert money.wallet(acme) == 75_50


def test_coming_back_unpaid_and_polling(money, acme, client_of, fay):
    browser = client_of(fay)
    browser.post(wallet_url(acme, "fund"), {"fund-amount": "75.50"})
    with acting(system()):
        funding = Funding.objects.get()
    url = reverse("payments:funding", args=[funding.id]) + "?returned=1"
    answer = browser.get(url)
    assert "waiting for Stripe" in text(answer) and "load delay:2s" in answer.content.decode()
    money.pay(funding)
    money.check(funding)
    part = browser.get(url, headers={"HX-Request": "true"}).content.decode()
    assert part.lstrip().startswith("<div") and "hx-get" not in part and "arrived" in part


def test_the_page_stands_while_stripe_is_away(money, acme, client_of, fay, settings):
    browser = client_of(fay)
    browser.post(wallet_url(acme, "fund"), {"fund-amount": "75.50"})
    with acting(system()):
        funding = Funding.objects.get()
    settings.STRIPE_API_BASE = "http://127.0.0.1:1"
    answer = browser.get(reverse("payments:funding", args=[funding.id]) + "?returned=1")
    assert answer.status_code == 200 and "cannot be reached" in text(answer)
    answer = browser.post(wallet_url(acme, "fund"), {"fund-amount": "12.34"})
    assert answer.status_code == 422 and "cannot be reached" in text(answer)
    assert 'value="12.34"' in answer.content.decode()


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("", "required"),
        ("0.99", "At least $1.00"),
        ("1.001", "decimals"),
        ("-5", "At least"),
        ("1e30", "digits"),
        ("NaN", "number"),
        ("ten", "number"),
    ],
)
def test_amounts_that_make_no_sense_stay_in_the_form(money, acme, client_of, fay, typed, sentence):
    answer = client_of(fay).post(wallet_url(acme, "fund"), {"fund-amount": typed})
    assert answer.status_code == 422 and sentence in text(answer)
    assert f'value="{typed}"' in answer.content.decode() or not typed


def test_refunding_from_the_page(money, acme, client_of, fay, as_):
    with acting(as_(fay)) as by:
        money.fund(acme, by, 50_00)
    browser = client_of(fay)
    answer = browser.post(wallet_url(acme, "refund"), {"refund-amount": "60"})
    assert answer.status_code == 422 and "At most $50.00" in text(answer)
    answer = browser.post(wallet_url(acme, "refund"), {"refund-amount": "20"}, follow=True)
    assert "$20.00 is reserved and on its way back" in text(answer)
    payments.push_outbox(now=money.now)
    assert "Refunded" in text(browser.get(wallet_url(acme)))


def test_held_funds_are_shown_by_project(money, acme, client_of, alice, project):
    project(acme, budget=40_00, title="Held here")
    page = text(client_of(alice).get(wallet_url(acme)))
    # 40.00 for work, 104.00 for twenty qualification seats.
    assert "Held here $144.00" in page


def test_a_foreign_funding_is_not_there(money, acme, client_of, gus, globex, fay, vic, as_):
    with acting(as_(fay)) as by:
        funding = money.fund(acme, by, 50_00)
    url = reverse("payments:funding", args=[funding.id])
    assert client_of(gus).get(url).status_code == 404
    assert client_of(vic).get(url).status_code == 403
    assert client_of(fay).get(url).status_code == 200


# ── Payouts ─────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def earner(money, acme, alice, as_, carol):
    with acting(as_(alice)) as by:
        money.fund(acme, by, 100_00)
    money.earn(carol, acme, 40_00)
    with acting(system()):
        StripeAccount.objects.all().delete()
    return carol


URL = "/payments/payouts/"


def test_setting_up_and_being_paid(money, earner, client_of):
    browser = client_of(earner)
    page = browser.get(URL)
    assert "Payable to you $40.00" in text(page) and "Set up payouts" in text(page)
    assert "Pay me out" not in text(page)
    answer = browser.post(f"{URL}connect/")
    link = re.search(r'href="(http[^"]+/setup/[^"]+)"', answer.content.decode())
    assert answer.status_code == 200 and link and answer.headers["Cache-Control"] == "no-store"
    assert "Stripe still asks for: your first name" in text(answer)
    with acting(system()):
        account = StripeAccount.objects.get()
    money.double.post(f"/_double/accounts/{account.account_id}/verify")
    page = browser.get(f"{URL}?returned=1")
    assert "Stripe can pay you" in text(page) and "Pay me out" in text(page)
    answer = browser.post(f"{URL}request/", {"currency": "USD", "USD-amount": "15"}, follow=True)
    assert "$15.00 is reserved and on its way to you" in text(answer)
    assert "Payable to you $25.00" in text(answer)
    payments.push_outbox(now=money.now)
    assert "At your Stripe account" in text(browser.get(URL))


def test_leaving_the_form_is_not_finishing_it(money, earner, client_of):
    browser = client_of(earner)
    browser.post(f"{URL}connect/")
    assert "Payouts are not set up yet" in text(browser.get(f"{URL}?returned=1"))
    assert "Get a fresh one below" in text(browser.get(f"{URL}?again=1"))


def test_refusals_stand_in_the_form(money, earner, client_of):
    money.connect(earner)
    browser = client_of(earner)
    answer = browser.post(f"{URL}request/", {"currency": "USD", "USD-amount": "50"})
    assert answer.status_code == 409 and "not enough money" in text(answer)
    answer = browser.post(f"{URL}request/", {"currency": "USD", "USD-amount": "5"})
    assert "smallest payout is $6.00" in text(answer)
    assert 'value="5"' in answer.content.decode()
    browser.post(f"{URL}request/", {"currency": "USD", "USD-amount": ""})
    answer = browser.post(f"{URL}request/", {"currency": "USD", "USD-amount": "7"})
    assert answer.status_code == 429 and "one payout a day" in text(answer)


def test_a_waiting_payout_says_why(money, acme, alice, as_, carol, client_of):
    with acting(as_(alice)) as by:
        money.fund(acme, by, 100_00, available=False)
    money.earn(carol, acme, 40_00)
    money.connect(carol)
    money.request(carol)
    payments.push_outbox(now=money.now)
    page = text(client_of(carol).get(URL))
    assert "as soon as the balance there is available" in page
    assert "available balance does not cover this yet" in page


def test_a_deactivated_person_still_gets_everything(money, earner, client_of, profile):
    money.connect(earner)
    profile(earner, deactivated_at=money.now)
    page = text(client_of(earner).get(URL))
    assert "stays yours" in page and "Pay me out" in page


def test_a_country_that_cannot_be_paid(money, earner, client_of, profile):
    profile(earner, region="BR")
    browser = client_of(earner)
    page = text(browser.get(URL))
    assert "do not reach your country" in page and "Set up payouts" not in page
    answer = browser.post(f"{URL}connect/")
    assert answer.status_code == 422 and "not yet in BR" in text(answer)


def test_somebody_without_a_profile_is_sent_there(money, alice, client_of):
    assert "contributor profile first" in text(client_of(alice).get(URL))


def test_who_has_a_payouts_page(money, ada, client_of):
    assert client_of(ada).get(URL).status_code == 403
    assert client_of(None).get(URL).status_code == 302
    for what in ("connect", "refresh", "request"):
        assert client_of(ada).post(f"{URL}{what}/").status_code == 403
        assert client_of(ada).get(f"{URL}{what}/").status_code == 405
