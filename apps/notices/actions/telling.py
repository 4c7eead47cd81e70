"""Telling people. Called inside the action that they are told of."""

import datetime as dt
import uuid
from collections.abc import Collection, Iterable
from typing import Any

from django.db import connection, transaction

from apps.core.tenancy import Actor
from apps.notices.enums import ABOUT, Group, Kind, Mail
from apps.notices.models import Notice


def tell(
    user_ids: Iterable[uuid.UUID],
    *,
    kind: Kind,
    title: str,
    body: str = "",
    url: str = "",
    due_at: dt.datetime | None = None,
    key: str | None = None,
    now: dt.datetime,
) -> None:
    """A notice for each person; the e-mail follows by the beat task.

    `due_at` is the deadline that the notice is about: pages and e-mails show it in the reader's
    zone, so no text repeats it. With a `key` each person is told at most once, however often this
    is called. ValueError for a kind that `enums.Kind` does not list.
    """
    kind = Kind(kind)
    people = set(user_ids)
    wishes = _wishes(people, kind)
    Notice.objects.bulk_create(
        [
            _notice(
                user_id,
                kind,
                title,
                wishes[user_id],
                body=body,
                url=url,
                due_at=due_at,
                key=key,
                created_at=now,
            )
            for user_id in people
        ],
        ignore_conflicts=key is not None,
    )


def count_up(
    user_id: uuid.UUID,
    *,
    kind: Kind,
    more: int,
    tally: str,
    title: str,
    url: str = "",
    now: dt.datetime,
) -> None:
    """Tell equal news as one notice of the day with a count, until it is read or mailed."""
    kind = Kind(kind)
    of_day = f"{tally}:{now:%Y-%m-%d}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT notices_count_up(%s, %s, %s, %s)", [user_id, of_day, more, now])
        if cursor.fetchone()[0]:
            return
    notice = _notice(
        user_id, kind, title, _wishes([user_id], kind)[user_id],
        url=url, tally=of_day, count=more, created_at=now,
    )  # fmt: skip
    # As a list: only then Django asks for no row back, which this actor could not read.
    Notice.objects.bulk_create([notice])


def _notice(
    user_id: uuid.UUID, kind: Kind, title: str, wish: tuple[bool, Mail], **rest: Any
) -> Notice:
    """A row, not written yet, by the channels that the person wishes for this kind."""
    is_in_page, mail = wish
    return Notice(
        user_id=user_id, kind=kind, title=title[:200], is_in_page=is_in_page, mail=mail, **rest
    )


def _wishes(people: Collection[uuid.UUID], kind: Kind) -> dict[uuid.UUID, tuple[bool, Mail]]:
    """(in the page, e-mail) of each person for this kind; due process is no choice."""
    about = ABOUT[kind]
    wishes = dict.fromkeys(people, (True, about.mail))
    if about.is_mandatory or not people:
        return wishes
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT user_id, is_in_page, mail FROM notices_wishes(%s, %s)",
            [list(people), Group(about.group).value],
        )
        for user_id, is_in_page, mail in cursor.fetchall():
            wishes[user_id] = (is_in_page, Mail(mail) if mail else about.mail)
    return wishes


def mark_read(*, by: Actor, now: dt.datetime) -> int:
    with transaction.atomic():
        return Notice.objects.visible_to(by).unread().update(read_at=now)


def mark_one_read(notice_id: uuid.UUID, *, by: Actor, now: dt.datetime) -> int:
    with transaction.atomic():
        unread = Notice.objects.visible_to(by).filter(id=notice_id, read_at=None)
        return unread.update(read_at=now)
