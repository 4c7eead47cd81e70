"""The Celery application. Queues: default, money, gpu. The table is the queue of record."""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
# Each worker process computes with one thread, unless told otherwise: several that each take all
# cores wait for each other, and what a run is metered grows with it.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

app = Celery("marketplace")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect
def check_role(**_: Any) -> None:
    """A worker refuses to start with a role that row-level security does not bind."""
    from marketplace.startup import refuse_unsafe_role  # noqa: PLC0415 -- needs the apps

    refuse_unsafe_role()
