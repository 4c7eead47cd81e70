"""Celery entry points of the audit."""

from celery import shared_task

from apps.audit import actions as audit


@shared_task(name="audit.seal")
def seal() -> int:
    return audit.seal()
