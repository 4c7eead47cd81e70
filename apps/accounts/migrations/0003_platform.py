"""The platform's own deadline may reinstate a profile: see sql/platform.sql."""

from django.db import migrations

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_sql")]

    operations = [run(__file__, "platform")]
