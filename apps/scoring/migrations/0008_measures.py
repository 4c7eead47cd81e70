"""Runs in chunks have a kind: lift, a learning curve, or what is in the items."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("organizations", "0006_membership"),
        ("projects", "0011_annotators"),
        ("scoring", "0007_errors"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="liftrun",
            name="lift_run_one_at_a_time",
        ),
        migrations.AddField(
            model_name="liftrun",
            name="kind",
            field=models.CharField(
                choices=[
                    ("lift", "Lift"),
                    ("curve", "Learning curve"),
                    ("diversity", "What is in the items"),
                ],
                db_default="lift",
                default="lift",
                max_length=9,
            ),
        ),
        migrations.AlterField(
            model_name="liftrun",
            name="reason",
            field=models.CharField(
                choices=[
                    ("asked", "Asked for by the buyer"),
                    ("more", "Before buying more data: asked for by the buyer"),
                    ("round", "After a settlement"),
                    ("close", "At the close: it pays the pool"),
                    ("contest", "A contest: repeated by an administrator"),
                ],
                max_length=8,
            ),
        ),
        migrations.AddConstraint(
            model_name="liftrun",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "lift"), models.Q(("reason", "more"), _negated=True)),
                    models.Q(models.Q(("kind", "lift"), _negated=True), ("reason", "more")),
                    _connector="OR",
                ),
                name="lift_run_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="liftrun",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["queued", "running"])),
                fields=("project", "kind", "grouping", "payer"),
                name="lift_run_one_at_a_time",
            ),
        ),
    ]
