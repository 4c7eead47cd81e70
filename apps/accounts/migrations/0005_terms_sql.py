"""Walls round the terms (sql/terms.sql), and their first version (sql/terms-1.txt)."""

import datetime as dt
import hashlib
from pathlib import Path

from django.db import migrations

from apps.core.sqlfiles import run

TEXT = Path(__file__).parent.parent / "sql" / "terms-1.txt"
# Before anybody could sign up.
SINCE = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def first_version(apps, _schema_editor):
    body = TEXT.read_text(encoding="utf-8")
    apps.get_model("accounts", "TermsVersion").objects.create(
        number=1,
        body=body,
        body_hash=hashlib.sha256(body.encode()).hexdigest(),
        summary="The first version.",
        published_at=SINCE,
        effective_at=SINCE,
    )


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_terms"), ("core", "0002_sql")]

    operations = [
        migrations.RunPython(first_version, migrations.RunPython.noop),
        run(__file__, "terms"),
    ]
