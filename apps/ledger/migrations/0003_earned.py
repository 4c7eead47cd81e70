"""Earned money leaves towards the bank only: see sql/earned.sql."""

from django.db import migrations

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_sql")]

    operations = [run(__file__, "earned")]
