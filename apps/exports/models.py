"""Dataset releases: the answers, the aggregated labels and the wage file."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.core.models import Row
from apps.exports.enums import ReleaseState
from apps.organizations.models import OfOrganizationQuerySet, Organization
from apps.projects.models import Project


class Release(Row):
    """`as_of` is the number of the last ledger transfer that its wage file counts."""

    org = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="releases")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=8, choices=ReleaseState, default=ReleaseState.BUILDING)
    as_of = models.BigIntegerField(null=True)
    files = models.JSONField(default=dict, help_text="name → {sha256, bytes}")
    summary = models.JSONField(default=dict)
    error = models.CharField(max_length=300, blank=True)
    claimed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    ready_at = models.DateTimeField(null=True)

    objects = OfOrganizationQuerySet.as_manager()

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["project", "number"], name="release_number"),
            models.CheckConstraint(
                name="release_ready_has_as_of",
                condition=~Q(state="ready") | Q(as_of__isnull=False, ready_at__isnull=False),
            ),
        ]


class ReleaseKey(models.Model):
    """The key of a release's pseudonyms (HMAC). Apart from the release, never exported."""

    release = models.OneToOneField(
        Release, on_delete=models.CASCADE, primary_key=True, related_name="pseudonym_key"
    )
    org = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    key = models.BinaryField()

    objects = OfOrganizationQuerySet.as_manager()
