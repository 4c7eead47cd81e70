"""Celery: how a task is sent after commit, and under whose name it runs."""

import datetime as dt
import logging
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, wraps
from typing import Any

from celery import current_app, shared_task
from django.db import connection, transaction

from apps.core import clock
from apps.core.tenancy import acting, system

log = logging.getLogger(__name__)


def enqueue(name: str, **kwargs: object) -> None:
    """Send an own task by name once the transaction is committed.

    The broker is only a bell: if it is down, the beat task of the app finds the row.
    """
    sent = {
        key: str(value) if isinstance(value, uuid.UUID) else value for key, value in kwargs.items()
    }
    transaction.on_commit(partial(_send, name, sent), robust=True)


def _send(name: str, kwargs: dict[str, object]) -> None:
    current_app.send_task(name, kwargs=kwargs)


def tenant_task(name: str, **options: Any) -> Callable:
    """A task `f(id, org_id, now)` that sees one organization's rows and no others.

    The message only says which row to look at: a pair that does not belong together finds none.
    """

    def decorate(function: Callable) -> Callable:
        @shared_task(name=name, **options)
        @wraps(function)
        def run(*, id: str, org_id: str) -> Any:  # noqa: A002 -- the word in the message
            with acting(system(uuid.UUID(org_id))) as actor:
                return function(id=uuid.UUID(id), by=actor, now=clock.now())

        return run

    return decorate


def pairs(function: str, *args: dt.datetime | int | str) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """(id, org_id) of what is due, from a narrow SECURITY DEFINER function of this app's SQL."""
    marks = ", ".join(["%s"] * len(args))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id, org_id FROM {function}({marks})", args)  # noqa: S608 -- own names
        return [(row[0], row[1]) for row in cursor.fetchall()]


@contextmanager
def one_at_a_time(key: str) -> Iterator[bool]:
    """Whether this process got the advisory lock of a sweep; a second sweep has nothing to add."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [key])
        got = bool(cursor.fetchone()[0])
    try:
        yield got
    finally:
        if got:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [key])
