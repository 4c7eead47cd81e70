"""Earned money leaves towards the bank only: see sql/earned.sql."""

from django.db import migrations

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [("ledger", "0004_plans")]

    operations = [run(__file__, "earned")]
