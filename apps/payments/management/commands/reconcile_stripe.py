"""`manage.py reconcile_stripe [--fetch]`: is every balance transaction of Stripe booked once?"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.core import clock
from apps.payments import actions as payments


class Command(BaseCommand):
    help = "Compare Stripe's books with the ledger; the result is kept for the administrators."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--fetch", action="store_true", help="ask Stripe for news first")

    def handle(self, *, fetch: bool, **_options: Any) -> None:
        found = payments.reconcile(now=clock.now(), is_fetching=fetch)
        for sentence in found.sentences:
            self.stdout.write(sentence)
        count = found.transactions
        if found.differences:
            raise CommandError(f"{found.differences} differences in {count} balance transactions.")
        self.stdout.write(f"{count} balance transactions, each booked once.")
