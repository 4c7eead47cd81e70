"""Celery entry points of scoring. What computes goes to queue `gpu`."""

import time
import uuid

from celery import shared_task

from apps.core import clock
from apps.core.tasks import enqueue, pairs
from apps.core.tenancy import system
from apps.scoring import actions as scoring

SLICE_SECONDS = 20.0


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


@shared_task(name="scoring.lift")
def lift(*, id: str, org_id: str) -> None:  # noqa: A002 -- the message's word
    """Parts of a lift run for a while, then a bell for the next: many workers share a run.

    A worker keeps what it has read of a run; taking turns after each part would read it anew.
    """
    end = time.monotonic() + SLICE_SECONDS
    while scoring.run_lift(run_id=uuid.UUID(id), by=system(uuid.UUID(org_id))):
        if time.monotonic() >= end:
            lift.delay(id=id, org_id=org_id)
            return


@shared_task(name="scoring.requeue_lift")
def requeue_lift() -> int:
    """Ring again for lift runs that nobody works on."""
    due = pairs("scoring_lift_due", clock.real_now() - scoring.STALE)
    for run_id, org_id in due:
        lift.delay(id=str(run_id), org_id=str(org_id))
    return len(due)


@shared_task(name="scoring.check_alpha")
def check_alpha(*, id: str, org_id: str) -> None:  # noqa: A002 -- the message's word
    """One of them. Reads every answer, so it is no transaction."""
    scoring.check_alpha(run_id=uuid.UUID(id), by=system(uuid.UUID(org_id)), now=clock.now())


@shared_task(name="scoring.check_alphas")
def check_alphas() -> int:
    """Every night: each alpha that a page shows, beside the `krippendorff` package's."""
    due = pairs("scoring_alphas")
    for run_id, org_id in due:
        enqueue("scoring.check_alpha", id=run_id, org_id=org_id)
    return len(due)
