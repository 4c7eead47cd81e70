"""The numbers of tickets, and the walls round them: see sql/tickets.sql."""

from django.db import migrations

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [("cases", "0004_tickets"), ("core", "0002_sql")]

    operations = [run(__file__, "tickets")]
