"""A claim's answers in fewer questions: see sql/whole_items.sql."""

from django.db import migrations

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [("work", "0009_lists")]

    operations = [run(__file__, "whole_items")]
