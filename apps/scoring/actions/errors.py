"""Runs of kind `errors`: computed in one go, since they take seconds where scores take minutes."""

import datetime as dt
import tempfile
import uuid
from pathlib import Path

from apps.audit import actions as audit
from apps.audit.actions import Event
from apps.core import blobs
from apps.core.tenancy import Actor
from apps.scoring.models import ErrorRun, ScoringRun
from gpu_jobs import provenance, runner
from gpu_jobs.contracts import InputError, Spec


def analyse(
    *,
    run_id: uuid.UUID,
    input_sha256: str,
    input_rows: int,
    params: dict,
    by: Actor,
    now: dt.datetime,
    note: str = "",
) -> ErrorRun:
    """The errors of a scoring run, from a file of its answers; once a run.

    note: why nothing is computed; it is kept, so that nobody asks again. So is what is wrong with
    the file.
    """
    run = ScoringRun.objects.select_for_update(of=("self",), no_key=True).get(id=run_id)
    found = ErrorRun.objects.filter(run=run).first()
    if found is not None:
        return found
    version, result = runner.VERSIONS[ErrorRun.kind], None
    if not note:
        spec = Spec(
            kind=ErrorRun.kind,
            input=str(blobs.path(input_sha256)),
            params=params,
            version=version,
        )
        try:
            with tempfile.TemporaryDirectory() as folder:
                made = runner.run(spec, workdir=Path(folder), report=lambda *_: None)
            result = dict(made.figures)
        except InputError as error:
            note = str(error)[:300]
    found = ErrorRun.objects.create(
        org_id=run.org_id,
        project_id=run.project_id,
        run=run,
        input_sha256=input_sha256,
        input_rows=input_rows,
        params=params,
        version=version,
        code_version=provenance.code_version(),
        environment=provenance.environment(),
        result=result,
        note=note,
        finished_at=now,
    )
    data = {"run": run.id, "input": input_sha256, "rows": input_rows}
    audit.record(Event("errors.analysed", ("run", found.id), run.org_id, data), by=by, now=now)
    return found
