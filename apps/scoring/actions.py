"""Scoring runs: asked for by `work`, computed by `gpu_jobs` in a worker of queue `gpu`."""

import datetime as dt
import logging
import shutil
import uuid
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from apps.accounts.queries import staff_ids
from apps.audit import actions as audit
from apps.audit.actions import Event
from apps.core import blobs, clock
from apps.core.errors import IllegalTransition
from apps.core.tasks import enqueue
from apps.core.tenancy import Actor, acting
from apps.notices import actions as notices
from apps.notices.enums import Kind as Notices
from apps.organizations.enums import Permission
from apps.organizations.queries import people_with
from apps.scoring.enums import RUN_TRANSITIONS, RunState
from apps.scoring.models import ScoringRun
from gpu_jobs import runner
from gpu_jobs.contracts import InputError, Result, Spec

log = logging.getLogger(__name__)

# A worker renews its claim with every report; one that is silent for so long is dead.
STALE = dt.timedelta(seconds=60)
ATTEMPTS = 5
# Result file of gpu_jobs → the field that names its blob.
FILES = {
    "labels.parquet": "labels_sha256",
    "scores.parquet": "scores_sha256",
    "workers.parquet": "workers_sha256",
}


def request(
    *,
    project_id: uuid.UUID,
    org_id: uuid.UUID,
    input_sha256: str,
    input_rows: int,
    params: dict,
    by: Actor,
    now: dt.datetime,
) -> ScoringRun:
    """Write the row; the bell rings after commit, and the beat task finds it if nobody hears."""
    with transaction.atomic():
        run = ScoringRun.objects.create(
            org_id=org_id,
            project_id=project_id,
            input_sha256=input_sha256,
            input_rows=input_rows,
            params=params,
            created_at=now,
        )
        audit.record(
            Event(
                "run.requested",
                ("run", run.id),
                org_id,
                {"project": project_id, "input": input_sha256, "rows": input_rows},
            ),
            by=by,
            now=now,
        )
        enqueue("scoring.run", id=run.id, org_id=org_id)
        return run


def _move(run: ScoringRun, to: RunState) -> None:
    if to not in RUN_TRANSITIONS[run.state]:
        raise IllegalTransition(f"A {run.state} run cannot become {to}.")
    run.state = to


def claim(*, run_id: uuid.UUID, by: Actor) -> ScoringRun | None:
    """Take the run if it is queued, or if the worker that had it is silent."""
    with acting(by):
        now = clock.real_now()
        run = (
            ScoringRun.objects.select_for_update(of=("self",), no_key=True)
            .filter(id=run_id)
            .first()
        )
        if run is None or run.state not in {RunState.QUEUED, RunState.RUNNING}:
            return None
        is_alive = run.claimed_at is not None and run.claimed_at > now - STALE
        if run.state == RunState.RUNNING and is_alive:
            return None
        if run.attempts >= ATTEMPTS:
            _fail(run, f"Given up after {ATTEMPTS} attempts.", by=by, now=now)
            return None
        _move(run, RunState.RUNNING)
        run.claimed_at = now
        run.attempts += 1
        run.save(update_fields=["state", "claimed_at", "attempts"])
        return run


def run(*, run_id: uuid.UUID, by: Actor) -> ScoringRun | None:
    """Compute a run; stages that a killed worker finished are not computed again.

    Not one transaction: each report is visible at once, and a crash leaves the claim to go stale.
    """
    claimed = claim(run_id=run_id, by=by)
    if claimed is None:
        return None
    workdir = Path(settings.DATA_DIR) / "runs" / str(claimed.id)
    workdir.mkdir(parents=True, exist_ok=True)

    def report(done: int, total: int, message: str) -> None:
        with acting(by):
            ScoringRun.objects.filter(id=claimed.id).update(
                done=done, total=total, message=message[:200], claimed_at=clock.real_now()
            )

    spec = Spec(
        kind=claimed.kind,
        input=str(blobs.path(claimed.input_sha256)),
        params=claimed.params,
        seed=claimed.seed,
        version=1,
    )
    try:
        result = runner.run(spec, workdir=workdir, report=report)
    except InputError as error:
        with acting(by):
            claimed.refresh_from_db()
            _fail(claimed, str(error), by=by, now=clock.real_now())
        return claimed
    finished = _finish(claimed.id, result, workdir, by=by)
    shutil.rmtree(workdir, ignore_errors=True)
    return finished


def _finish(run_id: uuid.UUID, result: Result, workdir: Path, *, by: Actor) -> ScoringRun:
    stored = {
        field: blobs.put((workdir / name).read_bytes())
        for name, field in FILES.items()
        if (workdir / name).exists()
    }
    with acting(by):
        now = clock.now()
        run = ScoringRun.objects.select_for_update(of=("self",), no_key=True).get(id=run_id)
        if run.state == RunState.DONE:
            return run
        _move(run, RunState.DONE)
        run.result, run.finished_at = result.figures, now
        for field, digest in stored.items():
            setattr(run, field, digest)
        run.done = run.total
        run.save()
        audit.record(Event("run.done", ("run", run.id), run.org_id, stored), by=by, now=now)
        return run


def _fail(run: ScoringRun, error: str, *, by: Actor, now: dt.datetime) -> None:
    _move(run, RunState.FAILED)
    run.error = error[:500]
    run.save(update_fields=["state", "error"])
    audit.record(Event("run.failed", ("run", run.id), run.org_id), by=by, now=now)
    title = "A scoring run failed"
    notices.tell(
        people_with(Permission.MANAGE_PROJECTS, org_id=run.org_id),
        kind=Notices.RUN_FAILED,
        title=title,
        body=f"{run.error}\n\nNo deadline moves for it; verdicts say what is not available.",
        url=reverse("projects:detail", args=[run.project_id]),
        now=now,
    )
    notices.tell(
        staff_ids(),
        kind=Notices.STAFF_RUN,
        title=title,
        body=f"Run {run.id}: {run.error}",
        url=reverse("pages:staff"),
        now=now,
    )
