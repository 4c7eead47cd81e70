"""Long batches in time that grows with their length: see sql/post.sql, which an older
0007_writer did not have."""

from django.db import migrations

from apps.core.sqlfiles import run


class Migration(migrations.Migration):
    dependencies = [("ledger", "0008_incoming")]

    operations = [run(__file__, "post")]
