"""Runs of kind `errors`: computed in one go, since they take seconds where scores take minutes."""

import datetime as dt
import uuid

from apps.audit import actions as audit
from apps.audit.actions import Event
from apps.core.tenancy import Actor
from apps.scoring.actions.computed import computed
from apps.scoring.models import ErrorRun, ScoringRun


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

    note: why nothing is computed, see `computed`.
    """
    run = ScoringRun.objects.select_for_update(of=("self",), no_key=True).get(id=run_id)
    found = ErrorRun.objects.filter(run=run).first()
    if found is not None:
        return found
    found = ErrorRun.objects.create(
        org_id=run.org_id,
        project_id=run.project_id,
        run=run,
        **computed(
            ErrorRun.kind,
            input_sha256=input_sha256,
            input_rows=input_rows,
            params=params,
            note=note,
        ),
        finished_at=now,
    )
    data = {"run": run.id, "input": input_sha256, "rows": input_rows}
    audit.record(Event("errors.analysed", ("run", found.id), run.org_id, data), by=by, now=now)
    return found
