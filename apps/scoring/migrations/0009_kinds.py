"""Runs of other kinds than quality stand in the same table."""

from django.db import migrations

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [("scoring", "0008_measures")]

    operations = [run(__file__, "kinds")]
