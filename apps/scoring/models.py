"""Scoring runs: what was computed over which answers, by which code, with which result."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.core.models import Row
from apps.organizations.models import OfOrganizationQuerySet, Organization
from apps.projects.models import Project
from apps.scoring.enums import Grouping, LiftState, Measure, Payer, Reason, RunState

# Result file of gpu_jobs → the field that names its blob.
FILES = {
    "labels.parquet": "labels_sha256",
    "scores.parquet": "scores_sha256",
    "workers.parquet": "workers_sha256",
    "gold_items.parquet": "gold_items_sha256",
    "signals.parquet": "signals_sha256",
}
# The same of a run in chunks, by its kind.
CHUNKED_FILES: dict[str, dict[str, str]] = {
    Measure.LIFT: {"groups.parquet": "groups_sha256", "examples.parquet": "examples_sha256"},
    Measure.CURVE: {"points.parquet": "groups_sha256"},
    Measure.DIVERSITY: {"items.parquet": "groups_sha256"},
}
# To so much a published alpha equals the package's.
PARITY = 1e-9


class ScoringRun(Row):
    """One run of `gpu_jobs`. `input_sha256` names a Parquet of answers that `work` wrote."""

    org = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="runs")
    kind = models.CharField(max_length=20, default="quality")
    state = models.CharField(max_length=7, choices=RunState, default=RunState.QUEUED)
    input_sha256 = models.CharField(max_length=64)
    input_rows = models.PositiveIntegerField()
    params = models.JSONField(default=dict)
    seed = models.PositiveBigIntegerField(default=0)
    version = models.PositiveSmallIntegerField(
        default=1, db_default=1, help_text="Of the kind: other versions compute something else"
    )
    code_version = models.CharField(
        max_length=64, blank=True, db_default="", help_text="SHA-256 of the modules of gpu_jobs"
    )
    environment = models.JSONField(
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        help_text="Libraries, processor, threads",
    )
    result = models.JSONField(null=True)
    labels_sha256 = models.CharField(max_length=64, blank=True)
    scores_sha256 = models.CharField(max_length=64, blank=True)
    workers_sha256 = models.CharField(max_length=64, blank=True)
    gold_items_sha256 = models.CharField(max_length=64, blank=True, db_default="")
    signals_sha256 = models.CharField(max_length=64, blank=True, db_default="")
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    message = models.CharField(max_length=200, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True, help_text="Renewed while the worker lives")
    finished_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=500, blank=True)
    # The floor above takes finished runs with this null (decisions.md: an upward need is a row).
    handled_at = models.DateTimeField(null=True)

    objects = OfOrganizationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                name="run_done_has_result",
                condition=~Q(state="done") | Q(result__isnull=False, finished_at__isnull=False),
            ),
        ]
        indexes = [models.Index(fields=["project", "-created_at"], name="run_of_project")]


class AlphaCheck(Row):
    """A stored alpha beside the one of the `krippendorff` package; a run is checked every night."""

    org = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    run = models.OneToOneField(ScoringRun, on_delete=models.CASCADE, related_name="alpha_check")
    checked_at = models.DateTimeField(db_index=True)
    level = models.CharField(max_length=20, help_text="How far answers are apart")
    answers = models.PositiveIntegerField(help_text="Pairable ones: of items with two or more")
    alpha = models.FloatField(help_text="As stored and published")
    package = models.FloatField(null=True, help_text="Null where the package cannot compute it")
    note = models.CharField(max_length=200, blank=True)

    objects = OfOrganizationQuerySet.as_manager()

    @property
    def difference(self) -> float | None:
        return None if self.package is None else abs(self.alpha - self.package)

    @property
    def is_equal(self) -> bool:
        """Within the bound that parity is promised to; also where there is nothing to compare."""
        return self.difference is None or self.difference <= PARITY


class ErrorRun(Row):
    """Where answers of a taken scoring run go wrong.

    `input_sha256` names a Parquet of the same answers, under pseudonyms whose key nobody has.
    """

    kind, seed = "errors", 0

    org = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="error_runs")
    run = models.OneToOneField(ScoringRun, on_delete=models.PROTECT, related_name="errors")
    input_sha256 = models.CharField(max_length=64, blank=True)
    input_rows = models.PositiveIntegerField(default=0)
    params = models.JSONField(default=dict)
    version = models.PositiveSmallIntegerField(help_text="Of the kind")
    code_version = models.CharField(max_length=64, help_text="SHA-256 of the modules of gpu_jobs")
    environment = models.JSONField(default=dict, help_text="Libraries, processor, threads")
    result = models.JSONField(null=True)
    note = models.CharField(max_length=300, blank=True, help_text="Why there is no result")
    finished_at = models.DateTimeField()

    objects = OfOrganizationQuerySet.as_manager()

    class Meta:
        ordering = ["-finished_at", "-id"]
        constraints = [
            models.CheckConstraint(
                name="error_run_result_or_note",
                condition=Q(result__isnull=False, note="") | Q(result=None) & ~Q(note=""),
            ),
        ]
        indexes = [models.Index(fields=["project", "-finished_at"], name="error_run_of_project")]

    def __str__(self) -> str:
        return f"errors of {self.run_id}"


class RepeatRun(Row):
    """How far people agree with themselves, over all items that somebody was given twice.

    `input_sha256` names a Parquet of both answers to each. Beside the runs of quality, which never
    read a second answer: nothing of it moves what scores and money rest on.
    """

    kind = "repeats"

    org = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="repeat_runs")
    input_sha256 = models.CharField(max_length=64, blank=True)
    input_rows = models.PositiveIntegerField(default=0)
    params = models.JSONField(default=dict)
    seed = models.PositiveBigIntegerField(default=0)
    version = models.PositiveSmallIntegerField(help_text="Of the kind")
    code_version = models.CharField(max_length=64, help_text="SHA-256 of the modules of gpu_jobs")
    environment = models.JSONField(default=dict, help_text="Libraries, processor, threads")
    result = models.JSONField(null=True)
    note = models.CharField(max_length=300, blank=True, help_text="Why there is no result")
    finished_at = models.DateTimeField()

    objects = OfOrganizationQuerySet.as_manager()

    class Meta:
        ordering = ["-finished_at", "-id"]
        constraints = [
            models.CheckConstraint(
                name="repeat_run_result_or_note",
                condition=Q(result__isnull=False, note="") | Q(result=None) & ~Q(note=""),
            ),
        ]
        indexes = [models.Index(fields=["project", "-finished_at"], name="repeat_run_of_project")]

    def __str__(self) -> str:
        return f"repeats of {self.project_id}"


class LiftRun(Row):
    """One run in chunks: of lift, a learning curve, or what is in the items.

    `input_sha256` names a Parquet of accepted answers and the held-out test set. Groups stand in it
    under pseudonyms that follow from `key`, so the file can go out as it is.
    Runs of one `round` measure the same answers by different groupings.
    """

    org = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="lift_runs")
    kind = models.CharField(
        max_length=9, choices=Measure, default=Measure.LIFT, db_default=Measure.LIFT
    )
    round = models.UUIDField(help_text="Runs over the same answers")
    grouping = models.CharField(max_length=11, choices=Grouping)
    reason = models.CharField(max_length=8, choices=Reason)
    payer = models.CharField(max_length=8, choices=Payer, default=Payer.BUYER)
    state = models.CharField(max_length=9, choices=LiftState, default=LiftState.QUEUED)
    input_sha256 = models.CharField(max_length=64)
    input_rows = models.PositiveIntegerField(help_text="Of training")
    test_rows = models.PositiveIntegerField()
    groups = models.PositiveIntegerField()
    params = models.JSONField(default=dict)
    seed = models.PositiveBigIntegerField(default=0)
    version = models.PositiveSmallIntegerField(help_text="Of the kind")
    key = models.BinaryField(help_text="Of the pseudonyms")
    code_version = models.CharField(max_length=64, blank=True)
    environment = models.JSONField(default=dict)
    result = models.JSONField(null=True)
    groups_sha256 = models.CharField(max_length=64, blank=True)
    examples_sha256 = models.CharField(max_length=64, blank=True)
    done = models.PositiveIntegerField(default=0, help_text="Chunks")
    total = models.PositiveIntegerField(default=0, help_text="Chunks at most; 0 before it began")
    milliseconds = models.PositiveBigIntegerField(
        default=0, help_text="Computing, by the clocks of the workers"
    )
    charged = models.BigIntegerField(default=0, help_text="Minor units, booked from the project")
    charged_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    claimed_at = models.DateTimeField(null=True, help_text="Renewed while a worker lives")
    finished_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=500, blank=True)
    handled_at = models.DateTimeField(null=True, help_text="Taken by the floor above")

    objects = OfOrganizationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                name="lift_run_done_has_result",
                condition=~Q(state="done") | Q(result__isnull=False, finished_at__isnull=False),
            ),
            models.CheckConstraint(
                name="lift_run_charge",
                condition=Q(charged=0) | Q(charged__gt=0, payer="buyer"),
            ),
            # What pays is lift alone, and is asked for by itself.
            models.CheckConstraint(
                name="lift_run_kind",
                condition=Q(kind="lift") & ~Q(reason="more") | ~Q(kind="lift") & Q(reason="more"),
            ),
            # Two clicks at once ask for one run.
            models.UniqueConstraint(
                fields=["project", "kind", "grouping", "payer"],
                condition=Q(state__in=["queued", "running"]),
                name="lift_run_one_at_a_time",
            ),
        ]
        indexes = [
            models.Index(fields=["project", "-created_at"], name="lift_run_of_project"),
            models.Index(
                fields=["state"],
                condition=Q(state__in=["queued", "running"]),
                name="lift_run_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} by {self.grouping} {self.id} ({self.state})"

    @property
    def seconds(self) -> float:
        return self.milliseconds / 1000


class LiftChunk(Row):
    """A part of a lift run that one worker has taken; another takes it when that one is silent."""

    org = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    run = models.ForeignKey(LiftRun, on_delete=models.CASCADE, related_name="chunks")
    number = models.PositiveIntegerField()
    worker = models.CharField(max_length=120)
    attempts = models.PositiveSmallIntegerField(default=1)
    taken_at = models.DateTimeField(help_text="Real time, renewed while its worker lives")
    done_at = models.DateTimeField(null=True)
    milliseconds = models.PositiveBigIntegerField(default=0)

    objects = OfOrganizationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="lift_chunk_once"),
        ]

    def __str__(self) -> str:
        return f"{self.number} of {self.run_id}"


type Run = ScoringRun | LiftRun | ErrorRun | RepeatRun
