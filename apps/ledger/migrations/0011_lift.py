"""Accounts for a project's lift pool and for its computing: see sql/lift.sql."""

from django.db import migrations, models

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [("ledger", "0010_single")]

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
                    ("lift", "Lift"),
                    ("compute", "Compute"),
                    ("payable", "Payable"),
                    ("fees", "Fees"),
                    ("metered", "Metered"),
                    ("capital", "Capital"),
                    ("receivable", "Receivable"),
                ],
                max_length=12,
            ),
        ),
        migrations.AlterField(
            model_name="account",
            name="scope_id",
            field=models.UUIDField(
                help_text="The project, for what is put apart for one", null=True
            ),
        ),
        run(__file__, "lift"),
    ]
