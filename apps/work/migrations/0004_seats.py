"""Qualifications are paid from seats, counted by tier: see sql/seats.sql."""

from django.db import migrations, models

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0003_seats"),
        ("projects", "0003_seats"),
        ("work", "0002_sql"),
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
        run(__file__, "seats"),
    ]
