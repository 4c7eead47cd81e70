"""E-mail for notices."""

from celery import shared_task

from apps.core import clock
from apps.notices import actions as notices


@shared_task(name="notices.send")
def send() -> int:
    """Mail what is to be mailed at once, and what a mail server has refused before."""
    now = clock.now()
    notices.gather(now=now)
    return notices.send_due(now=now)


@shared_task(name="notices.summarise")
def summarise() -> int:
    return notices.summarise(now=clock.now())
