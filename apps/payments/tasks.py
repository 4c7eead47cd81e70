"""The money queue. Each task may run twice, late or not at all: the rows say what is left to do."""

from celery import shared_task

from apps.core import clock
from apps.core.tenancy import system
from apps.payments import actions as payments


@shared_task(name="payments.push_outbox")
def push_outbox() -> None:
    payments.push_outbox(now=clock.now())


@shared_task(name="payments.take_events")
def take_events() -> None:
    payments.take_events(now=clock.now())


@shared_task(name="payments.fetch_balance")
def fetch_balance() -> None:
    now = clock.now()
    payments.catch_up(now=now)
    payments.fetch_balance(now=now)


@shared_task(name="payments.top_up")
def top_up() -> None:
    payments.top_up(now=clock.now())


@shared_task(name="payments.reconcile")
def reconcile() -> None:
    payments.reconcile(now=clock.now())


@shared_task(name="payments.watch_holds")
def watch_holds() -> None:
    payments.watch_holds(now=clock.now())


@shared_task(name="payments.weekly")
def weekly() -> None:
    payments.pay_weekly(by=system(), now=clock.now())
