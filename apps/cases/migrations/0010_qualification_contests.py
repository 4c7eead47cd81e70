from django.db import migrations

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [("cases", "0009_lift_contests"), ("work", "0020_qualification_contests")]

    operations = [run(__file__, "qualification_contests")]
