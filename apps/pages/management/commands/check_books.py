"""`check_books`: the books over all floors; names the first row that breaks and exits with 1."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.core import clock
from apps.core.tenancy import Actor, acting
from apps.pages import checks


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        with acting(Actor(kind="staff")):
            for result in checks.run(clock.now()):
                if result.fault:
                    raise CommandError(f"{result.title}: no. {result.fault}")
                self.stdout.write(f"{result.title}: yes.")
