"""The terms that somebody accepted, in their own row: see sql/known.sql."""

from django.db import migrations

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [("accounts", "0008_known")]

    operations = [run(__file__, "known")]
