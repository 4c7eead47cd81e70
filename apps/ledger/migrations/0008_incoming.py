"""A purpose for bank debits on their way (choices only; the guard follows from sql/posting.sql)."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "0007_writer")]

    operations = [
        migrations.AlterField(
            model_name="account",
            name="purpose",
            field=models.CharField(
                choices=[
                    ("stripe", "Stripe"),
                    ("incoming", "Incoming"),
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
    ]
