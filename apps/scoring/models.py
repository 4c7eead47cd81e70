"""Scoring runs: what was computed over which answers, by which code, with which result."""

from django.db import models
from django.db.models import Q

from apps.core.models import Row
from apps.organizations.models import OfOrganizationQuerySet, Organization
from apps.projects.models import Project
from apps.scoring.enums import RunState

# Result file of gpu_jobs → the field that names its blob.
FILES = {
    "labels.parquet": "labels_sha256",
    "scores.parquet": "scores_sha256",
    "workers.parquet": "workers_sha256",
    "gold_items.parquet": "gold_items_sha256",
    "signals.parquet": "signals_sha256",
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
