"""The mail server: how a letter is written, handed over, and kept by the demo instead."""

import datetime as dt
import uuid
from collections.abc import Sequence
from email.utils import format_datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from django.conf import settings
from django.core import signing
from django.core.mail import EmailMultiAlternatives, mailers
from django.core.mail.backends.filebased import EmailBackend as FileBackend
from django.core.mail.message import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from apps.core import clock
from apps.notices.enums import ABOUT, MANDATORY, Group, Kind
from apps.notices.models import DemoMail, Letter, Notice
from apps.notices.rules import zone_of

SALT = "notices.off"


class MailServer:
    """One connection for a round; it is opened by the first letter."""

    def __enter__(self) -> Self:
        self._connection = mailers.default
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._connection.close()

    def send(self, message: EmailMessage) -> None:
        """Raises what the server says, or OSError when there is none."""
        try:
            self._connection.open()
            count = self._connection.send_messages([message])
        except Exception:
            # The next letter begins with a connection in a known state.
            self._connection.close()
            raise
        if not count:
            raise OSError("The mail server took nothing.")


def compose(letter: Letter, notices: Sequence[Notice], *, now: dt.datetime) -> EmailMessage:
    """The letter as text and as simple HTML, with its times in the reader's zone."""
    groups = [group for group in _groups(notices) if group not in MANDATORY]
    off = settings.SITE_URL + reverse("notices:off", args=[sign_off(letter.user_id, groups)])
    list_url = settings.SITE_URL + reverse("notices:list")
    context = {
        "notices": notices,
        "is_summary": letter.day is not None,
        "site_url": settings.SITE_URL,
        "link": settings.SITE_URL + notices[0].url if notices[0].url else list_url,
        "list_url": list_url,
        "off_url": off if groups else "",
        "now": now,
    }
    with timezone.override(zone_of(letter.user.time_zone)):
        text = render_to_string("notices/letter.txt", context)
        html = render_to_string("notices/letter.html", context)
    headers = {
        "Message-ID": f"<{letter.id}@{urlsplit(settings.SITE_URL).hostname}>",
        "Date": format_datetime(letter.created_at),
        "Auto-Submitted": "auto-generated",
    }
    if groups:
        headers["List-Unsubscribe"] = f"<{off}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message = EmailMultiAlternatives(
        f"[Wagefile] {_subject(letter, notices)}",
        text,
        settings.DEFAULT_FROM_EMAIL,
        [letter.user.email],
        headers=headers,
    )
    message.attach_alternative(html, "text/html")
    return message


def _subject(letter: Letter, notices: Sequence[Notice]) -> str:
    if letter.day is None:
        return notices[0].headline
    count = len(notices)
    return f"Your day: {count} notice{'' if count == 1 else 's'}"


def _groups(notices: Sequence[Notice]) -> list[Group]:
    return sorted({ABOUT[Kind(notice.kind)].group for notice in notices})


def sign_off(user_id: uuid.UUID, groups: Sequence[Group]) -> str:
    """What the unsubscribe address of a letter carries: whose letter, about what."""
    return signing.dumps([str(user_id), [str(group) for group in groups]], salt=SALT)


def read_off(token: str) -> tuple[uuid.UUID, list[Group]]:
    """The opposite of `sign_off`. Raises signing.BadSignature; an old letter still works."""
    user_id, groups = signing.loads(token, salt=SALT)
    return uuid.UUID(user_id), [Group(group) for group in groups]


class DemoBackend(FileBackend):
    """The demo's mail server: everything stays on this machine, and its outbox page shows it."""

    def send_messages(self, email_messages: Sequence[Any]) -> int:
        DemoMail.objects.bulk_create(
            DemoMail(
                to=", ".join(message.to)[:300],
                subject=message.subject[:300],
                text=message.body,
                html=next(
                    (
                        part[0]
                        for part in getattr(message, "alternatives", [])
                        if part[1] == "text/html"
                    ),
                    "",
                ),
                headers=dict(message.extra_headers),
                at=clock.now(),
            )
            for message in email_messages
        )
        return super().send_messages(email_messages)
