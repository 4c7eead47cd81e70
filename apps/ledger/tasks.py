"""Celery entry points of the ledger: the deadlines of holds."""

from celery import shared_task

from apps.core import clock
from apps.core.tenancy import Actor, acting
from apps.ledger import actions as ledger


@shared_task(name="ledger.expire")
def expire() -> int:
    """Give back every hold whose deadline has come; how many."""
    with acting(Actor(kind="staff")):
        return ledger.expire(clock.now())
