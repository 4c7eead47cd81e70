"""Celery entry points of the demo's clock and of the checks of the books."""

from celery import shared_task

from apps.core import clock
from apps.pages import checks
from apps.pages.actions import time_machine


@shared_task(name="pages.keep_time")
def keep_time() -> int:
    """Carry on a move of the clock, and keep the calendar where beat does not."""
    return time_machine.keep_time()


@shared_task(name="pages.check_books")
def check_books() -> str:
    """Check the books, keep the result; what breaks them, or nothing."""
    return checks.keep(clock.now()).fault
