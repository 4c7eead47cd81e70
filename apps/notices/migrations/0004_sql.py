"""Who may mail and choose: see sql/channels.sql."""

from django.db import migrations

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [("notices", "0003_channels"), ("core", "0002_sql")]

    operations = [run(__file__, "channels")]
