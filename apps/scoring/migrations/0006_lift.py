"""Lift runs, and the chunks that workers take: see sql/lift.sql."""

import apps.core.ids
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [
        ("organizations", "0006_membership"),
        ("projects", "0007_triggers"),
        ("scoring", "0005_signals"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="LiftRun",
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
                ("round", models.UUIDField(help_text="Runs over the same answers")),
                (
                    "grouping",
                    models.CharField(
                        choices=[
                            ("contributor", "Contributor"),
                            ("batch", "Week of acceptance"),
                            ("tier", "Tier"),
                            ("kind", "Kind of item"),
                        ],
                        max_length=11,
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
                (
                    "payer",
                    models.CharField(
                        choices=[("buyer", "Buyer"), ("platform", "Platform")],
                        default="buyer",
                        max_length=8,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "Queued"),
                            ("running", "Running"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="queued",
                        max_length=9,
                    ),
                ),
                ("input_sha256", models.CharField(max_length=64)),
                ("input_rows", models.PositiveIntegerField(help_text="Of training")),
                ("test_rows", models.PositiveIntegerField()),
                ("groups", models.PositiveIntegerField()),
                ("params", models.JSONField(default=dict)),
                ("seed", models.PositiveBigIntegerField(default=0)),
                ("version", models.PositiveSmallIntegerField(help_text="Of the kind")),
                ("key", models.BinaryField(help_text="Of the pseudonyms")),
                ("code_version", models.CharField(blank=True, max_length=64)),
                ("environment", models.JSONField(default=dict)),
                ("result", models.JSONField(null=True)),
                ("groups_sha256", models.CharField(blank=True, max_length=64)),
                ("examples_sha256", models.CharField(blank=True, max_length=64)),
                ("done", models.PositiveIntegerField(default=0, help_text="Chunks")),
                (
                    "total",
                    models.PositiveIntegerField(
                        default=0, help_text="Chunks at most; 0 before it began"
                    ),
                ),
                (
                    "milliseconds",
                    models.PositiveBigIntegerField(
                        default=0, help_text="Computing, by the clocks of the workers"
                    ),
                ),
                (
                    "charged",
                    models.BigIntegerField(
                        default=0, help_text="Minor units, booked from the project"
                    ),
                ),
                ("charged_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField()),
                (
                    "claimed_at",
                    models.DateTimeField(help_text="Renewed while a worker lives", null=True),
                ),
                ("finished_at", models.DateTimeField(null=True)),
                ("error", models.CharField(blank=True, max_length=500)),
                (
                    "handled_at",
                    models.DateTimeField(help_text="Taken by the floor above", null=True),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
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
                        related_name="lift_runs",
                        to="projects.project",
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="LiftChunk",
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
                ("number", models.PositiveIntegerField()),
                ("worker", models.CharField(max_length=120)),
                ("attempts", models.PositiveSmallIntegerField(default=1)),
                (
                    "taken_at",
                    models.DateTimeField(help_text="Real time, renewed while its worker lives"),
                ),
                ("done_at", models.DateTimeField(null=True)),
                ("milliseconds", models.PositiveBigIntegerField(default=0)),
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
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="chunks",
                        to="scoring.liftrun",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="liftrun",
            index=models.Index(fields=["project", "-created_at"], name="lift_run_of_project"),
        ),
        migrations.AddIndex(
            model_name="liftrun",
            index=models.Index(
                condition=models.Q(("state__in", ["queued", "running"])),
                fields=["state"],
                name="lift_run_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="liftrun",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "done"), _negated=True),
                    models.Q(("finished_at__isnull", False), ("result__isnull", False)),
                    _connector="OR",
                ),
                name="lift_run_done_has_result",
            ),
        ),
        migrations.AddConstraint(
            model_name="liftrun",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("charged", 0),
                    models.Q(("charged__gt", 0), ("payer", "buyer")),
                    _connector="OR",
                ),
                name="lift_run_charge",
            ),
        ),
        migrations.AddConstraint(
            model_name="liftrun",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["queued", "running"])),
                fields=("project", "grouping", "payer"),
                name="lift_run_one_at_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="liftchunk",
            constraint=models.UniqueConstraint(fields=("run", "number"), name="lift_chunk_once"),
        ),
        run(__file__, "lift"),
    ]
