"""Celery entry points of releases, statements and invoices."""

import datetime as dt
import uuid

from celery import shared_task

from apps.core import clock
from apps.core.tasks import enqueue, pairs, tenant_task
from apps.core.tenancy import Actor, system
from apps.exports import actions as exports

STALE = dt.timedelta(minutes=10)


@tenant_task("exports.build")
def build(*, id: uuid.UUID, by: Actor, now: dt.datetime) -> None:  # noqa: A002 -- the message's word
    exports.build(release_id=id, by=by, now=now)


@shared_task(name="exports.resume")
def resume() -> int:
    """Releases that nobody builds, or whose worker died."""
    due = pairs("exports_due", clock.now() - STALE)
    for release_id, org_id in due:
        enqueue("exports.build", id=release_id, org_id=org_id)
    return len(due)


@shared_task(name="exports.issue_statements")
def issue_statements() -> int:
    """Close the month that is over for every contributor with movements."""
    return exports.issue_statements(by=system(), now=clock.now())


@shared_task(name="exports.issue_invoices")
def issue_invoices() -> int:
    """Invoice the month that is over to every organization."""
    return exports.issue_invoices(by=system(), now=clock.now())
