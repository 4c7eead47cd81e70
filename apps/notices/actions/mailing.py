"""From notices to letters to the mail server: at least once, under one Message-ID, never lost.

A try has three steps, each committed by itself: note that it begins, hand the letter to the mail
server without an open transaction, note that it was taken. Whatever dies in between, the letter is
due again and goes out under the same Message-ID, by which mailboxes know the second copy.
"""

import datetime as dt
import logging
import uuid
from collections.abc import Callable
from smtplib import SMTPException, SMTPServerDisconnected
from zoneinfo import ZoneInfo

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import F, Min

from apps.core.tenancy import acting, system
from apps.notices import gateway
from apps.notices.enums import Mail
from apps.notices.models import Letter, Notice
from apps.notices.rules import DAY_BEGINS, summary_day, wait

log = logging.getLogger(__name__)

BATCH = 100
# Simulated people have addresses that no server will ever take.
NOWHERE = ".invalid"


def gather(*, now: dt.datetime) -> int:
    """A letter for each notice that is to be mailed at once; how many."""
    with acting(system()):
        waiting = Notice.objects.filter(mail=Mail.NOW, letter=None).order_by("created_at")
        rows = list(waiting.select_for_update(of=("self",), no_key=True, skip_locked=True)[:500])
        letters = []
        reachable = _reachable({row.user_id for row in rows})
        for row in rows:
            if row.user_id in reachable:
                row.letter = Letter(user_id=row.user_id, created_at=now, next_try_at=now)
                letters.append(row.letter)
            else:
                row.mail = Mail.NONE
        Letter.objects.bulk_create(letters)
        Notice.objects.bulk_update(rows, ["letter", "mail"])
    return len(letters)


def summarise(*, now: dt.datetime) -> int:
    """A letter a day for who wants that, at eight in the morning where they are; how many."""
    with acting(system()):
        first = dict(
            Notice.objects.filter(mail=Mail.DAILY, letter=None)
            .order_by()
            .values_list("user_id")
            .annotate(Min("created_at"))
        )
        zones = _reachable(set(first))
        Notice.objects.filter(
            mail=Mail.DAILY, letter=None, user_id__in=first.keys() - zones.keys()
        ).update(mail=Mail.NONE)
        return sum(
            _summarise_for(user_id, zone, now=now)
            for user_id, zone in zones.items()
            if first[user_id] < _begins(now, zone)
        )


def _begins(now: dt.datetime, zone: str) -> dt.datetime:
    day = summary_day(now, zone)
    return dt.datetime.combine(day, DAY_BEGINS, tzinfo=ZoneInfo(zone))


def _summarise_for(user_id: uuid.UUID, zone: str, *, now: dt.datetime) -> bool:
    """What came before this morning, in one letter; once a day even if the zone moves."""
    with transaction.atomic():
        day = summary_day(now, zone)
        Letter.objects.bulk_create(
            [Letter(user_id=user_id, day=day, created_at=now, next_try_at=now)],
            ignore_conflicts=True,
        )
        letter = Letter.objects.select_for_update(of=("self",), no_key=True).get(
            user_id=user_id, day=day
        )
        if letter.tries or letter.notices.exists():
            return False
        Notice.objects.filter(
            user_id=user_id, mail=Mail.DAILY, letter=None, created_at__lt=_begins(now, zone)
        ).update(letter=letter)
    return True


def _reachable(user_ids: set[uuid.UUID]) -> dict[uuid.UUID, str]:
    """The zone of everybody among these who has a mailbox."""
    people = get_user_model().objects.filter(id__in=user_ids).exclude(email__endswith=NOWHERE)
    return {row[0]: row[1] or "UTC" for row in people.values_list("id", "time_zone")}


def send_due(*, now: dt.datetime, clock: Callable[[], dt.datetime] | None = None) -> int:
    """Hand every letter that is due to the mail server; how many it took.

    The round ends when the server is away; what it refused is tried again, later and later.
    """
    taken = 0
    with gateway.MailServer() as server:
        for letter_id in _take(now):
            error = _send(letter_id, server, now=now)
            at = clock() if clock else now
            with acting(system()):
                mine = Letter.objects.filter(id=letter_id)
                if error is None:
                    mine.update(sent_at=at, error="")
                else:
                    mine.update(error=str(error)[:300])
            taken += error is None
            if _is_away(error):
                break
    return taken


def _is_away(error: Exception | None) -> bool:
    if isinstance(error, SMTPException):
        return isinstance(error, SMTPServerDisconnected)
    return isinstance(error, OSError)


def _take(now: dt.datetime) -> list[uuid.UUID]:
    with acting(system()):
        due = Letter.objects.filter(sent_at=None, next_try_at__lte=now).order_by("next_try_at")
        letters = list(due.select_for_update(of=("self",), no_key=True, skip_locked=True)[:BATCH])
        for letter in letters:
            letter.tries += 1
            letter.next_try_at = now + wait(letter.tries)
        Letter.objects.bulk_update(letters, ["tries", "next_try_at"])
    return [letter.id for letter in letters]


def _send(
    letter_id: uuid.UUID, server: gateway.MailServer, *, now: dt.datetime
) -> Exception | None:
    """None when the server has taken it. One letter that cannot be sent stops no other."""
    try:
        with acting(system()):
            letter = Letter.objects.select_related("user").get(id=letter_id)
            notices = list(letter.notices.order_by(F("due_at").asc(nulls_last=True), "created_at"))
        if notices:
            server.send(gateway.compose(letter, notices, now=now))
    except Exception as error:  # noqa: BLE001 -- kept on the row, and tried again
        log.warning("letter %s was not taken: %s", letter_id, error)
        return error
    return None
