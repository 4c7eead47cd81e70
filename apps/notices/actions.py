"""Telling people. Called inside the action that they are told of."""

import datetime as dt
import uuid
from collections.abc import Iterable

from django.db import connection, transaction

from apps.core.tenancy import Actor
from apps.notices.models import Notice


def tell(
    user_ids: Iterable[uuid.UUID],
    *,
    kind: str,
    title: str,
    body: str = "",
    url: str = "",
    now: dt.datetime,
) -> None:
    """A notice for each person; the e-mail follows by the beat task."""
    Notice.objects.bulk_create(
        Notice(user_id=user_id, kind=kind, title=title[:200], body=body, url=url, created_at=now)
        for user_id in set(user_ids)
    )


def mark_read(*, by: Actor, now: dt.datetime) -> int:
    with transaction.atomic():
        return Notice.objects.visible_to(by).filter(read_at=None).update(read_at=now)


def mark_one_read(notice_id: uuid.UUID, *, by: Actor, now: dt.datetime) -> int:
    with transaction.atomic():
        unread = Notice.objects.visible_to(by).filter(id=notice_id, read_at=None)
        return unread.update(read_at=now)


def take(*, now: dt.datetime, how_many: int = 100) -> list[tuple]:
    """(id, user_id, title, body, url) of notices not yet sent; they count as sent from now on."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM notices_take(%s, %s)", [now, how_many])
        return cursor.fetchall()
