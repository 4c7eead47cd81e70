"""The administrator's page, frozen rejections, and the checks of the books."""

import datetime as dt

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from apps.cases.models import Case
from apps.core.ids import uuid7
from apps.core.tenancy import Actor, acting, system
from apps.ledger import actions as ledger
from apps.notices.enums import Kind as Notices
from apps.notices.models import Notice
from apps.organizations.queries import actor_of
from apps.pages import checks
from apps.pages.models import BooksCheck
from apps.pages.tasks import check_books
from apps.payments.models import OutboxCall, StripeBalance
from apps.projects.models import Project
from apps.scoring.models import ScoringRun
from apps.work import actions as work
from apps.work.models import Assignment
from tests.factories import ledger as money

STAFF = Actor(kind="staff")
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def published(acme, project) -> Project:
    return project(acme, limits={"newcomer_share_percent": 100}, gold=0, qualification=0)


@pytest.fixture
def claimed(published, carol, now) -> Assignment:
    person = actor_of(carol)
    with acting(person):
        work.enrol(project_id=published.id, tier="general", has_consented=True, by=person, now=now)
        return work.claim(project_id=published.id, by=person, now=now)


def faults(now: dt.datetime) -> dict[str, str]:
    with acting(STAFF):
        return {result.title: result.fault for result in checks.run(now) if result.fault}


def balance(amount: int, *, at: dt.datetime) -> None:
    with acting(system()):
        StripeBalance.objects.create(currency="USD", available=amount, pending=0, fetched_at=at)


def test_the_books_of_a_working_marketplace_hold(claimed, now, capsys):
    balance(500_00, at=now)
    call_command("check_books")
    out = capsys.readouterr().out
    assert out.count(": yes.") == 10
    assert faults(now) == {}


def test_an_overdue_window_is_named(claimed, now, clock_at):
    late = now + dt.timedelta(minutes=30) + HOUR
    assert faults(late) == {}
    clock_at(late + dt.timedelta(seconds=1))
    with pytest.raises(CommandError, match=str(claimed.id)):
        call_command("check_books")


def test_an_overdue_case_is_named(carol, ada, now):
    with acting(STAFF):
        case = Case.objects.create(
            kind="deactivation", contributor=carol, opened_by=ada, opened_at=now, reason="x",
            due_at=now,
        )  # fmt: skip
    assert faults(now) == {}
    (fault,) = faults(now + HOUR).values()
    assert str(case.id) in fault


def test_a_stuck_call_is_named(db, now):
    with acting(system()):
        call = OutboxCall.objects.create(
            kind="transfer", subject_id=uuid7(), ledger_transfer_id=uuid7(), idempotency_key="k",
            params={}, next_try_at=now, created_at=now, error="Stripe is down",
        )  # fmt: skip
    assert faults(now + HOUR) == {}
    (fault,) = faults(now + HOUR + dt.timedelta(seconds=1)).values()
    assert str(call.id) in fault
    assert "Stripe is down" in fault


def test_missing_money_at_stripe_is_a_fault(published, now):
    balance(499_99, at=now)
    found = faults(now)
    assert "$500.00 belongs to others" in found["Stripe holds at least what belongs to others"]
    assert "$499.99" in found["The mirror of Stripe equals the balance that Stripe told last"]


def test_the_mirror_is_compared_as_of_the_balance(published, acme, funded, now):
    balance(500_00, at=now)
    with acting(system(acme.id)):
        later = money.entry(
            money.stripe_account(), money.wallet(acme.id), 700, at=now + HOUR, code="funding"
        )
        ledger.post([later])
    # Stripe told its balance before; only the solvency looks at what belongs to others now.
    assert list(faults(now + 2 * HOUR)) == ["Stripe holds at least what belongs to others"]


def test_reserves_that_nobody_booked_are_named(claimed, now):
    with acting(STAFF):
        Assignment.objects.filter(id=claimed.id).update(held_pay=claimed.held_pay + 1)
    (fault,) = faults(now).values()
    assert str(claimed.project_id) in fault


def test_pay_held_for_decided_work_is_named(claimed, now):
    with acting(STAFF):
        Assignment.objects.filter(id=claimed.id).update(state="given_back", next_due_at=None)
    (fault,) = faults(now).values()
    assert str(claimed.id) in fault


def test_the_seats_are_in_the_books(acme, project, carol, now):
    made = project(acme)
    person = actor_of(carol)
    with acting(person):
        work.enrol(project_id=made.id, tier="tested", has_consented=True, by=person, now=now)
        row = work.claim(project_id=made.id, by=person, now=now)
    assert faults(now) == {}
    # What a seat holds is not what the held funds hold.
    with acting(STAFF):
        Assignment.objects.filter(id=row.id).update(funded_from="held")
    (fault,) = faults(now).values()
    assert f"Project {made.id}, held: assignments hold {row.held}" in fault
    with acting(STAFF):
        Assignment.objects.filter(id=row.id).update(funded_from="seats", held_pay=0, held_extra=0,
            state="given_back", next_due_at=None)  # fmt: skip
    (fault,) = faults(now).values()
    assert f"Project {made.id}, seats: assignments hold 0" in fault


def test_seats_of_a_closed_project_are_given_back(acme, project, now):
    made = project(acme)
    with acting(STAFF):
        Project.objects.filter(id=made.id).update(state="closed", closed_at=now)
        ledger.post(
            [
                money.entry(money.held(acme.id, made.id), money.wallet(acme.id), 500_00),
            ]
        )
    (fault,) = faults(now).values()
    assert fault == f"The closed project {made.id} still holds $104.00."


def test_a_closed_project_holds_nothing(published, now):
    with acting(STAFF):
        Project.objects.filter(id=published.id).update(state="closed", closed_at=now)
    (fault,) = faults(now).values()
    assert str(published.id) in fault
    assert "$500.00" in fault


def test_a_broken_ledger_is_said(db, now, monkeypatch):
    broken = checks.ledger.Proof(transfers=1, accounts=2, fault="Transfer 7 is odd.")
    monkeypatch.setattr(checks.ledger, "prove", lambda: broken)
    assert list(faults(now).values()) == ["Transfer 7 is odd."]


def test_the_page_shows_what_waits(published, carol, ada, acme, client_of, now):
    with acting(STAFF):
        Project.objects.filter(id=published.id).update(rejections_frozen_at=now)
        Case.objects.create(
            kind="deactivation", contributor=carol, opened_by=ada, opened_at=now, reason="x",
            due_at=now + HOUR,
        )  # fmt: skip
        ScoringRun.objects.create(
            org=acme, project=published, state="failed", input_sha256="0" * 64, input_rows=1,
            created_at=now, error="The input has no answers.",
        )  # fmt: skip
    page = client_of(ada).get(reverse("pages:staff"))
    assert "Deactivation review: by deadline" in page.text
    assert "in 1 h" in page.text
    assert reverse("pages:staff-rejections", args=[published.id]) in page.text
    assert "The input has no answers." in page.text


def test_an_administrator_looks_and_unfreezes(published, ada, client_of, now):
    with acting(STAFF):
        Project.objects.filter(id=published.id).update(rejections_frozen_at=now)
    client = client_of(ada)
    url = reverse("pages:staff-rejections", args=[published.id])
    assert "unfreeze" in client.get(url).text
    assert "open again" in client.post(url, follow=True).text
    with acting(STAFF):
        assert Project.objects.get(id=published.id).rejections_frozen_at is None


@pytest.mark.parametrize("who", ["carol", "alice", "rob"])
def test_nobody_else_unfreezes(request, published, client_of, now, who):
    with acting(STAFF):
        Project.objects.filter(id=published.id).update(rejections_frozen_at=now)
    client = client_of(request.getfixturevalue(who))
    assert client.post(reverse("pages:staff-rejections", args=[published.id])).status_code == 403
    with acting(STAFF):
        assert Project.objects.get(id=published.id).rejections_frozen_at == now


def test_people_are_found_by_name_and_address(carol, dave, ada, client_of):
    client = client_of(ada)
    page = client.get(reverse("pages:staff-people"), {"q": "carol@"})
    assert reverse("pages:staff-person", args=[carol.id]) in page.text
    assert reverse("pages:staff-person", args=[dave.id]) not in page.text
    person = client.get(reverse("pages:staff-person", args=[carol.id]))
    assert "Active" in person.text
    assert reverse("cases:propose", args=[carol.id]) in person.text


def test_the_checks_page_says_yes_and_no(published, ada, client_of, now):
    balance(1, at=now)
    page = client_of(ada).get(reverse("pages:staff-checks"))
    assert "belongs to others" in page.text
    assert page.text.count("badge-bad") >= 2


def test_the_hourly_check_is_kept_and_shown(published, ada, client_of, now):
    client = client_of(ada)
    assert "has not run yet" in client.get(reverse("pages:staff")).text
    made = checks.keep(now)
    assert (made.title, made.fault) == ("", "")
    for page in ("pages:staff", "pages:staff-checks"):
        text = client.get(reverse(page)).text
        assert "Every check held" in text
        assert f"in {made.took_ms} ms" in text


def test_a_check_that_fails_is_told_to_administrators_alone(published, ada, carol, client_of, now):
    balance(1, at=now)
    made = checks.keep(now)
    assert "belongs to others" in made.fault
    with acting(actor_of(ada)):
        assert made.fault in Notice.objects.get(kind=Notices.STAFF_BOOKS).body
    with acting(actor_of(carol)):
        assert not Notice.objects.filter(kind=Notices.STAFF_BOOKS).exists()
    text = client_of(ada).get(reverse("pages:staff")).text
    assert made.title in text
    assert "belongs to others" in text


def test_beat_checks_every_hour(settings, now, db):
    entry = settings.CELERY_BEAT_SCHEDULE["pages.check_books"]
    assert entry["schedule"] == HOUR.total_seconds()
    assert entry["task"] == check_books.name
    assert check_books() == ""
    with acting(STAFF):
        assert BooksCheck.objects.count() == 1
