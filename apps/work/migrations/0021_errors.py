"""Runs whose errors nobody has looked into: see sql/errors.sql."""

from django.db import migrations

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [("scoring", "0007_errors"), ("work", "0020_qualification_contests")]

    operations = [run(__file__, "errors")]
