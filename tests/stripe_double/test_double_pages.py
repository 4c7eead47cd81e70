"""The hosted pages as a person without script sees them, and the program as it is started."""

import os
import re
import signal
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from stripe_double.pages import BANNER, money

ROOT = Path(__file__).resolve().parents[2]


def visit(url, form=None):
    """Status, headers and text of one page; redirects are not followed."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=10)
    headers = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
    body = urlencode(form) if form else None
    connection.request("POST" if form else "GET", parts.path, body, headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, answer.headers, text


def is_sound(headers, text):
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert BANNER in text and '<html lang="en">' in text and "<script" not in text
    assert 'name="viewport"' in text and "prefers-color-scheme: dark" in text
    fields = re.findall(r'<input (?!type="hidden")[^>]*id="([^"]+)"', text)
    assert all(f'for="{field}"' in text for field in fields)
    return policy


def test_paying_on_the_page(story):
    session = story.session(123_456)
    status, headers, text = visit(session.url)
    assert status == 200 and "1,234.56 USD" in text and "4242 4242 4242 4242" in text
    assert "form-action 'self' http://shop.test" in is_sound(headers, text)
    status, headers, _ = visit(session.url, {"means": "available", "email": "a@example.test"})
    assert status == 303
    assert headers["Location"] == f"http://shop.test/done?session={session.id}"
    after = story.client.v1.checkout.sessions.retrieve(session.id)
    assert after.payment_status == "paid" and after.customer_details.email == "a@example.test"
    status, _, text = visit(session.url)
    assert status == 200 and "Already paid" in text


def test_a_declined_card_says_so_and_another_may_be_tried(story):
    session = story.session()
    form = {"means": "declined", "email": "a@example.test"}
    status, headers, text = visit(session.url, form)
    assert 'value="a@example.test"' in text and 'value="declined" checked' in text
    assert status == 200 and 'role="alert"' in text and "declined" in text
    is_sound(headers, text)
    status, _, text = visit(session.url, {"means": "something"})
    assert status == 400 and "Choose one of the test means" in text
    assert visit(session.url, {"means": "paid"})[0] == 303


def test_a_bank_account_on_the_page(story, double):
    session = story.session(123_456)
    _, headers, text = visit(session.url)
    assert "Test bank account" in text and "0001 2345 6789" in text
    is_sound(headers, text)
    assert visit(session.url, {"means": "debit"})[0] == 303
    after = story.client.v1.checkout.sessions.retrieve(session.id)
    assert (after.status, after.payment_status) == ("complete", "unpaid")
    assert "Payment under way" in visit(session.url)[2]
    double.post(f"/_double/checkout/{session.id}/settle", {"outcome": "failed"})
    assert "The bank did not pay" in visit(session.url)[2]


def test_the_page_says_when_the_choice_is_kept(story):
    data = {"setup_future_usage": "off_session"}
    assert "is kept" in visit(story.session(payment_intent_data=data).url)[2]
    assert "is kept" not in visit(story.session().url)[2]


def test_text_of_a_client_is_escaped(story):
    price = {"currency": "usd", "unit_amount": 100, "product_data": {"name": "<b>x</b>"}}
    session = story.session(line_items=[{"price_data": price, "quantity": 2}])
    _, headers, text = visit(session.url)
    assert "&lt;b&gt;x" in text and "<b>x" not in text and "2.00 USD" in text
    is_sound(headers, text)


def test_onboarding_on_the_page(story):
    account = story.account(verified=False)
    link = story.link(account.id)
    assert link.account == account.id and link.expires_at > link.created
    status, headers, text = visit(link.url)
    assert status == 200 and "not onboarded yet" in text
    is_sound(headers, text)
    form = re.search(r'name="form" value="([^"]+)"', text)[1]
    status, headers, _ = visit(link.url, {"form": form, "action": "complete"})
    assert status == 303 and headers["Location"] == "http://shop.test/returned"
    after = story.client.v2.core.accounts.retrieve(
        account.id, {"include": ["configuration.recipient"]}
    )
    balance = after.configuration.recipient.capabilities.stripe_balance
    assert balance.stripe_transfers.status == "active"


def test_a_link_is_good_once_and_for_five_minutes(story, double):
    account = story.account(verified=False)
    link = story.link(account.id)
    assert visit(link.url)[0] == 200
    status, headers, _ = visit(link.url)
    assert status == 303 and headers["Location"] == "http://shop.test/again"
    late = story.link(account.id)
    double.advance(301)
    assert visit(late.url)[1]["Location"] == "http://shop.test/again"
    assert visit(link.url, {"form": "guess", "action": "complete"})[0] == 404


def test_a_form_that_is_checked_first(story):
    account = story.account(verified=False)
    link = story.link(account.id)
    form = re.search(r'name="form" value="([^"]+)"', visit(link.url)[2])[1]
    assert visit(link.url, {"form": form, "action": "review"})[0] == 303
    assert "being checked" in visit(story.link(account.id).url)[2]


def test_a_country_that_cannot_be_paid_is_told_so(story):
    link = story.link(story.account(verified=False, country="br").id)
    status, headers, text = visit(link.url)
    assert status == 200 and "does not pay to BR" in text and 'name="form"' not in text
    is_sound(headers, text)


def test_leaving_the_form_is_not_finishing_it(story):
    account = story.account(verified=False)
    link = story.link(account.id)
    form = re.search(r'name="form" value="([^"]+)"', visit(link.url)[2])[1]
    assert visit(link.url, {"form": form, "action": "later"})[0] == 303
    after = story.client.v2.core.accounts.retrieve(account.id, {"include": ["requirements"]})
    assert after.requirements.entries


@pytest.mark.parametrize("path", ["/c/pay/none", "/setup/e/none", "/c/other"])
def test_pages_that_are_not_there(double, path):
    status, headers, text = visit(double.url + path)
    assert status == 404
    is_sound(headers, text)


def test_money_is_written_by_currency():
    assert money(123_456, "usd") == "1,234.56 USD" and money(1_234, "jpy") == "1,234 JPY"


def run(arguments, **env):
    return subprocess.Popen(
        [sys.executable, "-m", "stripe_double", *arguments],
        cwd=ROOT,
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_it_refuses_to_start_unless_told():
    with run(["--port", "0"], WAGEFILE_DOUBLE="0") as process:
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 2 and "no money moves" in errors


def test_what_was_answered_survives_kill_9(tmp_path, stories):
    state = str(tmp_path / "state.db")
    arguments = ["--port", "0", "--state", state, "--now", "2030-01-01T00:00:00+00:00"]

    class Address:
        """The running program, as far as a story needs it."""

        def __init__(self, process):
            line = process.stdout.readline()
            assert line.startswith("listening on http://127.0.0.1:")
            self.url = line.split()[-1]

    with run(arguments, WAGEFILE_DOUBLE="1") as process:
        story = stories(Address(process))
        session = story.session(5_000)
        assert visit(session.url, {"means": "available"})[0] == 303
        account = story.account(verified=False)
        text = visit(story.link(account.id).url)[2]
        assert "not onboarded yet" in text
        first = story.available()
        created = session.created
        process.send_signal(signal.SIGKILL)
    with run([*arguments, "--i-know-this-is-not-stripe"]) as process:
        again = stories(Address(process))
        assert again.available() == first == 4_825
        kept = again.client.v1.checkout.sessions.retrieve(session.id)
        assert kept.payment_status == "paid" and kept.created == created > 1_893_456_000 - 60
        with run(arguments, WAGEFILE_DOUBLE="1") as second:
            assert "locked" in second.communicate(timeout=30)[1] and second.returncode == 2
        assert [row.id for row in again.client.v2.core.accounts.list().data] == [account.id]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
