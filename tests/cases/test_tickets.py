"""Contact a person: who writes, who reads, who answers, and what goes out by mail."""

import datetime as dt
import re

import pytest
from django.conf import settings
from django.core import mail
from django.core.cache import cache
from django.db import transaction
from django.db.utils import DatabaseError
from django.urls import reverse

from apps.audit.models import AuditEvent
from apps.cases import actions as cases
from apps.cases import queries, tasks
from apps.cases.enums import TICKET_TRANSITIONS, TicketState
from apps.cases.models import Letter, Ticket
from apps.core.errors import IllegalTransition, Invalid, NotAllowed, NotThere
from apps.core.tenancy import ANONYMOUS, acting, system
from apps.notices.models import Notice

WORDS = {"topic": "pay", "subject": "A payout", "text": "Where is my payout of Monday?"}
ADDRESS = "someone@example.org"
PEOPLE = ["carol", "dave", "alice", "gus", "ada", "adam"]


@pytest.fixture(autouse=True)
def _no_limits_from_other_tests():
    cache.clear()


@pytest.fixture
def ticket(carol, ada, as_, now):
    with acting(as_(carol)) as by:
        return cases.open_ticket(**WORDS, by=by, now=now)


@pytest.fixture
def stranger(ada, now):
    """The ticket of somebody without an account."""
    with acting(ANONYMOUS) as by:
        return cases.open_ticket(**WORDS, email=ADDRESS.upper(), by=by, now=now)


def answer(ticket, user, as_, now, text="It left on Tuesday."):
    with acting(as_(user)) as by:
        return cases.answer_ticket(ticket_id=ticket.id, text=text, by=by, now=now)


# ── Opening ─────────────────────────────────────────────────────────────────────────────────────


def test_a_ticket_has_a_number_a_time_and_tells_the_staff(ticket, carol, ada, as_, now):
    hours = settings.WAGEFILE["ticket_answer_hours"]
    assert ticket.number > 1000
    assert (ticket.state, ticket.due_at) == ("waiting", now + dt.timedelta(hours=hours))
    with acting(as_(ada)):
        notice = Notice.objects.get()
        event = AuditEvent.objects.get(type="ticket.opened")
    assert str(ticket.number) in notice.title
    assert notice.url == reverse("contact:staff-ticket", args=[ticket.id])
    assert "payout" not in str(event.data)


def test_numbers_are_never_given_twice(ticket, stranger):
    assert stranger.number == ticket.number + 1


@pytest.mark.parametrize(
    ("change", "field"),
    [({"topic": "x"}, "topic"), ({"subject": " "}, "subject"), ({"text": "Short."}, "text")],
)
def test_what_is_missing_is_said(change, field, carol, as_, now):
    with acting(as_(carol)) as by, pytest.raises(Invalid) as refused:
        cases.open_ticket(**{**WORDS, **change}, by=by, now=now)
    assert refused.value.field == field


def test_without_an_account_an_address_is_needed(db, now):
    with acting(ANONYMOUS) as by, pytest.raises(Invalid) as refused:
        cases.open_ticket(**WORDS, by=by, now=now)
    assert refused.value.field == "email"


# ── Who reads and writes ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("who", PEOPLE)
def test_who_reads_what(who, request, ticket, stranger, acme, globex, as_):
    user = request.getfixturevalue(who)
    with acting(as_(user)) as by:
        seen = set(Ticket.objects.visible_to(by))
        without_the_filter = set(Ticket._base_manager.all())
        letters = {letter.ticket_id for letter in Letter._base_manager.all()}
    wanted = {ticket, stranger} if user.is_staff else {ticket} if who == "carol" else set()
    assert seen == without_the_filter == wanted
    assert letters == {row.id for row in wanted}


def test_nobody_reads_without_the_link(ticket, stranger):
    with acting(ANONYMOUS) as by:
        assert not Ticket._base_manager.exists()
        assert not Letter._base_manager.exists()
        assert not Ticket.objects.visible_to(by).exists()


@pytest.mark.parametrize("who", PEOPLE)
def test_who_writes_on_and_who_answers(who, request, ticket, acme, globex, as_, now):
    """Only carol writes into her ticket; only staff answers it."""
    user = request.getfixturevalue(who)
    with acting(as_(user)) as by:
        if who == "carol":
            cases.write_again(ticket_id=ticket.id, text="And where now?", by=by, now=now)
        else:
            with pytest.raises(NotThere):
                cases.write_again(ticket_id=ticket.id, text="And where now?", by=by, now=now)
        if user.is_staff:
            assert (
                cases.answer_ticket(
                    ticket_id=ticket.id, text="On its way now.", by=by, now=now
                ).state
                == TicketState.ANSWERED
            )
        else:
            with pytest.raises(NotAllowed):
                cases.answer_ticket(ticket_id=ticket.id, text="On its way now.", by=by, now=now)


def test_nobody_answers_their_own(ada, adam, as_, now):
    with acting(as_(ada)) as by:
        own = cases.open_ticket(**WORDS, by=by, now=now)
        with pytest.raises(NotAllowed):
            cases.answer_ticket(ticket_id=own.id, text="Answered myself.", by=by, now=now)
    assert answer(own, adam, as_, now).state == TicketState.ANSWERED


@pytest.mark.parametrize("words", [{}, {"user": None}])
def test_the_database_lets_nobody_write_for_the_staff(words, ticket, carol, ada, as_, now):
    """An answer in ada's name, in an own ticket; a letter of nobody's."""
    values = {"user": carol, "answered_by": ada} | words
    with acting(as_(carol)), pytest.raises(DatabaseError), transaction.atomic():
        Letter.objects.create(ticket=ticket, text="All is paid.", written_at=now, **values)


def test_the_database_lets_nobody_write_into_the_ticket_of_another(ticket, dave, as_, now):
    with acting(as_(dave)), pytest.raises(DatabaseError), transaction.atomic():
        Letter.objects.create(ticket=ticket, user=dave, text="Mine?", written_at=now)


# ── Answers ─────────────────────────────────────────────────────────────────────────────────────


def test_an_answer_is_told_and_has_a_name(ticket, carol, ada, as_, now, client_of):
    answer(ticket, ada, as_, now)
    with acting(as_(carol)):
        assert Notice.objects.get().url == reverse("contact:ticket", args=[ticket.id])
    page = client_of(carol).get(reverse("contact:ticket", args=[ticket.id])).content.decode()
    assert "It left on Tuesday." in page
    assert "Ada, staff" in page


def test_the_table_of_states_holds(ticket, carol, ada, as_, now):
    answer(ticket, ada, as_, now)
    assert TICKET_TRANSITIONS[TicketState.ANSWERED] == {TicketState.WAITING}
    with pytest.raises(IllegalTransition):
        answer(ticket, ada, as_, now)
    later = now + dt.timedelta(days=9)
    with acting(as_(carol)) as by:
        assert Letter.objects.filter(ticket=ticket).count() == 2
        again = cases.write_again(ticket_id=ticket.id, text="It did not come.", by=by, now=later)
    assert again.state == TicketState.WAITING
    assert again.due_at > later


def test_the_whole_way_without_an_account(client, client_of, ada, as_, now):
    sent = client.post(reverse("contact:write"), WORDS | {"email": ADDRESS}, follow=True)
    number = re.search(r"has the number (\d+)", sent.content.decode())[1]
    assert tasks.mail() == 1
    assert tasks.mail() == 0
    assert mail.outbox[0].to == [ADDRESS]
    assert number in mail.outbox[0].subject
    link = re.search(rf"{re.escape(settings.SITE_URL)}(/\S+)", mail.outbox[0].body)[1]
    assert "Where is my payout of Monday?" in client.get(link).content.decode()

    staff = client_of(ada)
    queue = staff.get(reverse("contact:staff")).content.decode()
    assert ADDRESS in queue
    with acting(as_(ada)):
        row = Ticket.objects.get(number=number)
    done = staff.post(
        reverse("contact:staff-ticket", args=[row.id]), {"text": "It left on Tuesday."}
    )
    assert done.status_code == 302
    tasks.mail()
    assert mail.outbox[1].to == [ADDRESS]
    assert "It left" not in mail.outbox[1].body
    page = client.get(link)
    assert "It left on Tuesday." in page.content.decode()
    assert page.headers["Cache-Control"] == "no-store"
    assert client.post(link, {"text": "Thank you for that."}).status_code == 302
    with acting(as_(ada)):
        assert Ticket.objects.get(id=row.id).state == TicketState.WAITING


@pytest.mark.parametrize("change", [lambda t: t[:-1], lambda t: t[1:], lambda t: t.split(":")[0]])
def test_a_link_that_is_not_ours_opens_nothing(change, stranger, client, now):
    token = queries.link_of(stranger)
    assert client.get(reverse("contact:by-link", args=[token])).status_code == 200
    address = reverse("contact:by-link", args=[change(token)])
    assert client.get(address).status_code == 404
    assert client.post(address, {"text": "Let me in, please."}).status_code == 404


def test_a_link_opens_no_ticket_of_an_account(ticket, client, now):
    address = reverse("contact:by-link", args=[queries.link_of(ticket)])
    assert client.get(address).status_code == 404
    assert client.post(address, {"text": "Let me in, please."}).status_code == 404


@pytest.mark.parametrize(("email", "mails"), [(ADDRESS, 1), ("other@example.org", 0)])
def test_the_link_once_more_goes_to_its_own_address_only(email, mails, stranger, client, now):
    tasks.mail()
    mail.outbox.clear()
    sent = {"number": stranger.number, "email": email}
    page = client.post(reverse("contact:link"), sent, follow=True)
    assert "If number and address belong together" in page.content.decode()
    tasks.mail()
    assert [message.to for message in mail.outbox] == [[ADDRESS]] * mails


def test_a_mail_server_that_refuses_loses_nothing(stranger, monkeypatch):
    def refuse(*_args):
        raise ConnectionRefusedError

    with monkeypatch.context() as patch:
        patch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", refuse)
        with pytest.raises(ConnectionRefusedError):
            tasks.mail()
    assert tasks.mail() == 1


def test_mail_and_erasing_are_the_marketplaces_own(carol, acme, as_, now):
    for actor in (as_(carol), system(acme.id)):
        with acting(actor) as by:
            with pytest.raises(NotAllowed):
                cases.mail_out(by=by)
            with pytest.raises(NotAllowed):
                cases.forget(by=by, now=now)


def test_only_old_and_answered_tickets_without_an_account_are_erased(
    ticket, stranger, ada, as_, now
):
    keep = dt.timedelta(days=settings.WAGEFILE["ticket_keep_days"])
    answer(ticket, ada, as_, now)

    def forgotten(at):
        with acting(system()) as by:
            return cases.forget(by=by, now=at)

    assert forgotten(now + 2 * keep) == 0  # it still waits for an answer
    answer(stranger, ada, as_, now)
    assert forgotten(now + keep) == 0
    assert forgotten(now + keep + dt.timedelta(seconds=1)) == 1
    with acting(as_(ada)):
        assert list(Ticket.objects.all()) == [ticket]
        assert set(Letter.objects.values_list("ticket_id", flat=True)) == {ticket.id}


# ── Pages ───────────────────────────────────────────────────────────────────────────────────────


def test_looking_at_the_queue_and_a_ticket_is_written_down(ticket, ada, client_of, as_):
    client = client_of(ada)
    client.get(reverse("contact:staff"))
    client.get(reverse("contact:staff-ticket", args=[ticket.id]))
    with acting(as_(ada)):
        rows = [event.data["rows"] for event in AuditEvent.objects.filter(type="staff.viewed")]
    assert rows == [[f"ticket:{ticket.id}"]] * 2


def test_what_was_typed_comes_back(client, client_of, carol, now):
    sent = WORDS | {"email": "no address", "text": "Where is the payout?"}
    page = client.post(reverse("contact:write"), sent)
    assert page.status_code == 422
    assert "Where is the payout?" in page.content.decode()
    page = client_of(carol).post(reverse("contact:write"), WORDS | {"text": "Short."})
    assert page.status_code == 422
    assert "at least 10 characters" in page.content.decode()


def test_a_topic_in_the_address_is_chosen(client, db):
    page = client.get(reverse("contact:write"), {"topic": "safety"}).content.decode()
    assert 'value="safety" selected' in page


def test_strangers_are_limited_by_address_of_the_network_and_of_the_mail(client, db, now):
    limit = settings.WAGEFILE["tickets_per_hour"]

    def post(ip, email):
        sent = WORDS | {"email": email}
        return client.post(reverse("contact:write"), sent, REMOTE_ADDR=ip).status_code

    assert [post("10.0.0.1", f"{n}@example.org") for n in range(limit)] == [302] * limit
    assert post("10.0.0.1", "another@example.org") == 422
    assert [post(f"10.0.1.{n}", ADDRESS) for n in range(limit)] == [302] * limit
    assert post("10.0.2.1", ADDRESS.upper()) == 422
    assert post("10.0.2.1", "free@example.org") == 302
