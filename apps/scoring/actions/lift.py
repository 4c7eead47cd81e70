"""Runs of lift, and of what more data would do: many workers of queue `gpu` take their chunks;
what is computed is metered and paid.

The rows are the queue of record. A worker leases one chunk, renews the lease from a thread while it
computes, and rings for the next one; a lease that is not renewed is free for another. What a run
says follows from the numbers of the chunks alone (gpu_jobs.lift.job), not from who made them.
"""

import datetime as dt
import logging
import os
import shutil
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from time import perf_counter

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import F, Sum

from apps.audit import actions as audit
from apps.audit.actions import Event
from apps.core import blobs, clock
from apps.core.errors import Conflict, IllegalTransition, NotThere
from apps.core.ids import derived
from apps.core.tasks import enqueue
from apps.core.tenancy import Actor, acting
from apps.ledger import actions as ledger
from apps.ledger.enums import Purpose, TransferKind
from apps.ledger.queries import find_account
from apps.projects.models import Project
from apps.projects.rules import LiftTerms, compute_cost
from apps.scoring.actions import failures
from apps.scoring.actions.quality import ATTEMPTS, STALE
from apps.scoring.enums import LIFT_TRANSITIONS, Grouping, LiftState, Measure, Payer, Reason
from apps.scoring.models import CHUNKED_FILES, LiftChunk, LiftRun
from apps.scoring.queries import spec_of
from gpu_jobs import provenance, runner
from gpu_jobs.contracts import InputError, Result
from gpu_jobs.device import MissingPackage

log = logging.getLogger(__name__)

RENEW_SECONDS = 10
OPEN = frozenset({LiftState.QUEUED, LiftState.RUNNING})
CODE = "compute"
# What a person can ask for, and take back.
CANCELLED = frozenset({Reason.ASKED, Reason.MORE})
_JOBS: dict[str, str] = {
    Measure.LIFT: "gpu_jobs.lift.job",
    Measure.CURVE: "gpu_jobs.lift.curve_job",
    Measure.DIVERSITY: "gpu_jobs.diversity.job",
}
_CALLED: dict[str, str] = {
    Measure.LIFT: "lift run",
    Measure.CURVE: "learning curve",
    Measure.DIVERSITY: "look at what is in the items",
}


def request_lift(
    *,
    project: Project,
    round_id: uuid.UUID,
    grouping: Grouping,
    reason: Reason,
    payer: Payer,
    input_sha256: str,
    rows: tuple[int, int],
    groups: int,
    key: bytes,
    params: dict,
    seed: int,
    by: Actor,
    now: dt.datetime,
    kind: Measure = Measure.LIFT,
) -> LiftRun:
    """Write the row and ring for workers. `rows` are those of training and of the test set.

    Raises Conflict when a run of this kind and grouping is not over yet.
    """
    with transaction.atomic():
        try:
            with transaction.atomic():
                run = LiftRun.objects.create(
                    org_id=project.org_id,
                    project=project,
                    kind=kind,
                    round=round_id,
                    grouping=grouping,
                    reason=reason,
                    payer=payer,
                    input_sha256=input_sha256,
                    input_rows=rows[0],
                    test_rows=rows[1],
                    groups=groups,
                    params=params,
                    seed=seed,
                    version=runner.VERSIONS[kind],
                    key=key,
                    created_at=now,
                    created_by_id=by.user_id,
                )
        except IntegrityError as error:
            raise Conflict("This is being measured already; wait for it or cancel it.") from error
        audit.record(
            Event(
                "lift.requested",
                ("lift_run", run.id),
                run.org_id,
                {
                    "project": project.id,
                    "input": input_sha256,
                    "rows": rows[0],
                    "reason": reason,
                    "kind": kind,
                },
            ),
            by=by,
            now=now,
        )
        for _ in range(settings.WAGEFILE["lift_workers"]):
            enqueue("scoring.lift", id=run.id, org_id=run.org_id)
        return run


def cancel_lift(*, run_id: uuid.UUID, by: Actor, now: dt.datetime) -> LiftRun:
    """Stop it; what was computed so far is paid. The run at the close goes on: it pays people."""
    with transaction.atomic():
        run = _locked(run_id)
        if run is None:
            raise NotThere("There is no such run.")
        if run.reason not in CANCELLED:
            raise Conflict("Only a run that was asked for can be cancelled.")
        if run.state not in OPEN:
            raise Conflict("This run is over.")
        _move(run, LiftState.CANCELLED)
        run.finished_at = now
        entries = _charge(run, now=now)
        run.save()
        audit.record(
            Event("lift.cancelled", ("lift_run", run.id), run.org_id, {"charged": run.charged}),
            by=by,
            now=now,
        )
        ledger.post(entries)
        return run


def run_lift(*, run_id: uuid.UUID, by: Actor) -> bool:
    """Take one chunk of the run and compute it; whether there may be more to do.

    Not one transaction: the lease is seen at once, and a crash leaves it to go stale.
    """
    run = _begin(run_id, by=by)
    if run is None:
        return False
    job, workdir = import_module(_JOBS[run.kind]), _workdir(run.id)
    try:
        spec = spec_of(run)
        if not run.total:
            start = perf_counter()
            total = job.plan(spec, workdir)
            _planned(run.id, total, _milliseconds(start), by=by)
        number = _lease(run.id, by=by)
        if number is None:
            if _is_complete(run.id, by=by):
                # Whoever made the last one did not live to say so.
                _finish(run.id, job.finish(spec, workdir), workdir, by=by)
            # Else others have what is left.
            return False
        start = perf_counter()
        with _renewed(run.id, number, by=by):
            job.compute(spec, workdir, number)
            is_enough = job.enough(spec, workdir)
        if not _computed(run.id, number, _milliseconds(start), by=by):
            return False
        if is_enough or _is_over(run.id, by=by):
            _finish(run.id, job.finish(spec, workdir), workdir, by=by)
            return False
    except MissingPackage as error:
        _fail(
            run.id,
            f"No model of this kind can be trained here: the worker has no {error.package}. The "
            "marketplace has to add it and repeat the run.",
            by=by,
        )
        return False
    except (InputError, NotThere) as error:
        _fail(run.id, str(error) or "Its input is no longer stored.", by=by)
        return False
    except OSError:
        # Another worker has finished, or somebody cancelled, and the folder is gone.
        if _is_open(run.id, by=by):
            raise
        return False
    return True


def _milliseconds(start: float) -> int:
    return max(1, round((perf_counter() - start) * 1000))


def _workdir(run_id: uuid.UUID) -> Path:
    return Path(settings.DATA_DIR) / "lift" / str(run_id)


def _worker() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"[:120]


def _locked(run_id: uuid.UUID) -> LiftRun | None:
    rows = LiftRun.objects.select_for_update(of=("self",), no_key=True)
    return rows.select_related("project").filter(id=run_id).first()


def _move(run: LiftRun, to: LiftState) -> None:
    if to not in LIFT_TRANSITIONS[run.state]:
        raise IllegalTransition(f"A {run.state} lift run cannot become {to}.")
    run.state = to


def _begin(run_id: uuid.UUID, *, by: Actor) -> LiftRun | None:
    """The run, running; None when it is over."""
    with acting(by):
        run = _locked(run_id)
        if run is None or run.state not in OPEN:
            return None
        code = provenance.code_version()
        if run.state == LiftState.QUEUED:
            _move(run, LiftState.RUNNING)
        elif run.code_version != code:
            # Chunks of other code are not mixed with ours.
            shutil.rmtree(_workdir(run.id), ignore_errors=True)
            run.chunks.all().delete()
            run.done = run.total = 0
        run.code_version, run.environment = code, provenance.environment()
        run.claimed_at = clock.real_now()
        run.save()
        return run


def _planned(run_id: uuid.UUID, total: int, milliseconds: int, *, by: Actor) -> None:
    with acting(by):
        LiftRun.objects.filter(id=run_id).update(
            total=total, milliseconds=F("milliseconds") + milliseconds
        )


def _lease(run_id: uuid.UUID, *, by: Actor) -> int | None:
    """The first chunk that is neither made nor in living hands; None when there is none."""
    with acting(by):
        run, now = _locked(run_id), clock.real_now()
        if run is None or run.state != LiftState.RUNNING:
            return None
        known = {chunk.number: chunk for chunk in run.chunks.all()}
        for number in range(run.total):
            chunk = known.get(number)
            if chunk is None:
                LiftChunk.objects.create(
                    org_id=run.org_id, run=run, number=number, worker=_worker(), taken_at=now
                )
                return number
            if chunk.done_at is None and chunk.taken_at <= now - STALE:
                if chunk.attempts >= ATTEMPTS:
                    raise InputError(f"Given up after {ATTEMPTS} attempts at one of its parts.")
                chunk.worker, chunk.taken_at = _worker(), now
                chunk.attempts += 1
                chunk.save(update_fields=["worker", "taken_at", "attempts"])
                return number
        return None


@contextmanager
def _renewed(run_id: uuid.UUID, number: int, *, by: Actor) -> Iterator[None]:
    """Keep the lease from a thread; it ends with the process, whatever ends that."""
    stop = threading.Event()

    def renew() -> None:
        try:
            while not stop.wait(RENEW_SECONDS):
                now = clock.real_now()
                with acting(by):
                    mine = LiftChunk.objects.filter(run_id=run_id, number=number)
                    mine.update(taken_at=now)
                    LiftRun.objects.filter(id=run_id).update(claimed_at=now)
        except Exception:
            log.exception("the lease of chunk %s of lift run %s was not renewed", number, run_id)
        finally:
            connection.close()

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _computed(run_id: uuid.UUID, number: int, milliseconds: int, *, by: Actor) -> bool:
    """Meter a chunk; False when the run is over, and nobody pays for it any more."""
    with acting(by):
        run = _locked(run_id)
        if run is None or run.state != LiftState.RUNNING:
            return False
        now = clock.real_now()
        chunk = run.chunks.get(number=number)
        if chunk.done_at is None:
            run.done += 1
        chunk.done_at, chunk.milliseconds = now, chunk.milliseconds + milliseconds
        chunk.save(update_fields=["done_at", "milliseconds"])
        run.milliseconds += milliseconds
        run.claimed_at = now
        run.save(update_fields=["done", "milliseconds", "claimed_at"])
        return True


def _is_complete(run_id: uuid.UUID, *, by: Actor) -> bool:
    with acting(by):
        run = LiftRun.objects.get(id=run_id)
        return 0 < run.total <= run.done


def _is_over(run_id: uuid.UUID, *, by: Actor) -> bool:
    """All chunks are made, or the project's cap is reached."""
    with acting(by):
        run = LiftRun.objects.select_related("project__criteria").get(id=run_id)
        return run.done >= run.total or budget_left(run) <= 0


def budget_left(run: LiftRun) -> int:
    """Milliseconds that may still be computed for this run, below zero when it is over the cap.

    Runs before the close leave the share for it that the settings keep; the platform's own repeats
    have the whole cap once more.
    """
    if run.payer == Payer.PLATFORM:
        terms = LiftTerms.of(run.project.criteria_in_force.body)
        return terms.seconds_max * 1000 - run.milliseconds if terms else 0
    return budget_of(run.project, is_close=run.reason == Reason.CLOSE)


def budget_of(project: Project, *, is_close: bool = False) -> int:
    """Of the buyer's cap for this project, as `budget_left`."""
    terms = LiftTerms.of(project.criteria_in_force.body)
    if terms is None:
        return 0
    most = terms.seconds_max * 1000
    if not is_close:
        most = most * (100 - settings.WAGEFILE["lift_kept_percent"]) // 100
    used = LiftRun.objects.filter(project_id=project.id, payer=Payer.BUYER).aggregate(
        sum=Sum("milliseconds")
    )
    return most - (used["sum"] or 0)


def _is_open(run_id: uuid.UUID, *, by: Actor) -> bool:
    with acting(by):
        return LiftRun.objects.filter(id=run_id, state__in=OPEN).exists()


def _charge(run: LiftRun, *, now: dt.datetime) -> list[ledger.Entry]:
    """What the run costs the buyer, set on it; never more than was put apart for computing.

    Worked out on the sum over the project's runs, so that rounding does not add up.
    """
    terms = LiftTerms.of(run.project.criteria_in_force.body)
    if run.payer != Payer.BUYER or terms is None:
        return []
    before = LiftRun.objects.filter(
        project_id=run.project_id, payer=Payer.BUYER, charged_at__isnull=False
    ).aggregate(milliseconds=Sum("milliseconds"), charged=Sum("charged"))
    due = compute_cost((before["milliseconds"] or 0) + run.milliseconds, terms.price_per_hour) - (
        before["charged"] or 0
    )
    currency = run.project.currency
    free = find_account(
        Purpose.COMPUTE, currency=currency, holder=run.org_id, scope=run.project_id
    ).available
    run.charged, run.charged_at = max(0, min(due, free)), now
    if not run.charged:
        return []
    return [
        ledger.Entry(
            id=derived(run.id, CODE),
            kind=TransferKind.POSTED,
            code=CODE,
            amount=run.charged,
            debit=ledger.account(
                Purpose.COMPUTE, currency=currency, holder=run.org_id, scope=run.project_id
            ),
            credit=ledger.account(Purpose.METERED, currency=currency),
            currency=currency,
            scope=run.project_id,
            subject=run.id,
            at=now,
        )
    ]


def _finish(run_id: uuid.UUID, result: Result, workdir: Path, *, by: Actor) -> None:
    stored = {
        field: blobs.put((workdir / name).read_bytes())
        for name, field in CHUNKED_FILES[result.kind].items()
    }
    with acting(by):
        now, run = clock.now(), _locked(run_id)
        if run is None or run.state != LiftState.RUNNING:
            return
        _move(run, LiftState.DONE)
        run.result, run.finished_at = result.figures[run.kind], now
        for field, digest in stored.items():
            setattr(run, field, digest)
        entries = _charge(run, now=now)
        run.save()
        audit.record(
            Event(
                "lift.done",
                ("lift_run", run.id),
                run.org_id,
                {**stored, "milliseconds": run.milliseconds, "charged": run.charged},
            ),
            by=by,
            now=now,
        )
        ledger.post(entries)
    shutil.rmtree(workdir, ignore_errors=True)


def _fail(run_id: uuid.UUID, error: str, *, by: Actor) -> None:
    """Nothing came out of it, so the buyer pays nothing for it."""
    with acting(by):
        now, run = clock.now(), _locked(run_id)
        if run is None or run.state not in OPEN:
            return
        _move(run, LiftState.FAILED)
        run.error, run.finished_at = error[:500], now
        run.save()
        audit.record(Event("lift.failed", ("lift_run", run.id), run.org_id), by=by, now=now)
        failures.tell(
            run,
            title=f"A {_CALLED[run.kind]} failed",
            called=_CALLED[run.kind].capitalize(),
            means="You pay nothing for it.",
            now=now,
        )
    shutil.rmtree(_workdir(run_id), ignore_errors=True)
