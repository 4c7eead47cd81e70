"""Signals on a score, and what answers since the last full run have changed."""

import apps.core.ids
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [
        ("organizations", "0006_membership"),
        ("projects", "0011_annotators"),
        ("scoring", "0005_signals"),
        ("work", "0017_overlap"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="score",
            name="signals",
            field=models.JSONField(
                db_default=models.Value({}, models.JSONField()),
                default=dict,
                help_text="Signal → whether it speaks, of those with enough answers to judge by",
            ),
        ),
        migrations.CreateModel(
            name="OnlineState",
            fields=[
                (
                    "project",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="online",
                        serialize=False,
                        to="projects.project",
                    ),
                ),
                (
                    "added",
                    models.PositiveIntegerField(default=0, help_text="Answers since the run"),
                ),
                (
                    "waiting",
                    models.PositiveIntegerField(
                        default=0, help_text="Of new classes: for the next run"
                    ),
                ),
                ("figures", models.JSONField(default=dict)),
                (
                    "difference",
                    models.JSONField(
                        default=dict, help_text="How far the state before this run was from the run"
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=300)),
                ("updated_at", models.DateTimeField()),
                (
                    "org",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="organizations.organization",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="scoring.scoringrun",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="OnlineAnswer",
            fields=[
                (
                    "submission",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="online",
                        serialize=False,
                        to="work.submission",
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                (
                    "is_counted",
                    models.BooleanField(
                        help_text="Not when its class is new: it waits for the run"
                    ),
                ),
                (
                    "org",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="organizations.organization",
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="projects.project",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("project", "number"), name="online_answer_number"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="OnlineScore",
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
                ("answers", models.PositiveIntegerField(help_text="Own answers since the run")),
                ("before", models.FloatField()),
                ("now", models.FloatField()),
                ("at", models.DateTimeField()),
                (
                    "contributor",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="%(class)ss",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "org",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="organizations.organization",
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="%(class)ss",
                        to="projects.project",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="scoring.scoringrun",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("contributor", "project"), name="online_score_once"
                    )
                ],
            },
        ),
        run(__file__, "online"),
    ]
