"""`check_ledger`: prove the books from the transfers alone, or name the first row that breaks."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.core.tenancy import Actor, acting
from apps.ledger import queries


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        with acting(Actor(kind="staff")):
            proof = queries.prove()
        if proof.fault:
            raise CommandError(proof.fault)
        self.stdout.write(
            f"The ledger balances: {proof.transfers:,} transfers, {proof.accounts:,} accounts."
        )
