"""One transfer by a function of its own; guards of the rows as triggers: see sql/single.sql."""

from django.db import migrations, models

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [("ledger", "0009_batches")]

    operations = [
        migrations.RemoveConstraint(model_name="account", name="ledger_account_not_overdrawn"),
        migrations.RemoveConstraint(model_name="account", name="ledger_account_counters"),
        migrations.RemoveConstraint(model_name="transfer", name="ledger_transfer_amount"),
        migrations.RemoveConstraint(model_name="transfer", name="ledger_transfer_two_accounts"),
        migrations.RemoveConstraint(model_name="transfer", name="ledger_transfer_resolves"),
        # A condition is planned anew by each posting; nearly every row fulfilled these.
        migrations.RemoveIndex(model_name="transfer", name="ledger_transfer_scope"),
        migrations.RemoveIndex(model_name="transfer", name="ledger_transfer_subject"),
        migrations.AddIndex(
            model_name="transfer",
            index=models.Index(fields=["scope_id", "number"], name="ledger_transfer_scope"),
        ),
        migrations.AddIndex(
            model_name="transfer",
            index=models.Index(fields=["subject_id"], name="ledger_transfer_subject"),
        ),
        run(__file__, "single"),
        run(__file__, "post"),
    ]
