"""Qualifications are paid from seats, counted by tier: see sql/seats.sql."""

import django.db.models.deletion
from django.db import migrations, models

import apps.core.ids
from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0003_seats"),
        ("organizations", "0001_initial"),
        ("projects", "0003_seats"),
        ("work", "0003_claim"),
    ]

    operations = [
        migrations.AddField(
            model_name="assignment",
            name="funded_from",
            field=models.CharField(
                choices=[("held", "Held"), ("seats", "Seats")], default="held", max_length=12
            ),
        ),
        migrations.AddIndex(
            model_name="assignment",
            index=models.Index(
                condition=models.Q(("kind", "qualification")),
                fields=["project", "tier", "contributor", "attempt"],
                name="assignment_attempts",
            ),
        ),
        migrations.AddConstraint(
            model_name="assignment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("funded_from", "seats"), _negated=True),
                    ("kind", "qualification"),
                    _connector="OR",
                ),
                name="assignment_seats_are_for_qualifications",
            ),
        ),
        migrations.CreateModel(
            name="SeatCount",
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
                ("tier", models.CharField(max_length=40)),
                ("taken", models.PositiveIntegerField()),
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
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("project", "tier"), name="seat_count_once")
                ],
            },
        ),
        run(__file__, "seats"),
    ]
