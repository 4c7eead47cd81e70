"""Funded seats of each tier; null for projects published before."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("projects", "0002_sql"),
    ]

    operations = [
        migrations.AddField(
            model_name="project",
            name="seats",
            field=models.JSONField(
                help_text="Funded qualification seats of each tier, by its key", null=True
            ),
        ),
    ]
