"""The roles of whoever acts, as a function: see sql/roles.sql."""

from django.db import migrations

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [("organizations", "0003_frozen")]

    operations = [run(__file__, "roles")]
