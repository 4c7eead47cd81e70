"""Runs of kind `repeats`: computed in one go, since few answers are given twice."""

import datetime as dt
import tempfile
import uuid
from pathlib import Path

from apps.audit import actions as audit
from apps.audit.actions import Event
from apps.core import blobs
from apps.core.tenancy import Actor
from apps.scoring.models import RepeatRun
from gpu_jobs import provenance, runner
from gpu_jobs.contracts import InputError, Spec


def measure(
    *,
    project_id: uuid.UUID,
    org_id: uuid.UUID,
    input_sha256: str,
    input_rows: int,
    params: dict,
    by: Actor,
    now: dt.datetime,
    note: str = "",
) -> RepeatRun:
    """How far people agree with themselves, from a file of their answers to what they had twice.

    note: why nothing is computed; it is kept, so that nobody asks again. So is what is wrong with
    the file.
    """
    version, result = runner.VERSIONS[RepeatRun.kind], None
    if not note:
        spec = Spec(
            kind=RepeatRun.kind,
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
    found = RepeatRun.objects.create(
        org_id=org_id,
        project_id=project_id,
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
    data = {"project": project_id, "input": input_sha256, "rows": input_rows}
    audit.record(Event("repeats.measured", ("run", found.id), org_id, data), by=by, now=now)
    return found
