"""A plan keeps the interval of what known answers say of it, and what was promised."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("work", "0021_errors")]

    operations = [
        migrations.AddField(
            model_name="overlapplan",
            name="low",
            field=models.FloatField(
                help_text="Of the share that is wrong, 95% interval", null=True
            ),
        ),
        migrations.AddField(
            model_name="overlapplan", name="high", field=models.FloatField(null=True)
        ),
        migrations.AddField(
            model_name="overlapplan",
            name="promised",
            field=models.FloatField(
                help_text="The error at which a label is sure enough", null=True
            ),
        ),
        migrations.AddField(
            model_name="overlapplan",
            name="is_too_sure",
            field=models.BooleanField(
                default=False, help_text="The expected error lies below the interval"
            ),
        ),
    ]
