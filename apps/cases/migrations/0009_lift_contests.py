"""Contests of a lift figure: see sql/lift.sql."""

from django.conf import settings
from django.db import migrations, models

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0008_drift"),
        ("organizations", "0006_membership"),
        ("projects", "0007_triggers"),
        ("work", "0019_lift"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="case",
            name="kind",
            field=models.CharField(
                choices=[
                    ("appeal", "Appeal of a rejection"),
                    ("dispute", "Payment dispute"),
                    ("deactivation", "Deactivation review"),
                    ("bad_faith", "Bad faith"),
                    ("gold_contest", "Contest of a known answer"),
                    ("lift_contest", "Contest of a lift figure"),
                ],
                max_length=12,
            ),
        ),
        migrations.AddConstraint(
            model_name="case",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "lift_contest")),
                fields=("contributor", "project"),
                name="case_lift_contest_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="case",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "lift_contest"), _negated=True),
                    models.Q(
                        ("opened_by", models.F("contributor")),
                        ("org__isnull", False),
                        ("project__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="case_lift_contest_is_own",
            ),
        ),
        run(__file__, "lift"),
    ]
