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


class LiftState(models.TextChoices):
    """A lift run. Its chunks are taken one by one, by as many workers as there are."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


LIFT_TRANSITIONS: dict[str, frozenset[str]] = {
    LiftState.QUEUED: frozenset({LiftState.RUNNING, LiftState.FAILED, LiftState.CANCELLED}),
    LiftState.RUNNING: frozenset({LiftState.DONE, LiftState.FAILED, LiftState.CANCELLED}),
    LiftState.DONE: frozenset(),
    # What was wrong with a run is not mended by itself: a repeat is another run.
    LiftState.FAILED: frozenset(),
    LiftState.CANCELLED: frozenset(),
}


class Measure(models.TextChoices):
    """Kinds of `gpu_jobs` that are computed in chunks, metered and capped."""

    LIFT = "lift", "Lift"
    CURVE = "curve", "Learning curve"
    DIVERSITY = "diversity", "What is in the items"


class Grouping(models.TextChoices):
    """Whose rows are taken together; only that by contributor pays."""

    CONTRIBUTOR = "contributor", "Contributor"
    BATCH = "batch", "Week of acceptance"
    TIER = "tier", "Tier"
    KIND = "kind", "Kind of item"


class Reason(models.TextChoices):
    """Why there is a lift run."""

    ASKED = "asked", "Asked for by the buyer"
    MORE = "more", "Before buying more data: asked for by the buyer"
    ROUND = "round", "After a settlement"
    CLOSE = "close", "At the close: it pays the pool"
    CONTEST = "contest", "A contest: repeated by an administrator"


class Payer(models.TextChoices):
    """Whose money the computing is; never a contributor's."""

    BUYER = "buyer"
    PLATFORM = "platform"
