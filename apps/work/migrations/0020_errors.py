"""Runs whose errors nobody has looked into: see sql/errors.sql."""

from django.db import migrations

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [("scoring", "0007_errors"), ("work", "0019_lift")]

    operations = [run(__file__, "errors")]
