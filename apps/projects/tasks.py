"""Celery entry points of projects."""

import datetime as dt
import uuid
from dataclasses import asdict

from celery import shared_task
from django.db.models import Sum

from apps.core import clock
from apps.core.tasks import enqueue, one_at_a_time, pairs, tenant_task
from apps.core.tenancy import Actor, system
from apps.projects import actions as projects
from apps.projects.models import Item, Project
from apps.projects.queries import funds, item_counts

# An import renews its claim with every batch; one that is silent for so long has lost its worker.
STALE_AFTER = dt.timedelta(minutes=2)


@shared_task(name="projects.run_import")
def run_import(*, id: str, org_id: str) -> None:  # noqa: A002 -- the word in the message
    """Not one transaction, unlike other tasks: each batch commits, so that progress is seen."""
    projects.run_import(import_id=uuid.UUID(id), by=system(uuid.UUID(org_id)), now=clock.now())


@shared_task(name="projects.resume_imports")
def resume_imports() -> int:
    """Send what no worker has taken, or whose worker is gone."""
    due = pairs("projects_imports_due", clock.now() - STALE_AFTER)
    for import_id, org_id in due:
        enqueue("projects.run_import", id=import_id, org_id=org_id)
    return len(due)


@shared_task(name="projects.publish_figures")
def publish_figures() -> int:
    with one_at_a_time("projects.publish_figures") as is_mine:
        running = pairs("projects_with_work") if is_mine else []
        for project_id, org_id in running:
            publish_figures_of(id=str(project_id), org_id=str(org_id))
    return len(running)


@tenant_task("projects.publish_figures_of")
def publish_figures_of(*, id: uuid.UUID, by: Actor, now: dt.datetime) -> None:  # noqa: A002
    """What this floor knows: items, slots and money. The work itself is counted further up."""
    project = Project.objects.visible_to(by).filter(id=id).first()
    if project is None:
        return
    open_items = Item.objects.filter(
        project=project, state="active", purpose="work", open_slots__gt=0
    )
    slots_left = open_items.aggregate(slots=Sum("open_slots"))["slots"] or 0
    counts, account = item_counts(project), funds(project)
    projects.store_figures(
        project_id=project.id,
        body={
            "item_counts": asdict(counts),
            "slots_left": slots_left,
            "budget": {
                "funded": account.put_in,
                "paid_or_returned": account.gone,
                "reserved": account.reserved,
                "free": account.free,
                "seats": account.seats.available,
            },
        },
        offer_figures={"items": counts.work, "volume_left": slots_left},
        by=by,
        now=now,
    )


@shared_task(name="projects.watch_funds")
def watch_funds() -> int:
    with one_at_a_time("projects.watch_funds") as is_mine:
        running = pairs("projects_with_work") if is_mine else []
        for project_id, org_id in running:
            watch_funds_of(id=str(project_id), org_id=str(org_id))
    return len(running)


@tenant_task("projects.watch_funds_of")
def watch_funds_of(*, id: uuid.UUID, by: Actor, now: dt.datetime) -> None:  # noqa: A002
    projects.watch_funds(project_id=id, by=by, now=now)
