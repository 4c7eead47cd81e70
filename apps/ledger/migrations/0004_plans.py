"""Postings go by index from the first one on: see sql/plans.sql."""

from django.db import migrations

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [("ledger", "0003_seats")]

    operations = [run(__file__, "plans")]
