"""Row-level security, functions and triggers of this app: see sql/context.sql."""

from django.db import migrations

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial")]

    operations = [run(__file__, "context")]
