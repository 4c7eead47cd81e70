"""`migrate` runs as the owner of the tables; the application's own role may not change them."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.core.management.commands.migrate import Command as DjangoMigrate


class Command(DjangoMigrate):
    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database="owner")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["database"] == "owner" and "owner" not in settings.DATABASES:
            message = "Set DATABASE_OWNER_URL: migrations run as the role that owns the tables."
            raise CommandError(message)
        super().handle(*args, **options)
