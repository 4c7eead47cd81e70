"""Computing of lift on invoices: see sql/lift.sql."""

import django.db.models.expressions
from django.db import migrations, models

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [
        ("exports", "0004_platform_paid"),
        ("organizations", "0006_membership"),
        ("projects", "0007_triggers"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="invoice",
            name="invoice_adds_up",
        ),
        migrations.RemoveConstraint(
            model_name="invoiceline",
            name="invoice_line_not_negative",
        ),
        migrations.AddField(
            model_name="invoice",
            name="compute",
            field=models.BigIntegerField(
                db_default=0, default=0, help_text="Metered computing of lift runs"
            ),
        ),
        migrations.AddField(
            model_name="invoiceline",
            name="compute",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="tax",
            field=models.BigIntegerField(
                help_text="On the platform's own supply: fee and computing"
            ),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("compute__gte", 0),
                    ("fee__gte", 0),
                    ("pay__gte", 0),
                    ("tax__gte", 0),
                    (
                        "total",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    models.F("pay"), "+", models.F("fee")
                                ),
                                "+",
                                models.F("compute"),
                            ),
                            "+",
                            models.F("tax"),
                        ),
                    ),
                ),
                name="invoice_adds_up",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoiceline",
            constraint=models.CheckConstraint(
                condition=models.Q(("compute__gte", 0), ("fee__gte", 0), ("pay__gte", 0)),
                name="invoice_line_not_negative",
            ),
        ),
        run(__file__, "lift"),
    ]
