"""Scoring runs: asked for by `work`, computed by `gpu_jobs` in a worker of queue `gpu`."""

import datetime as dt
import logging
import shutil
import uuid
from importlib import import_module
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from apps.accounts.queries import staff_ids
from apps.audit import actions as audit
from apps.audit.actions import Event
from apps.core import blobs, clock
from apps.core.errors import IllegalTransition, NotThere
from apps.core.tasks import enqueue
from apps.core.tenancy import Actor, acting
from apps.notices import actions as notices
from apps.notices.enums import Kind as Notices
from apps.scoring.actions import failures
from apps.scoring.enums import RUN_TRANSITIONS, RunState
from apps.scoring.models import FILES, PARITY, AlphaCheck, ScoringRun
from apps.scoring.queries import spec_of
from gpu_jobs import provenance, runner
from gpu_jobs.contracts import InputError, Result

log = logging.getLogger(__name__)

# A worker renews its claim with every report; one that is silent for so long is dead.
STALE = dt.timedelta(seconds=60)
ATTEMPTS = 5


def request(
    *,
    project_id: uuid.UUID,
    org_id: uuid.UUID,
    input_sha256: str,
    input_rows: int,
    params: dict,
    kind: str = "quality",
    seed: int = 0,
    by: Actor,
    now: dt.datetime,
) -> ScoringRun:
    """Write the row; the bell rings after commit, and the beat task finds it if nobody hears.

    Only a run of quality is taken by the floor above; of other kinds pages read the result.
    """
    with transaction.atomic():
        run = ScoringRun.objects.create(
            org_id=org_id,
            project_id=project_id,
            kind=kind,
            input_sha256=input_sha256,
            input_rows=input_rows,
            params=params,
            seed=seed,
            version=runner.VERSIONS[kind],
            created_at=now,
            handled_at=None if kind == "quality" else now,
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
        if run.code_version != provenance.code_version():
            # Stages of other code are not mixed with ours.
            shutil.rmtree(_workdir(run.id), ignore_errors=True)
        run.code_version = provenance.code_version()
        run.environment = provenance.environment()
        run.save(update_fields=["state", "claimed_at", "attempts", "code_version", "environment"])
        return run


def _workdir(run_id: uuid.UUID) -> Path:
    return Path(settings.DATA_DIR) / "runs" / str(run_id)


def run(*, run_id: uuid.UUID, by: Actor) -> ScoringRun | None:
    """Compute a run; stages that a killed worker finished are not computed again.

    Not one transaction: each report is visible at once, and a crash leaves the claim to go stale.
    """
    claimed = claim(run_id=run_id, by=by)
    if claimed is None:
        return None
    workdir = _workdir(claimed.id)
    workdir.mkdir(parents=True, exist_ok=True)

    def report(done: int, total: int, message: str) -> None:
        with acting(by):
            ScoringRun.objects.filter(id=claimed.id).update(
                done=done, total=total, message=message[:200], claimed_at=clock.real_now()
            )

    try:
        result = runner.run(spec_of(claimed), workdir=workdir, report=report)
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
    failures.tell(
        run,
        title="A scoring run failed",
        called="Run",
        means=(
            "No deadline moves for it; verdicts say what is not available."
            if run.kind == "quality"
            else "Nothing waits for it: no pay, no score and no deadline."
        ),
        now=now,
    )


def check_alpha(*, run_id: uuid.UUID, by: Actor, now: dt.datetime) -> AlphaCheck | None:
    """Compute a published alpha once more with the `krippendorff` package, from the stored input.

    None when the run has no alpha, or its input is gone. Administrators are told of a difference.
    """
    with acting(by):
        run = ScoringRun.objects.filter(id=run_id, state=RunState.DONE).first()
    agreement = ((run.result or {}).get("agreement") or {}) if run else {}
    stored = agreement.get("alpha")
    if run is None or stored is None:
        return None
    # Reads every answer: outside of the transaction that writes what came out. Imported here, so
    # that the web never loads numpy.
    reference = import_module("gpu_jobs.agreement.reference")
    try:
        found = reference.alpha_of_input(blobs.path(run.input_sha256), run.params)
    except (InputError, NotThere) as error:
        log.warning("alpha of run %s was not checked: %s", run.id, error)
        return None
    # The package knows the four levels, and no distance of a task type.
    is_known = agreement.get("level") == found.level
    package = found.package if is_known else None
    note = "" if package is not None else "The package does not compute this one."
    with acting(by):
        check, _ = AlphaCheck.objects.update_or_create(
            run=run,
            defaults={
                "org_id": run.org_id,
                "project_id": run.project_id,
                "checked_at": now,
                "level": agreement.get("level", found.level),
                "answers": found.pairable,
                "alpha": stored,
                "package": package,
                "note": note,
            },
        )
        if not check.is_equal:
            notices.tell(
                staff_ids(),
                kind=Notices.STAFF_RUN,
                title="A published alpha differs from the package's",
                body=f"Run {run.id}: stored {stored!r}, krippendorff {package!r}; "
                f"more than {PARITY:g} apart.",
                url=reverse("pages:staff-alphas"),
                now=now,
            )
        return check
