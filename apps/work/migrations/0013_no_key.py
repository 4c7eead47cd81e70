"""Rows are locked in a way that lets others refer to them: see sql/no_key.sql."""

from django.db import migrations

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [("work", "0012_uses")]

    operations = [run(__file__, "no_key")]
