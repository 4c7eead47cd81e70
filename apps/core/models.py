"""The abstract row, the row that holds the demo's clock, and its moves. No nouns of the domain."""

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
    # What stands in the calendar (each Monday ...) has been done up to this moment of the demo.
    kept_until = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="core_clock_one_row"),
        ]


class ClockMove(Row):
    """One move of the demo's clock: asked for by somebody, carried out stop by stop by a worker.

    All times are the demo's but `asked_at`. `found` holds (what, how many, text) of what happened.
    """

    asked_at = models.DateTimeField(help_text="Real time")
    label = models.CharField(max_length=60, help_text="What was pressed, in words")
    begins = models.DateTimeField()
    target = models.DateTimeField()
    reached = models.DateTimeField(help_text="Everything due until then is done")
    doing = models.CharField(max_length=120, blank=True)
    is_open = models.BooleanField(default=True)
    failures = models.PositiveSmallIntegerField(default=0)
    found = models.JSONField(default=list)

    class Meta:
        constraints = [
            # Two clicks at once: one of them moves the clock, the other is told so.
            models.UniqueConstraint(
                fields=["is_open"], condition=models.Q(is_open=True), name="core_clock_one_move"
            ),
            models.CheckConstraint(
                condition=models.Q(begins__lte=models.F("reached"))
                & models.Q(begins__lt=models.F("target")),
                name="core_clock_forwards",
            ),
        ]
        indexes = [models.Index(fields=["-asked_at"], name="core_clock_latest")]

    @property
    def percent(self) -> int:
        """How much of the way is done."""
        return min(100, int(100 * ((self.reached - self.begins) / (self.target - self.begins))))
