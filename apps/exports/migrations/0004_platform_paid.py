"""Fees are net of what the platform pays out of them: see sql/platform_paid.sql."""

from django.db import migrations

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [("exports", "0003_money")]

    operations = [run(__file__, "platform_paid")]
