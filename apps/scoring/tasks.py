"""Celery entry points of scoring. `scoring.run` goes to queue `gpu`."""

import uuid

from celery import shared_task

from apps.core import clock
from apps.core.tasks import pairs
from apps.core.tenancy import system
from apps.scoring import actions as scoring


@shared_task(name="scoring.run")
def run(*, id: str, org_id: str) -> None:  # noqa: A002 -- the message's word
    """Compute one run, as the system of its organization."""
    scoring.run(run_id=uuid.UUID(id), by=system(uuid.UUID(org_id)))


@shared_task(name="scoring.requeue")
def requeue() -> int:
    """Ring again for runs that nobody took, or whose worker died."""
    due = pairs("scoring_due", clock.real_now() - scoring.STALE)
    for run_id, org_id in due:
        run.delay(id=str(run_id), org_id=str(org_id))
    return len(due)
