"""The hourly checks of the books, and who sees them: see sql/books.sql."""

import apps.core.ids
from django.db import migrations, models

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    initial = True

    dependencies = [("core", "0002_sql")]

    operations = [
        migrations.CreateModel(
            name="BooksCheck",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=apps.core.ids.uuid7, primary_key=True, serialize=False
                    ),
                ),
                ("checked_at", models.DateTimeField(db_index=True)),
                ("took_ms", models.PositiveIntegerField(help_text="Milliseconds")),
                ("title", models.CharField(help_text="The check that failed", max_length=100)),
                (
                    "fault",
                    models.TextField(help_text="The first row that breaks it, as a sentence"),
                ),
            ],
        ),
        run(__file__, "books"),
    ]
