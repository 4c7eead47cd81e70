"""Scoring runs: what was computed over which answers, by which code, with which result."""

from django.db import models
from django.db.models import Q

from apps.core.models import Row
from apps.organizations.models import OfOrganizationQuerySet, Organization
from apps.projects.models import Project
from apps.scoring.enums import RunState


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
    result = models.JSONField(null=True)
    labels_sha256 = models.CharField(max_length=64, blank=True)
    scores_sha256 = models.CharField(max_length=64, blank=True)
    workers_sha256 = models.CharField(max_length=64, blank=True)
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
