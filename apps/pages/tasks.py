"""Celery entry point of the demo's clock."""

from celery import shared_task

from apps.pages.actions import time_machine


@shared_task(name="pages.keep_time")
def keep_time() -> int:
    """Carry on a move of the clock, and keep the calendar where beat does not."""
    return time_machine.keep_time()
