"""Contact a person: a ticket with a number, letters to and fro, mail for those without an account.

Who has no account is nobody to PostgreSQL. Their ticket is opened, read and continued for the
platform, after the signed link that was mailed to them has been checked.
"""

import datetime as dt
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import connection, transaction
from django.urls import reverse

from apps.accounts.queries import staff_ids
from apps.audit import actions as audit
from apps.audit.actions import Event
from apps.cases.actions.records import written
from apps.cases.enums import TICKET_TRANSITIONS, TicketMail, TicketState, Topic
from apps.cases.models import Letter, Ticket
from apps.cases.permissions import check_platform, check_staff
from apps.cases.queries import id_of_link, link_of
from apps.cases.rules import LETTER_MINIMUM
from apps.core.errors import IllegalTransition, Invalid, NotAllowed, NotThere
from apps.core.tenancy import Actor, acting, system
from apps.notices import actions as notices
from apps.notices.enums import Kind as Notices

BATCH = 100


@transaction.atomic
def open_ticket(
    *, topic: str, subject: str, text: str, email: str = "", by: Actor, now: dt.datetime
) -> Ticket:
    """Ask a person. Without an account the answer is read by a link mailed to `email`."""
    if topic not in Topic.values:
        raise Invalid("Choose what it is about.", field="topic")
    subject = written(subject, field="subject", minimum=3, what="A subject")
    text = written(text, field="text", minimum=LETTER_MINIMUM, what="A message")
    if by.user_id is None and not email:
        raise Invalid("We need an e-mail address to send the answer to.", field="email")
    ticket = Ticket(
        number=_next_number(),
        user_id=by.user_id,
        email="" if by.user_id else email.strip().lower(),
        topic=topic,
        subject=subject,
        opened_at=now,
        due_at=now + _answer_time(),
        last_at=now,
        mail=TicketMail.NONE if by.user_id else TicketMail.RECEIVED,
    )
    with _owner(ticket, by):
        ticket.save(force_insert=True)
        _write(ticket, text, now=now)
    _record("ticket.opened", ticket, {"topic": topic}, by=by, now=now)
    _tell_staff(ticket, f"Ticket {ticket.number}: {ticket.get_topic_display()}", by=by, now=now)
    return ticket


@transaction.atomic
def write_again(*, ticket_id: uuid.UUID, text: str, by: Actor, now: dt.datetime) -> Ticket:
    """The person adds a letter to an own ticket; it waits for us again."""
    if by.user_id is None:
        raise NotThere("There is no such ticket.")
    own = Ticket.objects.visible_to(by).filter(id=ticket_id, user_id=by.user_id)
    return _continued(
        own.select_for_update(of=("self",), no_key=True).first(), text, by=by, now=now
    )


@transaction.atomic
def write_again_by_link(*, link: str, text: str, by: Actor, now: dt.datetime) -> Ticket:
    """The same for who came by the mailed link. NotThere when the link was not made by us."""
    ticket_id = id_of_link(link)
    with acting(system()):
        rows = Ticket.objects.filter(id=ticket_id, user=None).select_for_update(
            of=("self",), no_key=True
        )
        return _continued(rows.first(), text, by=by, now=now)


@transaction.atomic
def answer_ticket(*, ticket_id: uuid.UUID, text: str, by: Actor, now: dt.datetime) -> Ticket:
    """A named administrator answers; whoever asked gets a notice, or mail with the link."""
    staff_id = check_staff(by)
    rows = Ticket.objects.visible_to(by).select_for_update(of=("self",), no_key=True)
    ticket = rows.filter(id=ticket_id).first()
    if ticket is None:
        raise NotThere("There is no such ticket.")
    if ticket.user_id == staff_id:
        raise NotAllowed("Nobody answers their own ticket; another administrator does.")
    text = written(text, field="text", minimum=LETTER_MINIMUM, what="An answer")
    _move(ticket, TicketState.ANSWERED, now=now)
    _write(ticket, text, now=now, answered_by=staff_id)
    if ticket.user_id is None:
        ticket.mail = TicketMail.ANSWERED
        ticket.save(update_fields=["mail"])
    _record("ticket.answered", ticket, {"characters": len(text)}, by=by, now=now)
    if ticket.user_id:
        notices.tell(
            [ticket.user_id],
            kind=Notices.TICKET,
            title=f"Answer to your ticket {ticket.number}",
            body=ticket.subject,
            url=reverse("contact:ticket", args=[ticket.id]),
            now=now,
        )
    return ticket


@transaction.atomic
def ask_for_link(*, number: int, email: str) -> None:
    """Mail the link again, if number and address belong together. Says nothing of whether."""
    with acting(system()):
        rows = Ticket.objects.filter(number=number, user=None, email=email.strip().lower())
        # What waits to be mailed has the link in it.
        rows.filter(mail=TicketMail.NONE).update(mail=TicketMail.LINK)


MAILS = {
    TicketMail.RECEIVED: (
        "We have your message",
        "Your message has the number {number}; a person answers by {due:%-d %B %Y, %H:%M} UTC:",
    ),
    TicketMail.ANSWERED: (
        "There is an answer to your ticket",
        "A person has answered your ticket {number}. Read it here:",
    ),
    TicketMail.LINK: (
        "The link to your ticket",
        "You asked for the link to your ticket {number}:",
    ),
}


def mail_out(*, by: Actor) -> int:
    """Mail what waits. A mail server that refuses leaves the rows as they are."""
    check_platform(by)
    with transaction.atomic():
        rows = list(
            Ticket.objects.filter(user=None)
            .exclude(mail=TicketMail.NONE)
            .order_by("last_at")
            .select_for_update(of=("self",), no_key=True, skip_locked=True)[:BATCH]
        )
        mails = []
        for ticket in rows:
            title, text = MAILS[TicketMail(ticket.mail)]
            lines = text.format(number=ticket.number, due=ticket.due_at)
            url = settings.SITE_URL + reverse("contact:by-link", args=[link_of(ticket)])
            mails.append(
                EmailMessage(
                    f"[Wagefile] {title} ({ticket.number})",
                    f"{lines}\n\n{url}\n",
                    settings.DEFAULT_FROM_EMAIL,
                    [ticket.email],
                )
            )
        Ticket.objects.filter(id__in=[ticket.id for ticket in rows]).update(mail=TicketMail.NONE)
        for message in mails:
            message.send()
    return len(rows)


def forget(*, by: Actor, now: dt.datetime) -> int:
    """Erase answered tickets of people without an account when their time is over."""
    check_platform(by)
    before = now - dt.timedelta(days=settings.WAGEFILE["ticket_keep_days"])
    with transaction.atomic():
        old = Ticket.objects.filter(user=None, state=TicketState.ANSWERED, last_at__lt=before)
        gone = list(old.select_for_update(of=("self",), no_key=True, skip_locked=True)[:BATCH])
        for ticket in gone:
            _record("ticket.erased", ticket, {}, by=by, now=now)
        Ticket.objects.filter(id__in=[ticket.id for ticket in gone]).delete()
    return len(gone)


def _continued(ticket: Ticket | None, text: str, *, by: Actor, now: dt.datetime) -> Ticket:
    if ticket is None:
        raise NotThere("There is no such ticket.")
    text = written(text, field="text", minimum=LETTER_MINIMUM, what="A message")
    _write(ticket, text, now=now)
    if ticket.state != TicketState.WAITING:
        _move(ticket, TicketState.WAITING, now=now)
    _record("ticket.continued", ticket, {"characters": len(text)}, by=by, now=now)
    _tell_staff(ticket, f"Ticket {ticket.number} goes on", by=by, now=now)
    return ticket


def _move(ticket: Ticket, to: TicketState, *, now: dt.datetime) -> None:
    if to not in TICKET_TRANSITIONS[ticket.state]:
        raise IllegalTransition("This ticket is answered already; nothing new came since.")
    ticket.state = to
    if to == TicketState.WAITING:
        ticket.due_at = now + _answer_time()
    ticket.save(update_fields=["state", "due_at"])


def _write(
    ticket: Ticket, text: str, *, now: dt.datetime, answered_by: uuid.UUID | None = None
) -> None:
    Letter.objects.create(
        ticket=ticket, user_id=ticket.user_id, text=text, written_at=now, answered_by_id=answered_by
    )
    ticket.last_at = now
    ticket.save(update_fields=["last_at"])


@contextmanager
def _owner(ticket: Ticket, by: Actor) -> Iterator[Actor]:
    """Who writes the rows: the person, or the platform for somebody without an account."""
    if ticket.user_id:
        yield by
    else:
        with acting(system()) as platform:
            yield platform


def _next_number() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('cases_ticket_numbers')")
        return cursor.fetchone()[0]


def _answer_time() -> dt.timedelta:
    return dt.timedelta(hours=settings.WAGEFILE["ticket_answer_hours"])


def _tell_staff(ticket: Ticket, title: str, *, by: Actor, now: dt.datetime) -> None:
    notices.tell(
        [person for person in staff_ids() if person != by.user_id],
        kind=Notices.STAFF_TICKET,
        title=title,
        body=ticket.subject,
        url=reverse("contact:staff-ticket", args=[ticket.id]),
        now=now,
    )


def _record(name: str, ticket: Ticket, data: dict, *, by: Actor, now: dt.datetime) -> None:
    data = {"number": ticket.number, **data}
    audit.record(Event(name, ("ticket", ticket.id), data=data), by=by, now=now)
