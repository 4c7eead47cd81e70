"""By which code a run was computed, and the nightly check of its alpha: see sql/alphas.sql."""

import django.db.models.deletion
from django.db import migrations, models

import apps.core.ids
from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [
        ("organizations", "0002_sql"),
        ("projects", "0007_triggers"),
        ("scoring", "0002_sql"),
    ]

    operations = [
        migrations.AddField(
            model_name="scoringrun",
            name="version",
            field=models.PositiveSmallIntegerField(
                db_default=1,
                default=1,
                help_text="Of the kind: other versions compute something else",
            ),
        ),
        migrations.AddField(
            model_name="scoringrun",
            name="code_version",
            field=models.CharField(
                blank=True,
                db_default="",
                help_text="SHA-256 of the modules of gpu_jobs",
                max_length=64,
            ),
        ),
        migrations.AddField(
            model_name="scoringrun",
            name="environment",
            field=models.JSONField(
                db_default=models.Value({}, models.JSONField()),
                default=dict,
                help_text="Libraries, processor, threads",
            ),
        ),
        migrations.CreateModel(
            name="AlphaCheck",
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
                ("checked_at", models.DateTimeField(db_index=True)),
                ("level", models.CharField(help_text="How far answers are apart", max_length=20)),
                (
                    "answers",
                    models.PositiveIntegerField(
                        help_text="Pairable ones: of items with two or more"
                    ),
                ),
                ("alpha", models.FloatField(help_text="As stored and published")),
                (
                    "package",
                    models.FloatField(
                        help_text="Null where the package cannot compute it", null=True
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=200)),
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
                        related_name="+",
                        to="projects.project",
                    ),
                ),
                (
                    "run",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alpha_check",
                        to="scoring.scoringrun",
                    ),
                ),
            ],
            options={"abstract": False},
        ),
        run(__file__, "alphas"),
    ]
