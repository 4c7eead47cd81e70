"""Row-level security, functions and triggers of this app: see sql/rls.sql."""

from django.db import migrations

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [
        ("exports", "0001_initial"),
        ("core", "0002_sql"),
        ("ledger", "0002_sql"),
        ("projects", "0002_sql"),
    ]

    operations = [run(__file__, "rls")]
