"""One typed pass to write, reversals and deadlines, ISO currencies: see sql/writer.sql and
sql/post.sql."""

import django.db.models.deletion
from django.db import migrations, models

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0006_lookup"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="transfer",
            name="ledger_transfer_amount",
        ),
        migrations.RemoveConstraint(
            model_name="transfer",
            name="ledger_transfer_resolves",
        ),
        # Taken away and put back: without it the change of `pending` would drop its index unasked.
        migrations.RemoveConstraint(
            model_name="transfer",
            name="ledger_transfer_resolved_once",
        ),
        migrations.RemoveIndex(
            model_name="transfer",
            name="ledger_transfer_scope",
        ),
        migrations.RemoveIndex(
            model_name="transfer",
            name="ledger_transfer_subject",
        ),
        migrations.AddField(
            model_name="transfer",
            name="expires_at",
            field=models.DateTimeField(
                help_text="Until when a pending one can be posted", null=True
            ),
        ),
        migrations.AlterField(
            model_name="transfer",
            name="credit",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="credits",
                to="ledger.account",
            ),
        ),
        migrations.AlterField(
            model_name="transfer",
            name="debit",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="debits",
                to="ledger.account",
            ),
        ),
        migrations.AlterField(
            model_name="transfer",
            name="kind",
            field=models.CharField(
                choices=[
                    ("posted", "Posted"),
                    ("pending", "Pending"),
                    ("post", "Post"),
                    ("void", "Void"),
                    ("expire", "Expire"),
                ],
                max_length=7,
            ),
        ),
        migrations.AlterField(
            model_name="transfer",
            name="number",
            field=models.BigIntegerField(
                help_text="Order of writing, of each guarded account its own"
            ),
        ),
        migrations.AlterField(
            model_name="transfer",
            name="pending",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="ledger.transfer",
            ),
        ),
        # In the database by sql/writer.sql, which computes it anew.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name="transfer",
                    name="request_hash",
                    field=models.BinaryField(help_text="SHA-256 of what it says, without `at`"),
                ),
            ]
        ),
        migrations.AlterField(
            model_name="transfer",
            name="reverses",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="ledger.transfer",
            ),
        ),
        migrations.AddIndex(
            model_name="transfer",
            index=models.Index(
                condition=models.Q(("scope_id__isnull", False)),
                fields=["scope_id", "number"],
                name="ledger_transfer_scope",
            ),
        ),
        migrations.AddIndex(
            model_name="transfer",
            index=models.Index(
                condition=models.Q(("subject_id__isnull", False)),
                fields=["subject_id"],
                name="ledger_transfer_subject",
            ),
        ),
        migrations.AddIndex(
            model_name="transfer",
            index=models.Index(
                condition=models.Q(("reverses__isnull", False)),
                fields=["reverses"],
                name="ledger_transfer_reverses",
            ),
        ),
        migrations.AddIndex(
            model_name="transfer",
            index=models.Index(
                condition=models.Q(("expires_at__isnull", False)),
                fields=["expires_at"],
                name="ledger_transfer_expires",
            ),
        ),
        migrations.AddConstraint(
            model_name="transfer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("amount__gt", 0),
                    models.Q(("amount", 0), ("kind__in", ["void", "expire"])),
                    _connector="OR",
                ),
                name="ledger_transfer_amount",
            ),
        ),
        migrations.AddConstraint(
            model_name="transfer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind__in", ["post", "void", "expire"]), ("pending__isnull", False)),
                    models.Q(("kind__in", ["posted", "pending"]), ("pending__isnull", True)),
                    _connector="OR",
                ),
                name="ledger_transfer_resolves",
            ),
        ),
        migrations.AddConstraint(
            model_name="transfer",
            constraint=models.UniqueConstraint(
                fields=["pending"],
                condition=models.Q(pending__isnull=False),
                name="ledger_transfer_resolved_once",
            ),
        ),
        run(__file__, "writer"),
        run(__file__, "post"),
    ]
