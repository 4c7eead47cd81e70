"""States of a scoring run. The table is the queue of record; Celery is the bell."""

from django.db import models


class RunState(models.TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


RUN_TRANSITIONS: dict[str, frozenset[str]] = {
    RunState.QUEUED: frozenset({RunState.RUNNING, RunState.FAILED}),
    # Running again is the same run taken up after its worker died.
    RunState.RUNNING: frozenset({RunState.RUNNING, RunState.DONE, RunState.FAILED}),
    RunState.DONE: frozenset(),
    RunState.FAILED: frozenset({RunState.QUEUED}),
}
