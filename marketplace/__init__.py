"""The Django project: settings, addresses, Celery and the two server entry points."""

from marketplace.celery import app as celery_app

__all__ = ["celery_app"]
