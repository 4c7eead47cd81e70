"""A claim looks once: see sql/claim.sql."""

from django.db import migrations

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [("work", "0002_sql"), ("accounts", "0002_sql"), ("projects", "0003_seats")]

    operations = [run(__file__, "claim")]
