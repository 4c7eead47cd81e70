"""The terms: published, accepted at sign-up and again, never changed, and in nobody's way."""

import datetime as dt
import hashlib

import pytest
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.cache import cache
from django.db import transaction
from django.db.utils import DatabaseError
from django.urls import get_resolver, reverse

from apps.accounts import actions as accounts
from apps.accounts import queries
from apps.accounts.models import TermsAcceptance, TermsVersion, User
from apps.accounts.rules import differences, sections
from apps.audit.models import AuditEvent
from apps.core.errors import Conflict, Invalid, NotAllowed
from apps.core.tenancy import ANONYMOUS, acting
from apps.notices.models import Notice
from apps.organizations.models import Organization
from apps.work.models import Assignment
from tests.factories.accounts import PASSWORD
from tests.factories.accounts import user as make_user
from tests.test_urls import names

SIGN_UP = {
    "name": "Nina",
    "email": "nina@example.org",
    "password1": PASSWORD,
    "password2": PASSWORD,
    "terms": 1,
    "has_accepted": "on",
}
LATER = dt.timedelta(days=20)


@pytest.fixture(autouse=True)
def _no_limits_from_other_tests():
    cache.clear()


@pytest.fixture
def second(ada, as_, now):
    """Version 2, announced now; the moment from which it counts."""
    with acting(as_(ada)) as by:
        return accounts.publish_terms(
            body="One.\n\n## Two\n\nThree.",
            summary="Everything is shorter.",
            effective_at=now + LATER,
            by=by,
            now=now,
        )


def accept(user, as_, now, number=1):
    with acting(as_(user)) as by:
        return accounts.accept_terms(number=number, by=by, now=now)


def acceptances(user, as_):
    with acting(as_(user)):
        return list(
            TermsAcceptance.objects.filter(user=user)
            .order_by("version__number")
            .values_list("version__number", flat=True)
        )


# ── Versions ────────────────────────────────────────────────────────────────────────────────────


def test_the_first_version_is_there_with_its_hash(db):
    first = TermsVersion.objects.get(number=1)
    assert first.body_hash == hashlib.sha256(first.body.encode()).hexdigest()
    assert len(first.sections()) > 5


def test_publishing_numbers_hashes_and_tells_people(second, carol, ada, as_, now):
    assert (second.number, second.published_by) == (2, ada)
    assert second.body_hash == hashlib.sha256(second.body.encode()).hexdigest()
    with acting(as_(ada)):
        assert AuditEvent.objects.get(type="terms.published").data["hash"] == second.body_hash


def test_everybody_who_can_accept_is_told(carol, second, as_):
    with acting(as_(carol)):
        assert Notice.objects.get(kind="terms").body == "Everything is shorter."


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"effective_at": dt.timedelta(days=13)}, "effective_at"),
        ({"effective_at": dt.timedelta(days=19)}, "effective_at"),
        ({"body": "One.\r\n\r\n## Two\r\n\r\nThree.\r\n"}, "body"),
    ],
)
def test_what_publishing_refuses(change, field, second, ada, as_, now):
    """Too soon, before the version before it, the same text again."""
    words = {"body": "Four.", "summary": "x", "effective_at": dt.timedelta(days=40), **change}
    words["effective_at"] = now + words["effective_at"]
    with acting(as_(ada)) as by, pytest.raises(Invalid) as refused:
        accounts.publish_terms(**words, by=by, now=now)
    assert refused.value.field == field


@pytest.mark.parametrize("who", ["carol", "alice"])
def test_only_staff_publishes(who, request, acme, carol, as_, now):
    with acting(as_(request.getfixturevalue(who))) as by, pytest.raises(NotAllowed):
        accounts.publish_terms(body="x", summary="x", effective_at=now + LATER, by=by, now=now)


def test_no_version_and_no_acceptance_is_ever_changed(carol, ada, as_):
    for person in (carol, ada):
        with acting(as_(person)):
            for rows in (TermsVersion.objects.all(), TermsAcceptance.objects.all()):
                for change in (lambda r=rows: r.update(id=r[0].id), rows.delete):
                    with pytest.raises(DatabaseError), transaction.atomic():
                        change()


def test_the_database_lets_nobody_else_publish(carol, as_, now):
    with acting(as_(carol)), pytest.raises(DatabaseError), transaction.atomic():
        TermsVersion.objects.create(
            number=9, body="x", body_hash="x", summary="x", published_at=now, effective_at=now
        )


# ── Accepting ───────────────────────────────────────────────────────────────────────────────────


def test_accepting_is_a_row_and_an_event_once(ada, as_, now):
    nina = make_user("nina", has_accepted=False)
    first = accept(nina, as_, now)
    assert accept(nina, as_, now + LATER).id == first.id
    with acting(as_(ada)):
        event = AuditEvent.objects.get(type="terms.accepted", aggregate_id=nina.id)
        assert TermsAcceptance.objects.filter(user=nina).count() == 1
    assert event.data == {"version": 1, "hash": first.version.body_hash}
    assert event.actor_id == nina.id


def test_only_the_version_in_force_is_accepted(carol, second, as_, now):
    with pytest.raises(Conflict):
        accept(carol, as_, now, number=2)
    accept(carol, as_, now + LATER, number=2)
    with pytest.raises(Conflict):
        accept(carol, as_, now + LATER, number=1)


def test_neither_staff_nor_nobody_accepts(ada, as_, now):
    with pytest.raises(NotAllowed):
        accept(ada, as_, now)
    with acting(ANONYMOUS) as by, pytest.raises(NotAllowed):
        accounts.accept_terms(number=1, by=by, now=now)


def test_a_new_version_waits_for_people_from_its_moment_on(
    carol, ada, second, as_, now, django_assert_num_queries
):
    carol.refresh_from_db()
    before = second.effective_at - dt.timedelta(seconds=1)
    assert queries.terms_to_accept(carol, before) is None
    with django_assert_num_queries(0):
        assert queries.terms_to_accept(carol, before) is None
    assert queries.terms_to_accept(carol, second.effective_at) == second
    accept(carol, as_, second.effective_at, number=2)
    carol.refresh_from_db()
    for user in (carol, ada, AnonymousUser()):
        assert queries.terms_to_accept(user, second.effective_at) is None


# ── Signing up ──────────────────────────────────────────────────────────────────────────────────


def test_signing_up_accepts_the_version_that_was_shown(client, ada, as_, now):
    page = client.get(reverse("account_signup")).content.decode()
    assert reverse("terms:version", args=[1]) in page
    assert client.post(reverse("account_signup"), SIGN_UP).status_code == 302
    nina = User.objects.get(email="nina@example.org")
    assert acceptances(nina, as_) == [1]
    with acting(as_(ada)):
        event = AuditEvent.objects.get(type="terms.accepted")
    assert (event.actor_id, event.actor_kind, event.at) == (nina.id, "person", now)


def test_without_the_box_there_is_no_account(client, now, db):
    sent = {key: value for key, value in SIGN_UP.items() if key != "has_accepted"}
    page = client.post(reverse("account_signup"), sent).content.decode()
    assert "please accept them" in page
    assert 'value="Nina"' in page
    assert not User.objects.exists()


def test_a_version_that_came_in_between_has_to_be_read(client, second, clock_at, as_):
    clock_at(second.effective_at)
    page = client.post(reverse("account_signup"), SIGN_UP).content.decode()
    assert "New terms took effect while you read" in page
    assert 'name="terms" value="2"' in page
    assert reverse("terms:version", args=[2]) in page
    assert not User.objects.filter(email="nina@example.org").exists()
    assert client.post(reverse("account_signup"), SIGN_UP | {"terms": 2}).status_code == 302
    assert acceptances(User.objects.get(email="nina@example.org"), as_) == [2]


# ── The next action that binds ──────────────────────────────────────────────────────────────────


def test_the_addresses_that_bind_are_there():
    assert {name for name, _ in names(get_resolver())} >= settings.TERMS_BIND


def test_a_new_organization_waits_for_the_terms_and_then_is_made(
    client_of, gus, second, clock_at, as_
):
    clock_at(second.effective_at)
    client, address = client_of(gus), reverse("organizations:new")
    sent = {"name": "Gusto", "country": "US", "currency": "USD", "owners": "Gus"}
    stopped = client.post(address, sent, headers={"referer": f"http://testserver{address}"})
    assert stopped.status_code == 303
    assert stopped.url == f"{reverse('terms:accept')}?next={address.replace('/', '%2F')}"
    with acting(as_(gus)):
        assert not Organization.objects.exists()
    page = client.get(stopped.url).content.decode()
    assert "The terms have changed" in page
    assert "<ins>Three.</ins>" in page
    refused = client.post(stopped.url, {"terms": 2, "next": address})
    assert refused.status_code == 422
    assert f'name="next" value="{address}"' in refused.content.decode()
    done = client.post(stopped.url, {"terms": 2, "has_accepted": "on", "next": address})
    assert done.url == address
    assert acceptances(gus, as_) == [1, 2]
    client.post(address, sent)
    with acting(as_(gus)):
        assert Organization.objects.filter(name="Gusto").exists()


def test_the_version_that_was_ticked_is_the_one_that_counts(client_of, gus, second, clock_at, as_):
    clock_at(second.effective_at)
    answer = client_of(gus).post(reverse("terms:accept"), {"terms": 1, "has_accepted": "on"})
    assert answer.status_code == 422
    assert "Another version of the terms is in force now" in answer.content.decode()
    assert acceptances(gus, as_) == [1]


def test_a_claim_waits_and_what_was_taken_before_does_not(
    client_of, carol, acme, project, as_, now, clock_at, second
):
    """New work waits for the terms; the work in hand, its pay and its appeals do not."""
    listed = project(acme, qualification=0)
    client = client_of(carol)
    clock_at(now)
    client.post(
        reverse("work:enrol", args=[listed.id]),
        {"tier": "general", "has_consented": "on", "criteria": str(listed.criteria_id)},
    )
    assert client.post(reverse("work:claim", args=[listed.id])).status_code == 302
    with acting(as_(carol)):
        taken = Assignment.objects.get()
    clock_at(second.effective_at)
    for address in (
        reverse("work:beat", args=[taken.id]),
        reverse("work:submit", args=[taken.id]),
        reverse("work:give-back", args=[taken.id]),
        reverse("payments:request_payout"),
    ):
        answer = client.post(address)
        assert reverse("terms:accept") not in answer.headers.get("Location", ""), address
    stopped = client.post(reverse("work:claim", args=[listed.id]))
    assert stopped.headers["Location"] == reverse("terms:accept")
    by_htmx = client.post(reverse("work:claim", args=[listed.id]), headers={"HX-Request": "true"})
    assert by_htmx.headers["HX-Redirect"] == reverse("terms:accept")
    by_api = client.post(
        reverse("api:claims"), {"project": str(listed.id)}, content_type="application/json"
    )
    assert by_api.status_code == 409
    assert "Version 2 of the terms" in by_api.json()["detail"]


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:x"])
def test_one_is_never_sent_elsewhere(target, client_of, now):
    nina = make_user("nina", has_accepted=False)
    sent = {"terms": 1, "has_accepted": "on", "next": target}
    assert client_of(nina).post(reverse("terms:accept"), sent).url == reverse("home")


# ── Pages ───────────────────────────────────────────────────────────────────────────────────────


def test_the_page_of_versions_shows_what_changed(client, second):
    page = client.get(reverse("terms:versions")).content.decode()
    assert "<ins>Three.</ins>" in page
    assert "<del>Who can take part</del>" in page
    assert second.body_hash in page
    assert "Announced" in page


def test_staff_publishes_on_the_page(client_of, ada, as_, now):
    client, address = client_of(ada), reverse("terms:publish")
    soon = {"effective_at": "2026-03-03T09:00", "summary": "Less.", "body": "Less text."}
    refused = client.post(address, soon)
    assert refused.status_code == 422
    assert "Less text." in refused.content.decode()
    done = client.post(address, soon | {"effective_at": "2026-05-01T00:00"})
    assert done.url == reverse("terms:version", args=[2])
    page = client.get(reverse("terms:current")).content.decode()
    assert "Version 2 takes effect on 1 May 2026" in page


def test_sections_and_differences():
    text = "Before.\n\n## A\n\nOne\nline.\n\nTwo."
    assert [(part.heading, part.paragraphs) for part in sections(text)] == [
        ("", ["Before."]),
        ("A", ["One line.", "Two."]),
    ]
    found = differences(text, text.replace("Two.", "Three."))
    assert [(change.sign, change.text) for change in found] == [
        ("removed", "Two."),
        ("added", "Three."),
    ]
    assert differences(text, text) == []
