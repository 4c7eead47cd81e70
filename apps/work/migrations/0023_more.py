"""A round says how many accepted answers its learning curve looks ahead."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("work", "0022_plan_statement"),
    ]

    operations = [
        migrations.AddField(
            model_name="liftround",
            name="further",
            field=models.PositiveIntegerField(
                help_text="Accepted answers that a learning curve looks ahead", null=True
            ),
        ),
        migrations.AlterField(
            model_name="liftround",
            name="reason",
            field=models.CharField(
                choices=[
                    ("asked", "Asked for by the buyer"),
                    ("more", "Before buying more data: asked for by the buyer"),
                    ("round", "After a settlement"),
                    ("close", "At the close: it pays the pool"),
                    ("contest", "A contest: repeated by an administrator"),
                ],
                max_length=8,
            ),
        ),
        migrations.AlterField(
            model_name="liftscore",
            name="reason",
            field=models.CharField(
                choices=[
                    ("asked", "Asked for by the buyer"),
                    ("more", "Before buying more data: asked for by the buyer"),
                    ("round", "After a settlement"),
                    ("close", "At the close: it pays the pool"),
                    ("contest", "A contest: repeated by an administrator"),
                ],
                max_length=8,
            ),
        ),
    ]
