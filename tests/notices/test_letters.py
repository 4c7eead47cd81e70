"""E-mail: as each person chose, in their zone, sent at least once and never lost."""

import datetime as dt
from email.utils import parseaddr
from smtplib import SMTPRecipientsRefused, SMTPServerDisconnected

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import IntegrityError, transaction
from django.urls import reverse

from apps.core.errors import Invalid
from apps.core.tenancy import acting, system
from apps.notices import actions as notices
from apps.notices.enums import Group, Kind, Mail
from apps.notices.models import Preference
from apps.organizations.queries import actor_of

HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)


def tell(user, now, kind=Kind.REWORK, **words):
    notices.tell([user.id], kind=kind, now=now, **{"title": "Look at this", "url": "/x/", **words})


def choose(user, now, group, mail_="", *, is_in_page=True):
    with acting(actor_of(user)) as by:
        notices.choose(choices={group: (is_in_page, mail_)}, by=by, now=now)


def send(now):
    notices.gather(now=now)
    return notices.send_due(now=now)


class RefusingBackend(EmailBackend):
    """Raises what stands in `error`, once for each letter."""

    error: Exception | None = None
    asked = 0

    def send_messages(self, messages):
        type(self).asked += 1
        if self.error:
            raise self.error
        return super().send_messages(messages)


@pytest.fixture
def server(settings):
    settings.EMAIL_BACKEND = f"{__name__}.RefusingBackend"
    RefusingBackend.error, RefusingBackend.asked = None, 0
    mail.outbox = []
    return RefusingBackend


def test_a_letter_says_what_it_is_and_where_to_go(carol, now, settings):
    carol.time_zone = "Asia/Tokyo"
    carol.save()
    due = now + dt.timedelta(hours=27)
    tell(carol, now, title="Second\nround", body="Read <it> to the end.", due_at=due)
    assert send(now) == 1
    (letter,) = mail.outbox
    assert letter.subject == "[Wagefile] Second round"
    assert letter.to == [carol.email]
    html = letter.alternatives[0][0]
    for text in (letter.body, html):
        # Nine hours ahead of UTC: 3 March 12:00 UTC is 21:00 there.
        assert "3 Mar 2026, 21:00 JST" in text
        assert "in 1 day 3 h" in text
        assert text.count(f"{settings.SITE_URL}/x/") == 1
    assert "<it>" in letter.body
    assert "&lt;it&gt;" in html
    for loaded in ("<img", "<script", "src=", "<link", "url("):
        assert loaded not in html
    assert parseaddr(letter.extra_headers["Message-ID"])[1]
    assert letter.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert send(now) == 0
    assert len(mail.outbox) == 1


def test_what_is_chosen_holds(carol, dave, now, notice_of):
    choose(carol, now, Group.VERDICTS, Mail.NONE, is_in_page=False)
    for user in (carol, dave):
        tell(user, now)
    send(now)
    assert [letter.to for letter in mail.outbox] == [[dave.email]]
    assert not notice_of(carol, Kind.REWORK).is_in_page
    # Another group of hers is as it was.
    tell(carol, now, Kind.PAYOUT_SENT)
    send(now)
    assert mail.outbox[-1].to == [carol.email]


def test_due_process_cannot_be_switched_off(carol, now, notice_of):
    with pytest.raises(Invalid):
        choose(carol, now, Group.DUE_PROCESS, Mail.NONE)
    with acting(actor_of(carol)) as by:
        # Not by the address of an old letter either, nor past our code.
        notices.switch_off(groups=[Group.DUE_PROCESS], by=by, now=now)
        assert not Preference.objects.exists()
        with pytest.raises(IntegrityError), transaction.atomic():
            Preference.objects.create(user=carol, group=Group.DUE_PROCESS, mail=Mail.NONE)
    for group in Group:
        if group != Group.DUE_PROCESS:
            choose(carol, now, group, Mail.NONE, is_in_page=False)
    tell(carol, now, Kind.REJECTED)
    assert notice_of(carol, Kind.REJECTED).is_in_page
    assert send(now) == 1
    assert "List-Unsubscribe" not in mail.outbox[0].extra_headers
    assert "cannot be switched off" in mail.outbox[0].body


def test_the_summary_comes_at_eight_where_the_reader_is(carol, now, letters):
    # now is 9:00 UTC: 10:00 in Berlin, past the summary of the day.
    carol.time_zone = "Europe/Berlin"
    carol.save()
    choose(carol, now, Group.VERDICTS, Mail.DAILY)
    tell(carol, now, title="First")
    tell(carol, now + HOUR, title="Second")
    tomorrow = now.replace(hour=7) + DAY
    assert notices.summarise(now=now + 2 * HOUR) == 0
    assert notices.summarise(now=tomorrow - dt.timedelta(minutes=1)) == 0
    assert notices.summarise(now=tomorrow) == 1
    tell(carol, tomorrow, title="Of the next day")
    assert notices.summarise(now=tomorrow + HOUR) == 0
    assert send(tomorrow + HOUR) == 1
    (letter,) = mail.outbox
    assert letter.subject == "[Wagefile] Your day: 2 notices"
    assert "First" in letter.body and "Second" in letter.body
    assert "Of the next day" not in letter.body
    assert notices.summarise(now=tomorrow + DAY) == 1
    assert len(letters()) == 2


def test_a_day_without_news_has_no_letter(carol, now, letters):
    choose(carol, now, Group.VERDICTS, Mail.DAILY)
    assert notices.summarise(now=now + DAY) == 0
    assert letters() == []


def test_a_refused_letter_is_tried_again_under_its_name(carol, now, server, letters):
    tell(carol, now)
    server.error = SMTPRecipientsRefused({carol.email: (450, b"later")})
    assert send(now) == 0
    (kept,) = letters()
    assert (kept.tries, kept.sent_at) == (1, None)
    assert "later" in kept.error
    # Not at once again.
    assert send(now) == 0
    assert server.asked == 1
    at = kept.next_try_at
    assert send(at) == 0
    later = letters()[0].next_try_at
    assert later - at == dt.timedelta(minutes=2)
    server.error = None
    assert send(later) == 1
    assert mail.outbox[0].extra_headers["Message-ID"].startswith(f"<{kept.id}@")
    assert letters()[0].sent_at == later
    assert send(later + DAY) == 0


def test_no_refusal_ever_loses_a_letter(carol, now, server, letters):
    tell(carol, now)
    server.error = SMTPServerDisconnected("gone")
    at = now
    for _ in range(40):
        assert send(at) == 0
        at = letters()[0].next_try_at
    assert letters()[0].next_try_at - at <= dt.timedelta(hours=6)
    server.error = None
    assert send(at) == 1


def test_one_bad_address_holds_up_nobody(carol, dave, now, server):
    tell(carol, now)
    tell(dave, now)
    original = EmailBackend.send_messages

    def only_dave(self, messages):
        if messages[0].to == [carol.email]:
            raise SMTPRecipientsRefused({carol.email: (550, b"unknown")})
        return original(self, messages)

    server.send_messages, kept = only_dave, server.send_messages
    try:
        assert send(now) == 1
    finally:
        server.send_messages = kept
    assert mail.outbox[0].to == [dave.email]


def test_a_server_that_is_away_is_asked_once_a_round(carol, dave, now, server, letters):
    tell(carol, now)
    tell(dave, now)
    server.error = ConnectionRefusedError()
    assert send(now) == 0
    assert server.asked == 1
    server.error = None
    assert send(now + HOUR) == 2
    assert all(letter.sent_at for letter in letters())


def test_a_letter_whose_booking_was_lost_goes_out_under_the_same_name(carol, now, letters):
    tell(carol, now)
    send(now)
    with acting(system()):
        row = letters()[0]
        type(row).objects.filter(id=row.id).update(sent_at=None, next_try_at=now)
    send(now)
    first, second = mail.outbox
    assert first.extra_headers["Message-ID"] == second.extra_headers["Message-ID"]


def test_simulated_people_get_no_letter(carol, now, letters):
    carol.email = "carol@replay.invalid"
    carol.save()
    tell(carol, now)
    choose(carol, now, Group.VERDICTS, Mail.DAILY)
    tell(carol, now)
    assert send(now) == 0
    assert notices.summarise(now=now + DAY) == 0
    assert letters() == []


def test_switching_off_needs_no_sign_in_and_one_click(carol, now, client, notice_of):
    tell(carol, now)
    send(now)
    off = mail.outbox[0].extra_headers["List-Unsubscribe"].strip("<>")
    path = off.removeprefix("http://127.0.0.1:8000")
    assert "Switch them off" in client.get(path).content.decode()
    tell(carol, now)
    assert send(now) == 1, "looking alone switches nothing off"
    assert client.post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200
    tell(carol, now, title="Afterwards")
    assert send(now) == 0
    assert client.post(path[:-3] + "xx/").status_code == 404
    with acting(actor_of(carol)):
        assert Preference.objects.get().is_in_page


def test_switching_off_is_limited(carol, client, now):
    tell(carol, now)
    send(now)
    off = mail.outbox[0].extra_headers["List-Unsubscribe"].strip("<>")
    path = off.removeprefix("http://127.0.0.1:8000")
    statuses = [client.post(path).status_code for _ in range(31)]
    assert statuses[0] == 200
    assert statuses[-1] == 429


def test_the_preferences_page(client_of, carol, ada, now):
    url = reverse("notices:preferences")
    text = client_of(carol).get(url).content.decode()
    assert "Your answer was rejected" in text
    assert "due_process-mail" not in text
    assert "staff-mail" not in text
    assert "staff-mail" in client_of(ada).get(url).content.decode()
    client = client_of(carol)
    assert client.post(url, {"verdicts-mail": "daily"}).status_code == 302
    with acting(actor_of(carol)):
        row = Preference.objects.get(group=Group.VERDICTS)
    assert (row.is_in_page, row.mail) == (False, Mail.DAILY)
    assert client.post(url, {"verdicts-mail": "hourly"}).status_code == 422
