"""A run keeps its file of signals."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("scoring", "0004_gold_items"),
    ]

    operations = [
        migrations.AddField(
            model_name="scoringrun",
            name="signals_sha256",
            field=models.CharField(blank=True, db_default="", max_length=64),
        ),
    ]
