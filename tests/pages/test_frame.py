"""What every page promises: one heading, no inline code, labels, and a way round by keyboard."""

from html.parser import HTMLParser

import pytest
from django.conf import settings
from django.db import connection
from django.template.loader import render_to_string
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.accounts.models import ContributorProfile
from apps.core.tenancy import Actor, acting
from apps.notices import actions as notices
from apps.notices.enums import Kind
from apps.organizations import actions as organizations
from tests.factories.accounts import PASSWORD


class Page(HTMLParser):
    """What the content security policy and people without a mouse care about."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.headings = 0
        self.faults: list[str] = []
        self.controls: list[str] = []
        self.labels: set[str] = set()
        self.ids: list[str] = []
        self.current: list[str] = []
        self.feed(html)
        self.faults += [f"no label for {name}" for name in self.controls if name not in self.labels]
        self.faults += [f"id {name} twice" for name in set(self.ids) if self.ids.count(name) > 1]
        if self.headings != 1:
            self.faults.append(f"{self.headings} headings of the first order")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.headings += tag == "h1"
        if tag == "style" or "style" in found:
            self.faults.append(f"inline style in {tag}")
        if tag == "script" and "src" not in found and found.get("type") != "application/json":
            self.faults.append("inline script")
        self.faults += [f"{name} in {tag}" for name in found if name.startswith("on")]
        if (found.get("href") or "").startswith("javascript:"):
            self.faults.append("a script as an address")
        if "id" in found:
            self.ids.append(found["id"] or "")
        if tag == "label" and found.get("for"):
            self.labels.add(found["for"] or "")
        if tag in {"input", "select", "textarea"} and found.get("type") not in {"hidden", "submit"}:
            self.controls.append(found.get("id") or f"{tag} {found.get('name')}")
        if "aria-current" in found and "href" in found:
            self.current.append(found["href"] or "")


def sound(response, status: int = 200) -> Page:
    assert response.status_code == status
    page = Page(response.content.decode())
    assert page.faults == []
    return page


PLACES = ["projects:list", "work:board", "work:earnings", "people:staff-list"]
PUBLIC = [
    "home",
    "pages:accessibility",
    "pages:fees",
    "pages:genuine",
    "pages:operator",
    "pages:pay",
    "pages:privacy",
    "pages:rules",
    "terms:current",
    "terms:versions",
    "contact:write",
    "contact:link",
    "organizations:roles",
    "api-docs",
    "account_login",
    "account_signup",
    "account_reset_password",
]
OWN = [
    "home",
    "contact:mine",
    "contact:write",
    "people:settings",
    "people:profile",
    "people:credentials",
    "notices:list",
    "organizations:list",
    "organizations:new",
    "account_email",
    "account_change_password",
    "account_logout",
    "mfa_index",
    "usersessions_list",
]
STAFF = [
    "home",
    "contact:staff",
    "terms:publish",
    "people:staff-list",
    "pages:books",
    "people:settings",
    "notices:list",
]


@pytest.mark.parametrize("name", PUBLIC)
def test_public_pages(name, client, db):
    sound(client.get(reverse(name)))


@pytest.mark.parametrize("name", OWN)
def test_own_pages(name, client_of, carol):
    sound(client_of(carol).get(reverse(name)))


@pytest.mark.parametrize("name", STAFF)
def test_pages_of_the_staff(name, client_of, ada):
    sound(client_of(ada).get(reverse(name)))


@pytest.mark.parametrize("name", ["show", "people", "change"])
def test_pages_of_an_organization(name, client_of, acme, alice, mia):
    sound(client_of(alice).get(reverse(f"organizations:{name}", args=[acme.slug])))


@pytest.mark.parametrize("name", ["mfa_activate_totp", "mfa_add_webauthn", "mfa_list_webauthn"])
def test_pages_of_the_second_factor(name, carol, client):
    client.post(reverse("account_login"), {"login": carol.email, "password": PASSWORD})
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    sound(client.get(reverse(name)))


def test_asking_for_the_password_again(client_of, carol):
    client = client_of(carol)
    answer = client.get(reverse("mfa_activate_totp"))
    assert answer.status_code == 302
    sound(client.get(answer.url))


def test_the_header_follows_what_somebody_is(client_of, gus, acme, alice, carol, ada, now):
    """Places of a buyer, of a contributor and of the staff; a newcomer has the public ones."""

    def header(client: Client) -> set[str]:
        text = client.get(reverse("pages:rules")).content.decode()
        main = text.split('aria-label="Main"')[1].split("</nav>")[0]
        return {name for name in PLACES if f'href="{reverse(name)}"' in main}

    assert header(Client()) == {"work:board"}
    assert header(client_of(gus)) == {"work:board"}
    assert header(client_of(alice)) == {"projects:list"}
    assert header(client_of(carol)) == {"work:board", "work:earnings"}
    assert header(client_of(ada)) == {"people:staff-list"}
    with acting(Actor(kind="person", user_id=alice.id)):
        ContributorProfile.objects.create(
            user=alice, region="US", languages=["en"], adult_confirmed_at=now
        )
    assert header(client_of(alice)) == {"projects:list", "work:board", "work:earnings"}


def test_home_offers_what_one_is_not_yet_to_newcomers_only(client_of, gus, acme, alice, carol):
    def found(client: Client) -> bool:
        main = client.get(reverse("home")).content.decode().split("<main")[1]
        return reverse("organizations:new") in main

    assert found(client_of(gus))
    assert not found(client_of(carol))
    assert not found(client_of(alice))


def test_a_link_to_a_page_says_what_it_leads_to(client, db):
    text = client.get(reverse("pages:fees")).content.decode()
    assert '<meta property="og:title" content="Fees">' in text
    assert f'<link rel="canonical" href="{settings.SITE_URL}{reverse("pages:fees")}">' in text


def test_the_front_page_computes_an_example(client, db):
    """40 cents for a minute that took two and a half are topped up to the floor."""
    answer = client.get("/", {"pay": "0.40", "seconds": "150"}, headers={"HX-Request": "true"})
    assert "$0.69" in answer.text and "<html" not in answer.text
    answer = client.get("/", {"pay": "nothing"})
    assert answer.status_code == 422
    assert "$0.69" not in answer.text


def test_the_current_link_is_marked_once(client_of, acme, alice):
    page = sound(client_of(alice).get(reverse("organizations:list")))
    assert page.current.count(reverse("organizations:list")) == 1


def test_on_a_phone_scores_are_a_part_of_ones_work(client_of, carol):
    page = sound(client_of(carol).get(reverse("work:scores")))
    assert page.current == [reverse("work:scores"), reverse("work:history")]


def test_unread_notices_are_counted_and_followed(client_of, carol, dave, now):
    notices.tell([carol.id], kind=Kind.PROJECT, title="Look", url="/rules/", now=now)
    notices.tell([carol.id], kind=Kind.PROJECT, title="Away", url="https://evil.example/", now=now)
    client = client_of(carol)
    assert '<span class="count">2</span>' in client.get("/").content.decode()
    page = client.get(reverse("notices:list"))
    sound(page)
    rows = {row.title: row for row in page.context["page"]}
    follow = reverse("notices:follow", args=[rows["Look"].id])
    assert client_of(dave).post(follow).status_code == 404
    assert client.get(follow).status_code == 405
    assert client.post(follow).url == "/rules/"
    away = client.post(reverse("notices:follow", args=[rows["Away"].id]))
    assert away.url == reverse("notices:list")
    assert 'class="count"' not in client.get("/").content.decode()


def test_marking_all_read(client_of, carol, now):
    notices.tell([carol.id], kind=Kind.PROJECT, title="Look", now=now)
    client = client_of(carol)
    assert client.post(reverse("notices:mark-read")).url == reverse("notices:list")
    assert 'class="count"' not in client.get("/").content.decode()


def test_what_is_not_there_has_a_page_of_ours(client_of, carol, client):
    sound(client.get("/nothing-of-the-kind/"), 404)
    sound(client_of(carol).get("/nothing-of-the-kind/"), 404)


def test_a_refusal_is_one_sentence_and_for_htmx_the_sentence_alone(client_of, carol):
    url = reverse("people:staff-list")
    sound(client_of(carol).get(url), 403)
    fragment = client_of(carol).get(url, headers={"HX-Request": "true"})
    assert fragment.status_code == 403
    assert fragment.content.decode().strip().startswith("<p")


def test_a_missing_token_says_to_send_it_again(alice, db):
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    sound(client.post(reverse("notices:mark-read")), 403)


def test_the_page_for_a_broken_server_needs_nothing():
    page = Page(render_to_string("500.html"))
    assert page.faults == []


def test_the_demo_says_that_it_is_one(client, db, settings):
    settings.DEMO = False
    assert "simulated" not in client.get("/").content.decode()
    settings.DEMO = True
    text = client.get("/").content.decode()
    assert "simulated" in text
    assert "no real money moves" in text


def test_the_dashboard_shows_what_waits(client_of, alice, acme, carol, as_, now):
    with acting(as_(alice)) as by:
        organizations.invite(org_id=acme.id, email=carol.email, role="viewer", by=by, now=now)
    invited = client_of(carol).get("/")
    sound(invited)
    assert "invites you as viewer" in invited.content.decode()
    buyer = client_of(alice).get("/")
    sound(buyer)
    assert acme.name in buyer.content.decode()


def test_more_organizations_cost_no_more_queries(client_of, alice, acme, as_, now):
    client = client_of(alice)
    client.get("/")
    with CaptureQueriesContext(connection) as one:
        client.get("/")
    for name in ("Second", "Third"):
        organizations.create(
            name=name, country="US", currency="USD", owners="Alice", by=as_(alice), now=now
        )
    with CaptureQueriesContext(connection) as three:
        client.get("/")
    assert len(three) == len(one)


def test_the_buyers_dashboard_lists_projects_with_their_state(
    client_of, alice, acme, globex, gus, funded, project
):
    funded(acme, 1_000_00)
    made = project(acme)
    page = client_of(alice).get("/")
    sound(page)
    text = page.content.decode()
    assert made.title in text
    assert reverse("projects:detail", args=[made.id]) in text
    assert ">Live</span>" in text
    assert made.title not in client_of(gus).get("/").content.decode()


def test_the_books_compare_what_is_owed_with_stripe(client_of, ada, acme, funded):
    funded(acme, 1_234_00)
    page = client_of(ada).get(reverse("pages:books"))
    sound(page)
    (row,) = page.context["rows"]
    assert (row.wallets, row.owed, row.spare) == (1_234_00, 1_234_00, None)
    assert "has not told a balance yet" in page.content.decode()
