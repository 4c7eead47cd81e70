"""A claim of a known answer costs the same however many there are: see sql/gold.sql."""

from django.db import migrations

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [("work", "0006_reminders"), ("projects", "0005_gold_in_use")]

    operations = [run(__file__, "gold")]
