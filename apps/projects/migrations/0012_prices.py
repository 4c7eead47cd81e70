"""What an answer of a model costs, as the buyer says when its answers are uploaded."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("projects", "0011_annotators")]

    operations = [
        migrations.AddField(
            model_name="itemimport",
            name="tokens_per_answer",
            field=models.PositiveIntegerField(help_text="Of a model, on average", null=True),
        ),
        migrations.AddField(
            model_name="itemimport",
            name="price_per_million",
            field=models.PositiveBigIntegerField(
                help_text="Minor units for a million tokens", null=True
            ),
        ),
        migrations.AddConstraint(
            model_name="itemimport",
            constraint=models.CheckConstraint(
                name="import_price_of_model",
                condition=Q(tokens_per_answer=None, price_per_million=None)
                | Q(
                    annotators="model",
                    tokens_per_answer__gt=0,
                    tokens_per_answer__isnull=False,
                    price_per_million__isnull=False,
                ),
            ),
        ),
    ]
