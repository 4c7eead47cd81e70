"""Falling quality is a signal that a bad-faith case may cite."""

from django.db import migrations

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0007_gold_contests"),
    ]

    operations = [run(__file__, "drift")]
