"""An account is found by its name through the index: see sql/lookup.sql."""

from django.db import migrations

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [("ledger", "0005_earned")]

    operations = [run(__file__, "lookup")]
