"""Long batches in time that grows with their length: see sql/batches.sql."""

from django.db import migrations

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [("ledger", "0008_incoming")]

    operations = [run(__file__, "batches")]
