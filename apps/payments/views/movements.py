"""The list of payments: of a wallet those that came in, of a person the payouts."""

from dataclasses import replace

from apps.core.tables import Column, Page, Table
from apps.payments import queries

MOVEMENTS = Table(
    Column("when", "When", "created_at"),
    Column("amount", "Amount", "amount", is_number=True),
    Column("state", "State"),
    sort="-when",
    size=25,
)


def lines(page: Page) -> Page:
    return replace(page, rows=[queries.line(row) for row in page])
