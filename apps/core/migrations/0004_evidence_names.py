"""A refused change of evidence names its trigger: see sql/evidence_names.sql."""

from django.db import migrations

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [("core", "0003_clock_moves")]

    operations = [run(__file__, "evidence_names")]
