from django.db import migrations

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [("work", "0019_lift")]

    operations = [run(__file__, "qualification_contests")]
