"""What the pages keep of their own: the hourly checks of the books."""

from django.db import models

from apps.core.ids import uuid7
from apps.core.tenancy import Actor


class BooksCheckQuerySet(models.QuerySet["BooksCheck"]):
    def visible_to(self, actor: Actor) -> "BooksCheckQuerySet":
        return self if actor.is_staff else self.none()


class BooksCheck(models.Model):
    """One run of `check_books` by beat. `title` and `fault` are empty when everything held."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    checked_at = models.DateTimeField(db_index=True)
    took_ms = models.PositiveIntegerField(help_text="Milliseconds")
    title = models.CharField(max_length=100, help_text="The check that failed")
    fault = models.TextField(help_text="The first row that breaks it, as a sentence")

    objects = BooksCheckQuerySet.as_manager()

    def __str__(self) -> str:
        return self.fault or "The books hold"
