"""Whether somebody was ever a member, in their own row: see sql/membership.sql."""

from django.db import migrations

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [("organizations", "0005_billing"), ("accounts", "0009_known_sql")]

    operations = [run(__file__, "membership")]
