"""`check_audit`: recompute every chain of evidence, or name the first row that does not fit."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.audit import queries
from apps.core.tenancy import Actor, acting


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        with acting(Actor(kind="staff")):
            proof = queries.verify()
        if proof.fault:
            raise CommandError(proof.fault)
        self.stdout.write(f"The evidence holds: {proof.events:,} events, {proof.seals:,} seals.")
