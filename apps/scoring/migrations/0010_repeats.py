"""Runs over what people were given twice."""

import apps.core.ids
import django.db.models.deletion
from django.db import migrations, models

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [
        ("organizations", "0006_membership"),
        ("projects", "0012_prices"),
        ("scoring", "0009_kinds"),
    ]

    operations = [
        migrations.CreateModel(
            name="RepeatRun",
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
                ("input_sha256", models.CharField(blank=True, max_length=64)),
                ("input_rows", models.PositiveIntegerField(default=0)),
                ("params", models.JSONField(default=dict)),
                ("seed", models.PositiveBigIntegerField(default=0)),
                ("version", models.PositiveSmallIntegerField(help_text="Of the kind")),
                (
                    "code_version",
                    models.CharField(help_text="SHA-256 of the modules of gpu_jobs", max_length=64),
                ),
                (
                    "environment",
                    models.JSONField(default=dict, help_text="Libraries, processor, threads"),
                ),
                ("result", models.JSONField(null=True)),
                (
                    "note",
                    models.CharField(
                        blank=True, help_text="Why there is no result", max_length=300
                    ),
                ),
                ("finished_at", models.DateTimeField()),
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
                        related_name="repeat_runs",
                        to="projects.project",
                    ),
                ),
            ],
            options={
                "ordering": ["-finished_at", "-id"],
                "indexes": [
                    models.Index(fields=["project", "-finished_at"], name="repeat_run_of_project")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("note", ""), ("result__isnull", False)),
                            models.Q(("result", None), models.Q(("note", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="repeat_run_result_or_note",
                    )
                ],
            },
        ),
        run(__file__, "repeats"),
    ]
