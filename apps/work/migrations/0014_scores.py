"""A contributor's score of each week, and indexes by which their answers are read."""

import apps.core.ids
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [
        ("organizations", "0005_billing"),
        ("projects", "0007_triggers"),
        ("scoring", "0003_versions"),
        ("work", "0013_no_key"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Score",
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
                ("week", models.DateField(help_text="Its Monday, UTC")),
                ("at", models.DateTimeField(help_text="When the run was taken")),
                ("answers", models.PositiveIntegerField()),
                (
                    "labelled",
                    models.PositiveIntegerField(help_text="Answers to items that have a label"),
                ),
                ("agreed", models.PositiveIntegerField(help_text="Of those, equal to the label")),
                ("gold_count", models.PositiveIntegerField()),
                ("gold_correct", models.PositiveIntegerField()),
                ("gold_mean", models.FloatField()),
                ("gold_low", models.FloatField()),
                ("gold_high", models.FloatField()),
                ("gold_lower", models.FloatField()),
                ("bar", models.DecimalField(decimal_places=4, max_digits=5)),
                ("gold_minimum", models.PositiveIntegerField()),
                (
                    "more_right",
                    models.PositiveIntegerField(
                        help_text="Right gold answers to the bar; null: too many to say", null=True
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="submission",
            index=models.Index(
                fields=["contributor", "project", "submitted_at"], name="submission_of_person"
            ),
        ),
        migrations.AddIndex(
            model_name="submission",
            index=models.Index(
                condition=models.Q(("scores__label", False)),
                fields=["contributor", "project", "submitted_at"],
                name="submission_off_label",
            ),
        ),
        migrations.AddField(
            model_name="score",
            name="contributor",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="%(class)ss",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="score",
            name="org",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="organizations.organization",
            ),
        ),
        migrations.AddField(
            model_name="score",
            name="project",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="%(class)ss",
                to="projects.project",
            ),
        ),
        migrations.AddField(
            model_name="score",
            name="run",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="scoring.scoringrun",
            ),
        ),
        migrations.AddIndex(
            model_name="score",
            index=models.Index(fields=["project", "week"], name="score_of_project"),
        ),
        migrations.AddConstraint(
            model_name="score",
            constraint=models.UniqueConstraint(
                fields=("contributor", "project", "week"), name="score_once_a_week"
            ),
        ),
        migrations.AddConstraint(
            model_name="score",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("agreed__lte", models.F("labelled")),
                    ("gold_correct__lte", models.F("gold_count")),
                    ("labelled__lte", models.F("answers")),
                ),
                name="score_counts",
            ),
        ),
        run(__file__, "scores"),
    ]
