"""Lists that sort and page: by place where they are long, by number where they are short."""

import datetime as dt

import pytest
from django.test import RequestFactory

from apps.accounts.models import User
from apps.core.tables import Column, Table

COLUMNS = (
    Column("name", "Name", "name"),
    Column("since", "Since", "date_joined"),
    Column("email", "E-mail"),
)
LONG = Table(*COLUMNS, sort="-since", size=3)
SHORT = Table(*COLUMNS, sort="name", size=3, is_long=False)
BEGIN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def people(db):
    """Eight, of whom some joined at the same moment and some have the same name."""
    made = [
        User(email=f"person-{n}@example.org", name=f"Name {n % 3}", password="!") for n in range(8)
    ]
    User.objects.bulk_create(made)
    for n, person in enumerate(made):
        User.objects.filter(id=person.id).update(date_joined=BEGIN + dt.timedelta(days=n // 2))
    return User.objects.filter(email__startswith="person-")


def page(table, rows, address="/", **more):
    return table.page(RequestFactory().get(address), rows, **more)


def walk(table, rows, address, link):
    """Every page from this one on, by its links."""
    while address:
        found = page(table, rows, address)
        yield list(found)
        address = getattr(found, link)


@pytest.mark.parametrize("sort", ["since", "-since", "name", "-name"])
@pytest.mark.parametrize("table", [LONG, SHORT])
def test_pages_hold_every_row_once_in_order(people, table, sort):
    by = {"since": "date_joined", "name": "name"}[sort.removeprefix("-")]
    sign = "-" if sort.startswith("-") else ""
    wanted = list(people.order_by(f"{sign}{by}", f"{sign}id"))
    pages = list(walk(table, people, f"/?sort={sort}", "next_url"))
    assert [row for rows in pages for row in rows] == wanted
    assert [len(rows) for rows in pages] == [3, 3, 2]


@pytest.mark.parametrize("table", [LONG, SHORT])
def test_the_way_back_is_the_way_there(people, table):
    there = list(walk(table, people, "/?sort=name", "next_url"))
    second = page(table, people, page(table, people, "/?sort=name").next_url)
    last = second.next_url
    assert list(walk(table, people, last, "previous_url")) == there[::-1]


def test_a_page_stays_where_it_was_while_rows_come_and_go(people):
    first = page(LONG, people)
    after = list(page(LONG, people, first.next_url))
    User.objects.create(email="person-new@example.org", name="Newest")
    first.rows[0].delete()
    assert list(page(LONG, people, first.next_url)) == after


def test_a_column_sorts_and_then_turns_round(people):
    heads = {head.name: head for head in page(LONG, people).heads}
    assert (heads["since"].aria, heads["since"].url) == ("descending", "?sort=since")
    assert (heads["name"].aria, heads["name"].url) == ("", "?sort=name")
    assert heads["email"].url == ""
    heads = {head.name: head for head in page(LONG, people, "/?sort=name").heads}
    assert (heads["name"].aria, heads["name"].url) == ("ascending", "?sort=-name")


def test_the_filter_stays_and_the_place_does_not(people):
    second = page(LONG, people, page(LONG, people, "/?q=x&sort=name").next_url)
    head = next(head for head in second.heads if head.name == "since")
    assert head.url == "?q=x&sort=since"
    assert second.first_url == "?q=x&sort=name"
    assert second.kept == [("q", "x")]


@pytest.mark.parametrize(
    "query",
    ["sort=email", "sort=password", "sort=--name", "after=nonsense", "before=x", "page=x"],
)
@pytest.mark.parametrize("table", [LONG, SHORT])
def test_what_the_list_does_not_have_counts_as_not_said(people, table, query):
    assert list(page(table, people, f"/?{query}")) == list(page(table, people))


def test_a_place_whose_rows_are_gone_is_the_beginning(people):
    last = list(walk(LONG, people, "/", "next_url"))[-1]
    address = page(LONG, people, page(LONG, people).next_url).next_url
    for row in last:
        row.delete()
    assert list(page(LONG, people, address)) == list(page(LONG, people))


def test_a_list_that_came_back_from_a_form_links_to_its_own_address(people):
    found = page(LONG, people, "/accept/", path="/list/")
    assert found.next_url.startswith("/list/?after=")
    assert found.heads[0].url == "/list/?sort=name"


def test_hidden_columns_have_no_head_and_can_be_sorted_by(people):
    found = page(LONG, people, "/?sort=name", hidden=["name"])
    assert [head.name for head in found.heads] == ["since", "email"]
    assert found.rows[0].name == "Name 0"
    assert ("name", "Name, ascending", True) in found.orders
