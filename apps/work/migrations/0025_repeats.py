"""Repeats: an item of somebody's own earlier work, given to them once more."""

import apps.core.ids
import apps.projects.rules.terms
import apps.work.models
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [
        ("organizations", "0006_membership"),
        ("projects", "0012_prices"),
        ("scoring", "0010_repeats"),
        ("work", "0024_lift_invited"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="RepeatScore",
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
                ("items", models.PositiveIntegerField(help_text="Answered twice")),
                ("agreement", models.FloatField()),
                ("low", models.FloatField()),
                ("high", models.FloatField()),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="assignment",
            name="assignment_once_per_item",
        ),
        migrations.RemoveConstraint(
            model_name="assignment",
            name="assignment_bad_faith_after_a_case",
        ),
        migrations.AddField(
            model_name="assignment",
            name="is_disputed",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="A case was about its pay: it never comes again",
            ),
        ),
        migrations.AddField(
            model_name="enrolment",
            name="claims",
            field=models.PositiveIntegerField(db_default=0, default=0, help_text="Claims so far"),
        ),
        migrations.AddField(
            model_name="enrolment",
            name="repeat_seed",
            field=models.PositiveBigIntegerField(default=apps.work.models.drawn_seed),
        ),
        migrations.AlterField(
            model_name="assignment",
            name="kind",
            field=models.CharField(
                choices=[
                    ("work", "work"),
                    ("repeat", "repeat"),
                    ("qualification", "qualification"),
                    ("training", "training"),
                    ("review", "review"),
                    ("panel", "panel"),
                ],
                default=apps.projects.rules.terms.Kind["WORK"],
                max_length=13,
            ),
        ),
        migrations.AlterField(
            model_name="submission",
            name="kind",
            field=models.CharField(
                choices=[
                    ("work", "work"),
                    ("repeat", "repeat"),
                    ("qualification", "qualification"),
                    ("training", "training"),
                    ("review", "review"),
                    ("panel", "panel"),
                ],
                default=apps.projects.rules.terms.Kind["WORK"],
                max_length=13,
            ),
        ),
        migrations.AddIndex(
            model_name="submission",
            index=models.Index(
                condition=models.Q(("kind", "repeat")),
                fields=["project", "undo_until"],
                name="submission_repeats",
            ),
        ),
        migrations.AddConstraint(
            model_name="assignment",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    models.Q(("state__in", ["given_back", "expired"]), _negated=True),
                    models.Q(("kind", "repeat"), _negated=True),
                ),
                fields=("item", "contributor", "attempt"),
                name="assignment_once_per_item",
            ),
        ),
        migrations.AddConstraint(
            model_name="assignment",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "repeat")),
                fields=("item", "contributor"),
                name="assignment_repeated_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="assignment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("is_bad_faith", False),
                    models.Q(
                        ("kind__in", ["work", "repeat"]),
                        ("review_stopped_at__isnull", False),
                        ("state__in", ["rejected", "final"]),
                    ),
                    _connector="OR",
                ),
                name="assignment_bad_faith_after_a_case",
            ),
        ),
        migrations.AddField(
            model_name="repeatscore",
            name="contributor",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="%(class)ss",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="repeatscore",
            name="org",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="organizations.organization",
            ),
        ),
        migrations.AddField(
            model_name="repeatscore",
            name="project",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="%(class)ss",
                to="projects.project",
            ),
        ),
        migrations.AddField(
            model_name="repeatscore",
            name="run",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="scoring.repeatrun",
            ),
        ),
        migrations.AddConstraint(
            model_name="repeatscore",
            constraint=models.UniqueConstraint(
                fields=("contributor", "project"), name="repeat_score_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="repeatscore",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("agreement__gte", models.F("low")),
                    ("agreement__lte", models.F("high")),
                    ("high__lte", 1),
                    ("items__gt", 0),
                    ("low__gte", 0),
                ),
                name="repeat_score_shares",
            ),
        ),
        run(__file__, "repeats"),
    ]
