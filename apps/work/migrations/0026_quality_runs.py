"""What waits for a run of quality, or for a plan by one, looks at no other run."""

from django.db import migrations

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [("work", "0025_repeats")]

    operations = [run(__file__, "quality_runs")]
