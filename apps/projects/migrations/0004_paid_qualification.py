"""A published qualification is paid: see sql/paid_qualification.sql."""

from django.db import migrations

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [("projects", "0003_seats")]

    operations = [run(__file__, "paid_qualification")]
