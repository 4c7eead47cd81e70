"""The abstract row and the one row that holds the demo's clock. No nouns of the domain."""

from django.db import models

from apps.core.ids import uuid7


class Row(models.Model):
    """A row with an id that nobody can guess."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)

    class Meta:
        abstract = True


class ClockOffset(models.Model):
    """How far the demo's clock is ahead of the real one; one row, never backwards."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    offset = models.DurationField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="core_clock_one_row"),
        ]
