"""Embedded PostgreSQL and Valkey, and the one-command demo. Knows nothing of Django.

In production both are ordinary servers named by `DATABASE_URL` and `CELERY_BROKER_URL`, and
nothing of this package runs.
"""

from marketplace.runtime.instance import Environment, ensure, environment, release, stop
from marketplace.runtime.places import RuntimeFault

__all__ = ["Environment", "RuntimeFault", "ensure", "environment", "release", "stop"]
