"""A verdict that takes an answer out asks for a run: see sql/unscored.sql."""

from django.db import migrations

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [("work", "0007_gold"), ("scoring", "0002_sql")]

    operations = [run(__file__, "unscored")]
