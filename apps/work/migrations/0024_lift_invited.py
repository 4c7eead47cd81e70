"""Whoever is invited by lift is not invited, and not counted, again."""

from django.db import migrations

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [("work", "0023_more"), ("notices", "0004_sql")]

    operations = [run(__file__, "lift_invited")]
