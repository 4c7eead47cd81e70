"""Answers of models and labelling functions, imported beside the items."""

import apps.core.ids
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [
        ("organizations", "0006_membership"),
        ("projects", "0010_asked"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AnnotatorAnswer",
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
                    "kind",
                    models.CharField(
                        choices=[("model", "Model"), ("function", "Labelling function")],
                        max_length=8,
                    ),
                ),
                ("annotator", models.CharField(max_length=80)),
                ("answer", models.JSONField()),
                ("answer_key", models.CharField(max_length=200)),
            ],
        ),
        migrations.CreateModel(
            name="StagedAnswer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("line", models.PositiveIntegerField()),
                ("annotator", models.CharField(max_length=80)),
                ("answer", models.JSONField()),
                ("answer_key", models.CharField(max_length=200)),
            ],
        ),
        migrations.AddField(
            model_name="itemimport",
            name="annotators",
            field=models.CharField(
                blank=True,
                choices=[("model", "Model"), ("function", "Labelling function")],
                db_default="",
                help_text="Empty: items",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="itemimport",
            name="withdrawn_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddConstraint(
            model_name="itemimport",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("withdrawn_at", None),
                    models.Q(models.Q(("annotators", ""), _negated=True), ("state", "done")),
                    _connector="OR",
                ),
                name="import_withdrawn_of_answers",
            ),
        ),
        migrations.AddField(
            model_name="annotatoranswer",
            name="item",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="annotator_answers",
                to="projects.item",
            ),
        ),
        migrations.AddField(
            model_name="annotatoranswer",
            name="load",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="answers",
                to="projects.itemimport",
            ),
        ),
        migrations.AddField(
            model_name="annotatoranswer",
            name="org",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="organizations.organization",
            ),
        ),
        migrations.AddField(
            model_name="annotatoranswer",
            name="project",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="annotator_answers",
                to="projects.project",
            ),
        ),
        migrations.AddField(
            model_name="stagedanswer",
            name="item",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="projects.item"
            ),
        ),
        migrations.AddField(
            model_name="stagedanswer",
            name="load",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="staged_answers",
                to="projects.itemimport",
            ),
        ),
        migrations.AddField(
            model_name="stagedanswer",
            name="org",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="organizations.organization",
            ),
        ),
        migrations.AddIndex(
            model_name="annotatoranswer",
            index=models.Index(fields=["project", "id"], name="annotator_answer_of_project"),
        ),
        migrations.AddConstraint(
            model_name="annotatoranswer",
            constraint=models.UniqueConstraint(
                fields=("item", "kind", "annotator"), name="annotator_answer_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="stagedanswer",
            constraint=models.UniqueConstraint(
                fields=("load", "item", "annotator"), name="staged_answer_once"
            ),
        ),
        run(__file__, "annotators"),
    ]
