"""Money of qualification seats: one more guarded purpose, see sql/lookup.sql for its guard."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0002_sql"),
    ]

    operations = [
        migrations.AlterField(
            model_name="account",
            name="purpose",
            field=models.CharField(
                choices=[
                    ("stripe", "Stripe"),
                    ("wallet", "Wallet"),
                    ("held", "Held"),
                    ("seats", "Seats"),
                    ("payable", "Payable"),
                    ("fees", "Fees"),
                    ("capital", "Capital"),
                    ("receivable", "Receivable"),
                ],
                max_length=12,
            ),
        ),
        migrations.AlterField(
            model_name="account",
            name="scope_id",
            field=models.UUIDField(help_text="The project, for held funds and seats", null=True),
        ),
    ]
