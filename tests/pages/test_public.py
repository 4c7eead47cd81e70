"""The public pages: the live example is the engine's, every number is there, errors help."""

import re
from decimal import Decimal

import pytest
from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from apps.core import checks
from apps.core.money import written
from apps.pages.forms import DEFAULTS, ExampleForm
from apps.pages.rules import Ending
from apps.pages.views.public import LINES
from apps.projects import rules
from apps.projects.queries.criteria import floor_per_hour
from apps.projects.rules import Account, Facts, Kind, LineKind, Outcome, Stage, Terms

NUMBERS = settings.WAGEFILE
sent = st.fixed_dictionaries(
    {
        "pay": st.integers(1, 100_000).map(lambda cents: f"{Decimal(cents) / 100:.2f}"),
        "estimate": st.integers(1, 7_200).map(str),
        "seconds": st.integers(0, 86_400).map(str),
        "kind": st.sampled_from(["work", "qualification"]),
        "ending": st.sampled_from(list(map(str, Ending))),
        "region": st.sampled_from(["", *NUMBERS["region_floors"]]),
    },
    optional={"reaches_bar": st.just("on")},
)


def engine(data):
    """The terms and lines that the pay engine gives for what was typed, without the page's code."""
    base = int(Decimal(data["pay"]) * 100)
    terms = Terms(
        currency="USD",
        base=base,
        qualification_pay=base,
        fee_bps=NUMBERS["fee_bps"],
        floor_per_hour=floor_per_hour(
            "USD", [{"regions": [data["region"]] if data["region"] else []}]
        ),
        kill_fee_percent=NUMBERS["kill_fee_percent"],
        rework_percent=NUMBERS["kill_fee_percent"],
        bonus_percent=NUMBERS["quality_bonus_percent"],
        bonus_bar=Decimal(NUMBERS["quality_bar"]),
        gold_minimum=NUMBERS["gold_minimum"],
        paid_seconds_max=rules.paid_seconds_max(
            int(data["estimate"]),
            factor=NUMBERS["paid_minutes_factor"],
            minimum_minutes=NUMBERS["paid_minutes_minimum"],
        ),
        instruction_seconds_max=NUMBERS["instruction_minutes_max"] * 60,
        engine=NUMBERS["engine"],
        case_seconds=NUMBERS["case_minutes"] * 60,
        wind_down_percent=NUMBERS["wind_down_percent"],
        wind_down_days=NUMBERS["wind_down_days"],
    )
    facts = Facts(Kind(data["kind"]), Stage.OPEN, cap_seconds=terms.paid_seconds_max)
    is_work = data["kind"] == "work"
    lines = rules.earn(
        terms, facts, Outcome.ACCEPTED if data["ending"] == "accepted" else Outcome.REJECTED
    )
    if is_work and data["ending"] == "overturned":
        lines += rules.earn(terms, facts, Outcome.OVERTURNED)
    bar = {"gold_count": terms.gold_minimum, "gold_lower_bound": terms.bonus_bar}
    account = Account(
        earned=sum(line.net for line in lines),
        accepted_base=base if is_work and data["ending"] != "rejected" else 0,
        paid_seconds=min(int(data["seconds"]), terms.paid_seconds_max),
        **(bar if "reaches_bar" in data else {}),
    )
    return terms, facts, lines + rules.settle(terms, account)


@given(sent)
def test_the_example_is_what_the_engine_says(data):
    form = ExampleForm(data)
    assert form.is_valid(), form.errors
    shown = form.example()
    terms, facts, lines = engine(data)
    assert shown.terms == terms
    assert shown.lines == lines
    assert shown.net == sum(line.net for line in lines)
    assert shown.gross == shown.net + shown.fee
    assert shown.set_aside == rules.max_remaining(terms, facts)
    # Nothing comes due that was not set aside; what is left covers the settlement.
    assert shown.gross <= shown.set_aside.total
    late = {LineKind.TOP_UP, LineKind.QUALITY_BONUS}
    assert shown.still_held.total >= sum(line.gross for line in lines if line.kind in late)
    # The floor holds for the time that was counted.
    assert shown.net >= terms.floor_for(shown.paid_seconds)


@pytest.mark.django_db
@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=sent)
def test_the_page_shows_it_with_and_without_htmx(data, client):
    address = reverse("pages:pay")
    page = client.get(address, data)
    assert page.status_code == 200
    text = page.content.decode()
    terms, _, lines = engine(data)
    for line in lines:
        assert line.reason in text.replace("&#x27;", "'")
        for amount in (line.net, line.fee, line.gross):
            assert written(amount, "USD") in text
    assert written(terms.floor_per_hour, "USD") in text
    part = client.get(address, data, headers={"HX-Request": "true"}).content.decode().strip()
    assert "<html" not in part
    assert part in text


@pytest.mark.django_db
def test_the_example_begins_with_something_to_see(client):
    page = client.get(reverse("pages:pay"))
    assert page.context["example"].top_up > 0
    changed = client.get(reverse("pages:pay"), {"pay": "9.00"})
    assert f'value="{DEFAULTS["estimate"]}"' in changed.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("field", "value"),
    [("pay", "0"), ("pay", "much"), ("seconds", "-1"), ("kind", "panel"), ("region", "XX"),
     ("ending", ""), ("estimate", "9" * 30)],
)  # fmt: skip
def test_what_cannot_be_computed_is_said_and_kept(field, value, client):
    page = client.get(reverse("pages:pay"), {field: value})
    assert page.status_code == 422
    text = page.content.decode()
    assert page.context["example"] is None
    assert "Nothing is computed yet" in text
    if field in {"pay", "seconds"}:
        assert f'value="{value}"' in text


# ── Numbers ─────────────────────────────────────────────────────────────────────────────────────


def test_every_number_of_the_settings_stands_on_the_page_of_rules():
    """As a variable: nothing is typed twice. The lists are shown by other names."""
    source = (settings.BASE_DIR / "templates/pages/rules.html").read_text()
    shown = set(re.findall(r"numbers\.(\w+)", source))
    renamed = {"fee_bps", "region_floors", "withdrawal_minimum"}
    assert NUMBERS.keys() - shown == renamed
    assert not re.search(r">[^<{]*\d+ (hours|days|minutes|%)", source)


@pytest.mark.django_db
def test_changed_numbers_change_the_page(client, monkeypatch):
    monkeypatch.setitem(NUMBERS, "review_window_hours", 4321)
    monkeypatch.setitem(NUMBERS, "region_floors", {"US": 987_654})
    text = client.get(reverse("pages:rules")).content.decode()
    assert "4,321 hours" in text
    assert "$9,876.54" in text


@pytest.mark.django_db
def test_the_page_of_fees_follows_the_engine(client):
    page = client.get(reverse("pages:fees"))
    assert set(LINES) == set(LineKind)
    bearing = {kind for kind, label in LINES.items() if label in page.context["bearing"]}
    assert bearing == rules.FEE_BEARING
    assert len(page.context["bearing"]) + len(page.context["free"]) == len(LineKind)


# ── Who we are ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.django_db
def test_an_operator_who_says_nothing_is_not_trusted(client):
    assert "has not said who it is" in client.get(reverse("pages:operator")).content.decode()


@pytest.mark.django_db
def test_the_demo_says_that_it_is_one(client, settings):
    settings.DEMO = True
    text = client.get(reverse("pages:operator")).content.decode()
    assert "No company stands behind it" in text
    assert "has not said who it is" not in text


@pytest.mark.django_db
def test_the_operator_is_named_from_the_settings(client, settings):
    settings.OPERATOR = settings.OPERATOR | {"name": "Fair & Co", "owners": "Its workers"}
    text = client.get(reverse("pages:operator")).content.decode()
    assert "Fair &amp; Co" in text
    assert "Its workers" in text


def test_production_without_an_operator_is_warned(settings):
    settings.PRODUCTION = True
    assert [message.id for message in checks.operator_named()] == ["core.W007"]
    settings.OPERATOR = settings.OPERATOR | {"name": "Fair & Co", "owners": "Its workers"}
    assert checks.operator_named() == []


@pytest.mark.django_db
def test_the_addresses_that_mail_comes_from(client, settings):
    settings.DEFAULT_FROM_EMAIL = "Wagefile <post@fair.example>"
    text = client.get(reverse("pages:genuine")).content.decode()
    assert "<code>post@fair.example</code>" in text


@pytest.mark.django_db
@pytest.mark.parametrize("who", [None, "carol", "alice", "ada"])
def test_the_footer_leads_to_all_of_it(who, request, client_of):
    user = request.getfixturevalue(who) if who else None
    client = client_of(user)
    text = client.get(reverse("pages:rules")).content.decode()
    for name in ("pay", "rules", "fees", "operator", "genuine", "privacy", "accessibility"):
        assert f'href="{reverse(f"pages:{name}")}"' in text
    for name in ("terms:current", "contact:write"):
        assert f'href="{reverse(name)}"' in text


# ── Pages of errors ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.django_db
def test_404_and_403_say_what_to_do(client, client_of, carol):
    missing = client.get("/there-is-no-such-page/")
    assert missing.status_code == 404
    assert reverse("contact:write") in missing.content.decode()
    refused = client_of(carol).get(reverse("contact:staff"))
    assert refused.status_code == 403
    assert reverse("contact:write") in refused.content.decode()


@pytest.mark.parametrize("name", ["400.html", "500.html"])
def test_pages_without_database_and_request_lead_to_a_person(name):
    text = render_to_string(name, {"sentence": "It was too large."})
    assert reverse("contact:write") in text


@pytest.mark.parametrize("name", ["400.html", "500.html"])
@pytest.mark.urls("marketplace.uploads_urls")
def test_they_work_on_the_second_origin_where_there_is_no_such_address(name):
    assert "start page" in render_to_string(name, {"sentence": "It was too large."})
