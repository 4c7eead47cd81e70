"""Runs of kind `repeats`: computed in one go, since few answers are given twice."""

import datetime as dt
import uuid

from apps.audit import actions as audit
from apps.audit.actions import Event
from apps.core.tenancy import Actor
from apps.scoring.actions.computed import computed
from apps.scoring.models import RepeatRun


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

    note: why nothing is computed, see `computed`.
    """
    found = RepeatRun.objects.create(
        org_id=org_id,
        project_id=project_id,
        **computed(
            RepeatRun.kind,
            input_sha256=input_sha256,
            input_rows=input_rows,
            params=params,
            note=note,
        ),
        finished_at=now,
    )
    data = {"project": project_id, "input": input_sha256, "rows": input_rows}
    audit.record(Event("repeats.measured", ("run", found.id), org_id, data), by=by, now=now)
    return found
