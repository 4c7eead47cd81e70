"""`manage.py reconcile_stripe [--fetch]`: is every balance transaction of Stripe booked once?"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.core import clock
from apps.core.tenancy import Actor, acting
from apps.payments import actions as payments
from apps.payments.models import BalanceTxn
from apps.payments.queries import differences


class Command(BaseCommand):
    help = "Compare Stripe's stored balance transactions and balance with the ledger."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--fetch", action="store_true", help="ask Stripe for news first")

    def handle(self, *, fetch: bool, **_options: Any) -> None:
        if fetch:
            payments.fetch_balance(now=clock.now())
        with acting(Actor(kind="staff")):
            found = list(differences())
            count = BalanceTxn.objects.count()
        for sentence in found:
            self.stdout.write(sentence)
        if found:
            raise CommandError(f"{len(found)} differences in {count} balance transactions.")
        self.stdout.write(f"{count} balance transactions, each booked once.")
