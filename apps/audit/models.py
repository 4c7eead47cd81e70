"""The event chain: what happened to an aggregate, in order, each event bound to the one before.

Events hold ids and salted hashes, no names and no answers, so that erasing a person breaks no
chain. No foreign keys: evidence does not interfere with live rows.
"""

from django.db import models
from django.db.models.functions import Now

from apps.core.tenancy import Actor


class EventQuerySet(models.QuerySet["AuditEvent"]):
    def visible_to(self, actor: Actor) -> "EventQuerySet":
        if actor.is_staff:
            return self
        return self.filter(org_id__in=actor.org_ids)


class AuditEvent(models.Model):
    """Written only by the SQL function `audit_record`; unique per aggregate and number."""

    aggregate_type = models.CharField(max_length=30)
    aggregate_id = models.UUIDField()
    number = models.PositiveIntegerField()
    type = models.CharField(max_length=60)
    actor_kind = models.CharField(max_length=12)
    actor_id = models.UUIDField(null=True)
    org_id = models.UUIDField(null=True)
    data = models.JSONField(default=dict)
    at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())
    xact = models.BigIntegerField(help_text="Transaction that wrote it; PostgreSQL's own count")
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    objects = EventQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["aggregate_id", "number"], name="audit_event_one_per_number"
            ),
        ]
        indexes = [
            models.Index(fields=["org_id", "-id"], name="audit_event_org"),
            models.Index(fields=["xact"], name="audit_event_xact"),
        ]

    def __str__(self) -> str:
        return f"{self.type} #{self.number} of {self.aggregate_type} {self.aggregate_id}"


class ChainSeal(models.Model):
    """One minute's heads of all chains in one hash: the global chain.

    Takes every event that PostgreSQL's snapshot of that moment shows and the seal before did not:
    an event whose transaction commits late is taken by the next seal.
    """

    snapshot = models.TextField(help_text="pg_snapshot")
    events = models.PositiveIntegerField()
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)
    recorded_at = models.DateTimeField(db_default=Now())
