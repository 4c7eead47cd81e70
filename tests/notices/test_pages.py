"""The header's number, times where the reader is, and the outbox that only the demo has."""

import datetime as dt
from pathlib import Path

import pytest
from django.core.mail import EmailMultiAlternatives
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.core.tenancy import acting
from apps.notices import actions as notices
from apps.notices.checks import mail_leaves_the_house
from apps.notices.enums import Group, Kind
from apps.notices.models import DemoMail
from apps.organizations.queries import actor_of

ZONE = "wagefile_zone"


def tell(user, now, **words):
    notices.tell([user.id], kind=Kind.REWORK, now=now, **{"title": "Look", **words})


def test_the_number_of_unread_notices(client_of, carol, dave, now):
    tell(carol, now)
    url = reverse("notices:count")
    client = client_of(carol)
    fragment = client.get(url, headers={"HX-Request": "true"}).content.decode()
    assert '<span class="count">1</span>' in fragment
    assert url in fragment
    assert "<html" not in fragment
    assert 'class="count"' not in client_of(dave).get(url, headers={"HX-Request": "true"}).text
    assert '<span class="count">1</span>' in client.get(url).text


def test_who_is_signed_out_is_asked_no_more(client, db):
    text = client.get(reverse("notices:count"), headers={"HX-Request": "true"}).text
    assert "hx-get" not in text


def test_the_number_costs_one_query_however_many(client_of, carol, now):
    client, url = client_of(carol), reverse("notices:count")

    def queries():
        with CaptureQueriesContext(connection) as seen:
            client.get(url, headers={"HX-Request": "true"})
        return [q["sql"] for q in seen if "notices_notice" in q["sql"]]

    tell(carol, now)
    assert len(queries()) == 1
    for number in range(30):
        tell(carol, now, title=str(number))
    assert len(queries()) == 1


def test_what_is_switched_off_in_the_page_is_not_there(client_of, carol, now):
    with acting(actor_of(carol)) as by:
        notices.choose(choices={Group.VERDICTS: (False, "")}, by=by, now=now)
    tell(carol, now, title="Not here")
    client = client_of(carol)
    assert "Not here" not in client.get(reverse("notices:list")).text
    assert 'class="count"' not in client.get("/").text


def test_times_are_where_the_browser_is_and_stay_so_for_letters(client_of, carol, now):
    tell(carol, now, due_at=now + dt.timedelta(hours=27))
    client = client_of(carol)
    assert "3 Mar 2026, 12:00 UTC" in client.get(reverse("notices:list")).text
    client.cookies[ZONE] = "Asia%2FTokyo"
    assert "3 Mar 2026, 21:00 JST" in client.get(reverse("notices:list")).text
    carol.refresh_from_db()
    assert (carol.time_zone, carol.is_zone_chosen) == ("Asia/Tokyo", False)
    client.cookies[ZONE] = "../../etc/passwd"
    assert "21:00 JST" in client.get(reverse("notices:list")).text


def test_a_chosen_zone_is_not_overruled_by_a_browser(client_of, carol, now):
    tell(carol, now, due_at=now)
    client, url = client_of(carol), reverse("people:zone")
    client.post(url, {"time_zone": "America/Sao_Paulo"})
    client.cookies[ZONE] = "Asia/Tokyo"
    assert "2 Mar 2026, 06:00 UTC-03" in client.get(reverse("notices:list")).text
    client.post(url, {"time_zone": ""})
    assert "18:00 JST" in client.get(reverse("notices:list")).text
    client.post(url, {"time_zone": "Mars/Olympus"})
    carol.refresh_from_db()
    assert carol.time_zone == "Asia/Tokyo"


def test_no_page_writes_utc_behind_a_time_of_the_readers_zone():
    loose = [
        f"{path}: {line.strip()[:90]}"
        for path in sorted(Path("templates").rglob("*.html"))
        for line in path.read_text().splitlines()
        if "H:i" in line and "|date:" in line and "data-expires" not in line
    ]
    assert loose == [], "write a time as {{ …|moment }}, which says its zone"


@pytest.fixture
def demo(settings):
    settings.DEMO = True
    settings.EMAIL_BACKEND = "apps.notices.gateway.DemoBackend"


@pytest.fixture
def sent(demo, db, now):
    message = EmailMultiAlternatives(
        "Hello", "Plain <b>words</b>", "a@example.org", ["carol@example.org"]
    )
    message.attach_alternative("<p>Rich</p><script>alert(1)</script>", "text/html")
    message.send()
    return DemoMail.objects.get()


def test_the_demo_shows_what_it_would_have_sent(sent, client):
    listed = client.get(reverse("notices:outbox"))
    assert "Hello" in listed.text
    assert "Hello" not in client.get(reverse("notices:outbox") + "?to=dave").text
    shown = client.get(reverse("notices:outbox-mail", args=[sent.id])).text
    assert "Plain &lt;b&gt;words&lt;/b&gt;" in shown
    assert "alert(1)" not in shown


def test_html_of_a_mail_is_never_active_here(sent, client):
    page = client.get(reverse("notices:outbox-html", args=[sent.id]))
    assert "<p>Rich</p>" in page.text
    assert page.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert page.headers["X-Content-Type-Options"] == "nosniff"


def test_a_real_marketplace_has_no_outbox(sent, client, client_of, ada, settings):
    settings.DEMO = False
    for name, arguments in (
        ("outbox", []),
        ("outbox-mail", [sent.id]),
        ("outbox-html", [sent.id]),
    ):
        url = reverse(f"notices:{name}", args=arguments)
        assert client.get(url).status_code == 404
        assert client_of(ada).get(url).status_code == 404


def test_production_refuses_the_demos_mail_backend(settings):
    settings.PRODUCTION = True
    assert mail_leaves_the_house() == []
    settings.EMAIL_BACKEND = "apps.notices.gateway.DemoBackend"
    assert [error.id for error in mail_leaves_the_house()] == ["notices.E001"]
