"""Rounds of lift, pools and what is said of each contributor: see sql/lift.sql."""

import apps.core.ids
import django.db.models.deletion
import django.db.models.expressions
from django.conf import settings
from django.db import migrations, models

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [
        ("organizations", "0006_membership"),
        ("projects", "0007_triggers"),
        ("scoring", "0006_lift"),
        ("work", "0018_online"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="LiftPool",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=apps.core.ids.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("paid", "Paid"),
                            ("returned", "Returned"),
                        ],
                        default="waiting",
                        max_length=8,
                    ),
                ),
                (
                    "amount",
                    models.BigIntegerField(help_text="As the criteria promise it, fee included"),
                ),
                ("closed_at", models.DateTimeField()),
                ("net", models.BigIntegerField(default=0)),
                ("fee", models.BigIntegerField(default=0)),
                ("people", models.PositiveIntegerField(default=0, help_text="Who got a part")),
                (
                    "note",
                    models.CharField(blank=True, help_text="Why nobody got one", max_length=300),
                ),
                ("paid_at", models.DateTimeField(null=True)),
                ("due_at", models.DateTimeField(help_text="When the rest goes back", null=True)),
                ("returned_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="LiftRound",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=apps.core.ids.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("asked", "Asked for by the buyer"),
                            ("round", "After a settlement"),
                            ("close", "At the close: it pays the pool"),
                            ("contest", "A contest: repeated by an administrator"),
                        ],
                        max_length=8,
                    ),
                ),
                ("asked_at", models.DateTimeField()),
                ("seed", models.PositiveBigIntegerField(default=0)),
                (
                    "begun_at",
                    models.DateTimeField(
                        help_text="Its runs are queued, or it is refused", null=True
                    ),
                ),
                (
                    "note",
                    models.CharField(
                        blank=True, help_text="Why nothing was measured", max_length=300
                    ),
                ),
            ],
            options={
                "ordering": ["-asked_at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="LiftScore",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=apps.core.ids.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("asked", "Asked for by the buyer"),
                            ("round", "After a settlement"),
                            ("close", "At the close: it pays the pool"),
                            ("contest", "A contest: repeated by an administrator"),
                        ],
                        max_length=8,
                    ),
                ),
                ("at", models.DateTimeField()),
                (
                    "group",
                    models.CharField(help_text="The pseudonym in the run's file", max_length=40),
                ),
                (
                    "rows",
                    models.PositiveIntegerField(
                        help_text="Accepted answers that models were trained on"
                    ),
                ),
                ("value", models.FloatField()),
                ("error", models.FloatField(null=True)),
                ("low", models.FloatField(null=True)),
                ("high", models.FloatField(null=True)),
                (
                    "significant",
                    models.CharField(blank=True, help_text="positive or negative", max_length=8),
                ),
                ("part", models.BigIntegerField(default=0, help_text="Of the pool, fee included")),
                ("net", models.BigIntegerField(default=0)),
                ("fee", models.BigIntegerField(default=0)),
                (
                    "facts",
                    models.JSONField(
                        default=dict, help_text="Metric, model, method, seed, input, command"
                    ),
                ),
                (
                    "examples",
                    models.JSONField(
                        default=list, help_text="Own answers that helped or hurt most"
                    ),
                ),
            ],
            options={
                "ordering": ["-at", "-id"],
            },
        ),
        migrations.RemoveConstraint(
            model_name="earningline",
            name="line_fee_not_negative",
        ),
        migrations.AddConstraint(
            model_name="earningline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("fee__gte", 0),
                    models.Q(("gross", 0), ("kind__in", ["case_time", "lift_bonus"])),
                    _connector="OR",
                ),
                name="line_fee_not_negative",
            ),
        ),
        migrations.AddField(
            model_name="liftpool",
            name="org",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="organizations.organization",
            ),
        ),
        migrations.AddField(
            model_name="liftpool",
            name="project",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="lift_pool",
                to="projects.project",
            ),
        ),
        migrations.AddField(
            model_name="liftpool",
            name="run",
            field=models.ForeignKey(
                help_text="That paid it",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="scoring.liftrun",
            ),
        ),
        migrations.AddField(
            model_name="liftround",
            name="asked_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="liftround",
            name="org",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="organizations.organization",
            ),
        ),
        migrations.AddField(
            model_name="liftround",
            name="project",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="lift_rounds",
                to="projects.project",
            ),
        ),
        migrations.AddField(
            model_name="liftscore",
            name="contributor",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="%(class)ss",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="liftscore",
            name="org",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="organizations.organization",
            ),
        ),
        migrations.AddField(
            model_name="liftscore",
            name="project",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="%(class)ss",
                to="projects.project",
            ),
        ),
        migrations.AddField(
            model_name="liftscore",
            name="run",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="scoring.liftrun"
            ),
        ),
        migrations.AddIndex(
            model_name="liftpool",
            index=models.Index(
                condition=models.Q(("state", "returned"), _negated=True),
                fields=["state"],
                name="pool_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="liftpool",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "amount__gte",
                        django.db.models.expressions.CombinedExpression(
                            models.F("net"), "+", models.F("fee")
                        ),
                    ),
                    ("fee__gte", 0),
                    ("net__gte", 0),
                ),
                name="pool_never_more",
            ),
        ),
        migrations.AddConstraint(
            model_name="liftpool",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("paid_at", None), ("returned_at", None), ("state", "waiting")),
                    models.Q(
                        ("due_at__isnull", False),
                        ("paid_at__isnull", False),
                        ("returned_at", None),
                        ("state", "paid"),
                    ),
                    models.Q(
                        ("paid_at__isnull", False),
                        ("returned_at__isnull", False),
                        ("state", "returned"),
                    ),
                    _connector="OR",
                ),
                name="pool_times",
            ),
        ),
        migrations.AddConstraint(
            model_name="liftround",
            constraint=models.UniqueConstraint(
                condition=models.Q(("begun_at", None)),
                fields=("project", "reason"),
                name="lift_round_one_waits",
            ),
        ),
        migrations.AddIndex(
            model_name="liftscore",
            index=models.Index(fields=["project", "-at"], name="lift_score_of_project"),
        ),
        migrations.AddConstraint(
            model_name="liftscore",
            constraint=models.UniqueConstraint(
                fields=("run", "contributor"), name="lift_score_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="liftscore",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("fee__gte", 0),
                    ("net__gte", 0),
                    (
                        "part__gte",
                        django.db.models.expressions.CombinedExpression(
                            models.F("net"), "+", models.F("fee")
                        ),
                    ),
                ),
                name="lift_score_only_adds",
            ),
        ),
        migrations.AddConstraint(
            model_name="liftscore",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("fee", 0), ("net", 0)), ("low__gt", 0), _connector="OR"
                ),
                name="lift_score_pays_above_zero",
            ),
        ),
        run(__file__, "lift"),
    ]
