"""Migrations keep their SQL in files of the app's `sql/` folder; this reads them."""

from pathlib import Path

from django.conf import settings
from django.db.migrations import RunSQL


def run(migration_file: str, name: str) -> RunSQL:
    """RunSQL of `sql/<name>.sql` beside the migrations folder. Role names come from settings."""
    text = (Path(migration_file).parent.parent / "sql" / f"{name}.sql").read_text()
    text = text.replace("$APP", settings.APP_ROLE).replace(
        "$LEDGER_OWNER", settings.LEDGER_OWNER_ROLE
    )
    return RunSQL(text, reverse_sql=RunSQL.noop)
