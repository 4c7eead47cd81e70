"""Light and dark, the reader's zone, the style guide: cookies that the server reads."""

import datetime as dt

import pytest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

pytestmark = pytest.mark.django_db


def test_chosen_appearance_is_written_into_the_page(client):
    there = reverse("pages:rules")
    answer = client.post(reverse("pages:appearance"), {"theme": "dark", "next": there})

    assert answer["Location"] == there
    assert answer.cookies["wagefile_theme"]["httponly"]
    assert 'data-theme="dark"' in client.get(there).text

    client.post(reverse("pages:appearance"), {"theme": "system", "next": there})
    assert "data-theme" not in client.get(there).text


def test_appearance_leads_nowhere_else(client):
    answer = client.post(
        reverse("pages:appearance"), {"theme": "light", "next": "https://elsewhere.example/"}
    )

    assert answer["Location"] == reverse("home")


def test_made_up_theme_is_not_kept(client):
    client.cookies["wagefile_theme"] = '"><script>'

    assert "data-theme" not in client.get(reverse("pages:rules")).text


def test_deadline_stands_in_the_readers_zone():
    now = dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC)
    context = {"at": now + dt.timedelta(hours=5), "now": now}

    with timezone.override("Europe/Berlin"):
        page = render_to_string("components/deadline.html", context)

    assert "1 Jul 2026, 19:00 CEST" in page
    assert "(in 5 h)" in page
    assert "deadline soon" in page


def test_style_guide_shows_every_part_in_both_schemes(client):
    page = client.get(reverse("pages:styleguide")).text

    assert page.count('<figure class="chart">') == 10
    assert page.count('data-theme="dark"') == page.count('data-theme="light"') == 1


def test_style_guide_is_not_on_a_production_site(client, settings):
    settings.PRODUCTION = True

    assert client.get(reverse("pages:styleguide")).status_code == 404
