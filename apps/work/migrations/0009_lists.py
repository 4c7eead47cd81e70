"""Indexes that lists are read by, and sums of a contributor: see sql/earnings.sql."""

import apps.core.ids
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [
        ("organizations", "0002_sql"),
        ("projects", "0005_gold_in_use"),
        ("work", "0008_unscored"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Earnings",
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
                ("currency", models.CharField(max_length=3)),
                ("gross", models.BigIntegerField()),
                ("fee", models.BigIntegerField()),
                ("net", models.BigIntegerField()),
                ("active_seconds", models.PositiveBigIntegerField()),
                ("assignments", models.PositiveIntegerField()),
            ],
        ),
        migrations.RemoveIndex(
            model_name="assignment",
            name="assignment_of_project",
        ),
        migrations.AddIndex(
            model_name="assignment",
            index=models.Index(
                fields=["project", "state", "review_due_at"], name="assignment_queue"
            ),
        ),
        migrations.AddIndex(
            model_name="assignment",
            index=models.Index(
                condition=models.Q(("state__in", ["accepted", "rejected", "overturned", "final"])),
                fields=["project", "ended_at"],
                name="assignment_decided",
            ),
        ),
        migrations.AddIndex(
            model_name="assignment",
            index=models.Index(
                fields=["contributor", "state", "claimed_at"], name="assignment_person_state"
            ),
        ),
        migrations.AddIndex(
            model_name="earningline",
            index=models.Index(fields=["contributor", "net"], name="line_by_net"),
        ),
        migrations.AddField(
            model_name="earnings",
            name="contributor",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="%(class)ss",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="earnings",
            name="org",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="organizations.organization",
            ),
        ),
        migrations.AddField(
            model_name="earnings",
            name="project",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="%(class)ss",
                to="projects.project",
            ),
        ),
        migrations.AddConstraint(
            model_name="earnings",
            constraint=models.UniqueConstraint(
                fields=("contributor", "project"), name="earnings_once"
            ),
        ),
        run(__file__, "earnings"),
    ]
