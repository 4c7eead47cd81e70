"""The hourly check of the books: kept as a row, and told to the administrators when it fails."""

import datetime as dt
from time import monotonic

from django.urls import reverse

from apps.accounts.queries import staff_ids
from apps.core.tenancy import Actor, acting, system
from apps.notices import actions as notices
from apps.notices.enums import Kind as Notices
from apps.pages import checks
from apps.pages.models import BooksCheck


def check(*, now: dt.datetime) -> BooksCheck:
    """Run every check until one fails, and keep what came out."""
    start = monotonic()
    with acting(Actor(kind="staff")):
        broken = next((result for result in checks.run(now) if result.fault), None)
    took = monotonic() - start
    with acting(system()):
        made = BooksCheck.objects.create(
            checked_at=now,
            took_ms=round(took * 1000),
            title=broken.title if broken else "",
            fault=broken.fault or "" if broken else "",
        )
        if broken:
            notices.tell(
                staff_ids(),
                kind=Notices.STAFF_BOOKS,
                title=f"The books do not hold: {broken.title[0].lower()}{broken.title[1:]}",
                body=made.fault,
                url=reverse("pages:staff-checks"),
                now=now,
            )
    return made
