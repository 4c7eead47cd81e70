"""What the reminding sweep may know: see sql/reminders.sql."""

from django.db import migrations

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [
        ("work", "0005_bad_faith"),
        ("notices", "0003_channels"),
        ("accounts", "0002_sql"),
        ("organizations", "0002_sql"),
    ]

    operations = [run(__file__, "reminders")]
