"""What the reminding sweep may know: see sql/reminders.sql."""

from django.db import migrations

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [("cases", "0005_tickets_sql"), ("notices", "0003_channels")]

    operations = [run(__file__, "reminders")]
