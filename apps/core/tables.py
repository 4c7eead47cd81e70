"""Lists that sort, filter and page: what a list can be sorted by, and one page of it.

A view declares a `Table` beside it, filters its rows itself and asks for `TABLE.page(request,
rows)`. The address says everything: `?sort=name` or `?sort=-name`, then where the page begins.
What an address names that the list does not have (a column of an older version, a place that
somebody wrote by hand) counts as not said: the list begins in its own order.

A long list has a place, not a number: the page after a row stays the page after it while others
come and go, and costs as much at the end as at the beginning. So a column to sort a long list by
is never null, and has an index that begins with what the list is filtered by.
"""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.core import signing
from django.core.paginator import Paginator
from django.db.models import BooleanField, F, Func, QuerySet, Value
from django.db.models.lookups import GreaterThan, LessThan
from django.http import QueryDict

from apps.core.http import HttpRequest

# What is added to the address for the first page, the one before and the one after; None: no page.
type Places = tuple[dict | None, dict | None, dict | None]
type Cut = tuple[Sequence[Any], Places, str]

AFTER, BEFORE, NUMBER, SORT = "after", "before", "page", "sort"
# So many rows a page counts one by one; of more it says what a sweep has added up.
EXACT = 5_000
# And so many where no sweep adds up: "1,000+".
MOST_COUNTED = 1_000
SIGNER = signing.Signer(salt=__name__)


@dataclass(frozen=True, slots=True)
class Column:
    """A head. `order` has the paths of the fields that it sorts by; without any it is no link."""

    name: str
    label: str
    order: str = ""
    is_number: bool = False


@dataclass(frozen=True, slots=True)
class Head:
    """A head as it is drawn: `url` sorts by it, or turns the order round; `aria` says how it is."""

    name: str
    label: str
    is_number: bool
    url: str
    aria: str


@dataclass(frozen=True, slots=True)
class Page:
    """One page. An address is empty where there is nothing; `words` tell a number, if there is.

    `orders` are (word of the address, what it says, whether it is this one): for phones, on which a
    table has no heads. `kept` is what else the address says, by name.
    """

    rows: Sequence[Any]
    heads: Sequence[Head]
    orders: Sequence[tuple[str, str, bool]]
    kept: Sequence[tuple[str, str]]
    first_url: str
    previous_url: str
    next_url: str
    words: str = ""

    def __iter__(self) -> Iterator[Any]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True)
class Order:
    """A column and a direction; equal rows stand in the order of their keys."""

    column: Column
    is_down: bool

    @property
    def word(self) -> str:
        return f"-{self.column.name}" if self.is_down else self.column.name

    def fields(self, key: str) -> list[str]:
        paths = self.column.order.split()
        return paths if key in paths else [*paths, key]


class Table:
    """The columns of a list, the order it has by itself (`-name` is downwards), rows a page.

    `key` is unique, and tells rows apart that are equal in the column. `is_long=False` numbers the
    pages: for lists that stay short, whose columns may be null or computed.
    """

    def __init__(
        self, *columns: Column, sort: str, size: int, key: str = "id", is_long: bool = True
    ) -> None:
        self.columns, self.size, self.key, self.is_long = columns, size, key, is_long
        self._by_name = {column.name: column for column in columns if column.order}
        self._own = Order(self._by_name[sort.removeprefix("-")], sort.startswith("-"))

    def page(
        self, request: HttpRequest, rows: QuerySet, *, hidden: Sequence[str] = (), path: str = ""
    ) -> Page:
        """One page of `rows`, whose own order does not count; heads without those of `hidden`.

        `path` is the list's own address, where it is drawn at another one (a form that came back).
        """
        query = request.GET
        order = self._order(query.get(SORT, ""))
        found, places, words = (self._place if self.is_long else self._number)(rows, order, query)
        first, before, after = (
            "" if place is None else path + _url(query, place) for place in places
        )
        return Page(
            rows=found,
            heads=[
                self._head(column, order, query, path)
                for column in self.columns
                if column.name not in hidden
            ],
            orders=self._orders(order),
            kept=[
                (name, str(value))
                for name, value in query.items()
                if name not in {SORT, AFTER, BEFORE, NUMBER}
            ],
            first_url=first,
            previous_url=before,
            next_url=after,
            words=words,
        )

    def _order(self, word: str) -> Order:
        column = self._by_name.get(word.removeprefix("-"))
        return Order(column, word.startswith("-")) if column else self._own

    def _head(self, column: Column, order: Order, query: QueryDict, path: str) -> Head:
        is_sorted = column == order.column
        url, aria = "", ""
        if column.name in self._by_name:
            turned = Order(column, is_down=is_sorted and not order.is_down)
            url = path + _url(query, {SORT: turned.word})
        if is_sorted:
            aria = "descending" if order.is_down else "ascending"
        return Head(column.name, column.label, column.is_number, url, aria)

    def _orders(self, chosen: Order) -> list[tuple[str, str, bool]]:
        every = [Order(each, down) for each in self._by_name.values() for down in (False, True)]
        return [
            (
                "" if order == self._own else order.word,
                f"{order.column.label}, {'descending' if order.is_down else 'ascending'}",
                order == chosen,
            )
            for order in every
        ]

    # ── Long lists: the page after a row, or before one ─────────────────────────────────────────

    def _place(self, rows: QuerySet, order: Order, query: QueryDict) -> Cut:
        after, before = _opened(query.get(AFTER)), _opened(query.get(BEFORE))
        is_back = before is not None and after is None
        place = before if is_back else after
        is_down = order.is_down != is_back
        fields = order.fields(self.key)
        wanted = rows.order_by(*(f"-{field}" if is_down else field for field in fields))
        if place is not None:
            further = LessThan if is_down else GreaterThan
            # As one comparison of rows, which an index can begin at.
            wanted = wanted.filter(further(_row(*map(F, fields)), _row(*map(Value, place))))
        found = list(wanted[: self.size + 1])
        if place is not None and not found:
            # What was there is gone, or the place is beyond an end: from the beginning.
            return self._place(rows, order, QueryDict())
        is_more, found = len(found) > self.size, found[: self.size]
        if is_back:
            found.reverse()
        has_before, has_after = (is_more, True) if is_back else (place is not None, is_more)
        places: Places = (
            {} if has_before else None,
            {BEFORE: self._shut(found[0], fields)} if has_before else None,
            {AFTER: self._shut(found[-1], fields)} if has_after else None,
        )
        return found, places, ""

    @staticmethod
    def _shut(row: Any, fields: Sequence[str]) -> str:
        values = [str(functools.reduce(getattr, field.split("__"), row)) for field in fields]
        return SIGNER.sign_object(values)

    # ── Short lists: numbered ───────────────────────────────────────────────────────────────────

    def _number(self, rows: QuerySet, order: Order, query: QueryDict) -> Cut:
        paths = map(F, order.fields(self.key))
        by = [
            path.desc(nulls_last=True) if order.is_down else path.asc(nulls_last=True)
            for path in paths
        ]
        page = Paginator(rows.order_by(*by), self.size).get_page(query.get(NUMBER))
        places: Places = (
            {} if page.number > 2 else None,
            {NUMBER: page.number - 1} if page.has_previous() else None,
            {NUMBER: page.number + 1} if page.has_next() else None,
        )
        words = f"Page {page.number} of {page.paginator.num_pages}"
        return list(page), places, words if page.has_other_pages() else ""


def has_many(rows: QuerySet) -> bool:
    """Whether there are more rows than a page counts; reads no more than that."""
    return rows.order_by()[EXACT : EXACT + 1].exists()


def number_of(rows: QuerySet, most: int = MOST_COUNTED) -> int | str:
    """How many rows there are, counted no further than `most`: 17, or "1,000+"."""
    return said(rows.order_by()[: most + 1].count(), most)


def said(number: int, most: int = MOST_COUNTED) -> int | str:
    """A number that was counted to one beyond `most`: 17, or "1,000+"."""
    return number if number <= most else f"{most:,}+"


def _row(*values: F | Value) -> Func:
    return Func(*values, function="ROW", output_field=BooleanField())


def _opened(text: str | None) -> list[str] | None:
    """The values of a place; None for none, and for one that no page of ours has written."""
    try:
        return SIGNER.unsign_object(text) if text else None
    except signing.BadSignature:
        return None


def _url(query: QueryDict, more: dict[str, Any]) -> str:
    """The address with the filter of this one; where a page begins is never kept."""
    asked = query.copy()
    for name in (AFTER, BEFORE, NUMBER):
        asked.pop(name, None)
    for name, value in more.items():
        asked[name] = value
    return f"?{asked.urlencode()}"
