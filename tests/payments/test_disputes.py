"""Chargebacks end to end: frozen at once, booked from Stripe's books, never from reserves."""

import pytest
from django.db import IntegrityError, transaction

from apps.core.errors import Conflict, IllegalTransition
from apps.core.tenancy import acting, system
from apps.ledger.enums import Purpose
from apps.ledger.queries import find_account, settled_amounts
from apps.notices.models import Notice
from apps.organizations.models import Organization
from apps.payments import actions as payments
from apps.payments import gateway
from apps.payments.actions import disputes as dispute_actions
from apps.payments.enums import DISPUTE_TRANSITIONS, DisputeState
from apps.payments.models import Dispute, Funding, Refund
from apps.payments.queries import owed_after_chargebacks
from apps.projects import actions as projects
from apps.projects.actions import running
from apps.projects.models import Project
from apps.work import actions as work
from apps.work.models import Assignment
from apps.work.tasks import tell_frozen
from tests.factories.projects import answer
from tests.payments.conftest import STAFF, told

pytestmark = pytest.mark.django_db

FEE = 15_00
BUDGET = 300_00
OF_CHARGEBACKS = {"chargeback", "project.frozen", "staff.chargeback"}


@pytest.fixture
def boss(acme, alice, as_):
    return as_(alice)


@pytest.fixture
def busy(money, acme, alice, boss, carol, as_, project):
    """Acme paid in 500.00 and holds 300.00 of it for a project, where carol has claimed an item."""
    with acting(boss):
        money.funding = money.fund(acme, boss, 500_00)
    money.project = project(acme, wallet=0, budget=BUDGET, qualification=0)
    with acting(as_(carol)) as by:
        work.enrol(
            project_id=money.project.id, tier="general", has_consented=True, by=by, now=money.now
        )
        money.claimed = work.claim(project_id=money.project.id, by=by, now=money.now)
    return money


def held(project):
    with acting(STAFF):
        return find_account(Purpose.HELD, currency="USD", holder=project.org_id, scope=project.id)


def owed(org) -> int:
    with acting(STAFF):
        return owed_after_chargebacks(org.id).get("USD", 0)


def state(row) -> str:
    with acting(STAFF):
        return type(row).objects.get(pk=row.pk).state


def is_frozen(org) -> bool:
    with acting(STAFF):
        return Organization.objects.get(id=org.id).frozen_at is not None


def the_dispute() -> Dispute:
    with acting(STAFF):
        return Dispute.objects.get()


def books_agree(money) -> bool:
    payments.fetch_balance(now=money.now)
    return told() == []


# ── Frozen at once ──────────────────────────────────────────────────────────────────────────────


def test_nothing_new_begins_and_what_began_goes_on(busy, acme, boss, carol, dave, as_):
    reserved = held(busy.project).debits_pending
    busy.dispute(busy.funding, amount=100_00, withdraw=False)
    busy.news("charge.dispute.created")
    assert is_frozen(acme) and state(busy.project) == "paused" and the_dispute().state == "open"
    assert busy.wallet(acme) == 200_00 and owed(acme) == 0, "nothing was taken yet"
    with acting(as_(dave)) as by, pytest.raises(Conflict, match="no new work"):
        work.enrol(
            project_id=busy.project.id, tier="general", has_consented=True, by=by, now=busy.now
        )
    with acting(boss):
        with pytest.raises(Conflict, match="frozen"):
            payments.refund_unspent(org_id=acme.id, amount=10_00, by=boss, now=busy.now)
        with pytest.raises(Conflict, match="frozen"):
            payments.ask_for_refund(org_id=acme.id, amount=10_00, by=boss, now=busy.now)
        with pytest.raises(Conflict, match="frozen"):
            projects.top_up(project_id=busy.project.id, amount=10_00, by=boss, now=busy.now)
        with pytest.raises(Conflict, match="frozen"):
            projects.resume(project_id=busy.project.id, by=boss, now=busy.now)
    with acting(as_(carol)) as by:
        work.submit(
            assignment_id=busy.claimed.id, answer=answer("yes"), by=by, now=busy.later(minutes=1)
        )
    assert held(busy.project).debits_pending == reserved


def test_a_freeze_of_the_same_moment_is_one_sentence_too(busy, boss, monkeypatch):
    """It came after the action had looked; the database refuses, and the words are the same."""
    busy.dispute(busy.funding, amount=100_00, withdraw=False)
    busy.news("charge.dispute.created")
    monkeypatch.setattr(running, "check_not_frozen", lambda _project: None)
    with acting(boss), pytest.raises(Conflict, match="frozen by a chargeback"):
        projects.resume(project_id=busy.project.id, by=boss, now=busy.now)
    assert state(busy.project) == "paused"


def test_accepted_work_stays_paid_while_the_loss_is_booked(busy, acme, boss, carol, as_):
    with acting(as_(carol)) as by:
        work.submit(assignment_id=busy.claimed.id, answer=answer("yes"), by=by, now=busy.now)
    busy.dispute(busy.funding)
    busy.news()
    account = held(busy.project)
    assert account.available == 0 and account.debits_pending > 0, "the reserve stays, whole"
    now = busy.later(days=4)
    with acting(system(acme.id)) as by:
        row = Assignment.objects.get(id=busy.claimed.id)
        work.lapse(assignment_ids=[row.id], by=by, now=now)
        assert Assignment.objects.get(id=row.id).state == "accepted"
    assert busy.payable(carol) > 0, "accepted by silence and paid, in the middle of a chargeback"


def test_postgresql_refuses_what_the_actions_forgot(busy, acme, boss):
    busy.dispute(busy.funding, withdraw=False)
    busy.news("charge.dispute.created")
    with acting(boss):
        with pytest.raises(IntegrityError, match="frozen"), transaction.atomic():
            Project.objects.filter(id=busy.project.id).update(state="live")
        with pytest.raises(IntegrityError, match="frozen"), transaction.atomic():
            Refund.objects.create(
                org=acme, funding=busy.funding, amount=1, currency="USD", created_at=busy.now
            )


# ── The loss ────────────────────────────────────────────────────────────────────────────────────


def test_the_loss_is_taken_from_what_nobody_has_reserved(busy, acme):
    reserved = held(busy.project).debits_pending
    busy.dispute(busy.funding, amount=100_00)
    busy.news()
    assert busy.wallet(acme) == 200_00 - 100_00 - FEE and owed(acme) == 0
    assert held(busy.project).balance == BUDGET and held(busy.project).debits_pending == reserved
    assert the_dispute().withdrawn == 100_00 + FEE and books_agree(busy)


def test_then_from_held_funds_and_the_rest_is_owed(busy, acme):
    reserved = held(busy.project).debits_pending
    busy.dispute(busy.funding)
    busy.news()
    account = held(busy.project)
    assert busy.wallet(acme) == 0 and (account.balance, account.available) == (reserved, 0)
    assert owed(acme) == 500_00 + FEE - 200_00 - (BUDGET - reserved) == FEE + reserved
    assert books_agree(busy)


def test_news_twice_late_or_backwards_books_once(busy, acme):
    dispute_id = busy.dispute(busy.funding, amount=100_00)
    busy.close(dispute_id, "lost")
    events = busy.events()
    busy.deliver(*reversed(events), *events)
    for _ in range(2):
        payments.take_events(now=busy.later(minutes=1))
    assert busy.wallet(acme) == 200_00 - 100_00 - FEE
    assert the_dispute().state == "lost" and books_agree(busy)


def test_without_any_event_the_books_tell(busy, acme):
    busy.dispute(busy.funding, amount=100_00)
    payments.fetch_balance(now=busy.now)
    assert is_frozen(acme) and the_dispute().withdrawn == 100_00 + FEE
    assert busy.wallet(acme) == 200_00 - 100_00 - FEE and told() == []


def test_a_dispute_of_a_payment_that_is_not_booked_yet_waits(money, acme, boss):
    with acting(boss):
        funding = payments.fund(org_id=acme.id, amount=50_00, by=boss, now=money.now)
    money.pay(funding)
    with acting(STAFF):
        intent = gateway.read_checkout(Funding.objects.get().session_id).payment_intent_id
    funding.payment_intent_id = intent
    money.dispute(funding)
    money.news("charge.dispute.created")
    assert not is_frozen(acme) and "not booked here" in money.stored()[0].error
    money.news("checkout.session.completed")
    payments.take_events(now=money.later(minutes=1))
    assert is_frozen(acme) and money.wallet(acme) == 0 and owed(acme) == FEE


# ── How it ends ─────────────────────────────────────────────────────────────────────────────────


def test_won_gives_everything_back_where_it_was_and_thaws(busy, acme):
    dispute_id = busy.dispute(busy.funding)
    busy.news()
    busy.close(dispute_id, "won", return_fee=True)
    busy.news()
    assert not is_frozen(acme) and state(busy.project) == "live" and owed(acme) == 0
    assert busy.wallet(acme) == 200_00 and held(busy.project).balance == BUDGET
    row = the_dispute()
    assert row.state == "won" and row.settled_at and row.reinstated == row.withdrawn == 515_00
    assert books_agree(busy)


def test_won_with_the_fee_kept_costs_the_fee(busy, acme):
    dispute_id = busy.dispute(busy.funding)
    busy.news()
    busy.close(dispute_id, "won")
    busy.news()
    assert busy.wallet(acme) + held(busy.project).balance == 500_00 - FEE
    assert owed(acme) == 0 and not is_frozen(acme) and books_agree(busy)


def test_won_for_a_closed_project_gives_back_to_the_wallet(busy, acme, boss, carol, as_):
    dispute_id = busy.dispute(busy.funding)
    busy.news()
    with acting(as_(carol)) as by:
        work.give_back(assignment_id=busy.claimed.id, reason="skip", note="", by=by, now=busy.now)
    with acting(boss):
        projects.begin_close(project_id=busy.project.id, by=boss, now=busy.now)
    busy.close(dispute_id, "won", return_fee=True)
    busy.news()
    assert state(busy.project) == "closing" and not is_frozen(acme)
    assert busy.wallet(acme) + held(busy.project).balance == 500_00


def test_lost_stays_lost_and_new_money_covers_what_is_owed(busy, acme, boss):
    dispute_id = busy.dispute(busy.funding)
    busy.news()
    busy.close(dispute_id, "lost")
    busy.news()
    missing = owed(acme)
    assert missing > 0 and is_frozen(acme) and the_dispute().settled_at is None
    with acting(boss):
        busy.fund(acme, boss, 400_00)
    payments.fetch_balance(now=busy.now)
    assert owed(acme) == 0 and busy.wallet(acme) == 400_00 - missing
    assert not is_frozen(acme) and state(busy.project) == "live" and told() == []


@pytest.mark.parametrize("word", ["warning_closed", "prevented"])
def test_an_inquiry_that_ends_costs_nothing(busy, acme, word):
    dispute_id = busy.dispute(busy.funding, status="warning_needs_response")
    busy.news()
    assert is_frozen(acme)
    busy.close(dispute_id, word)
    busy.news()
    assert the_dispute().state == "closed" and not is_frozen(acme)
    assert busy.wallet(acme) == 200_00 and books_agree(busy)


def test_a_word_that_we_do_not_know_goes_on(busy, acme):
    """API versions to come add states for appeals of a lost dispute."""
    dispute_id = busy.dispute(busy.funding, amount=100_00)
    busy.close(dispute_id, "lost")
    busy.news()
    assert not is_frozen(acme)
    busy.double.post(f"/_double/disputes/{dispute_id}/set", {"status": "appeal_pending"})
    busy.news()
    row = the_dispute()
    assert (row.state, row.stripe_status) == ("open", "appeal_pending") and is_frozen(acme)
    assert all(not event.error for event in busy.stored())
    busy.close(dispute_id, "won")
    busy.news()
    assert the_dispute().state == "won" and busy.wallet(acme) == 200_00 - FEE and books_agree(busy)


def test_two_disputes_thaw_with_the_last(busy, acme, boss):
    with acting(boss):
        second = busy.fund(acme, boss, 80_00)
    one, two = busy.dispute(busy.funding, amount=50_00), busy.dispute(second)
    busy.news()
    busy.close(one, "won", return_fee=True)
    busy.news()
    assert is_frozen(acme) and state(busy.project) == "paused"
    busy.close(two, "lost")
    busy.news()
    assert not is_frozen(acme) and busy.wallet(acme) == 200_00 - FEE and books_agree(busy)


def test_what_the_buyer_had_paused_stays_paused(busy, acme, boss):
    with acting(boss):
        projects.pause(project_id=busy.project.id, by=boss, now=busy.now)
    dispute_id = busy.dispute(busy.funding, withdraw=False)
    busy.news()
    busy.close(dispute_id, "won")
    busy.news()
    assert not is_frozen(acme) and state(busy.project) == "paused"


@pytest.mark.parametrize("at", DisputeState)
def test_every_illegal_move_is_refused(busy, at):
    busy.dispute(busy.funding, withdraw=False)
    busy.news()
    with acting(system()) as by:
        Dispute.objects.update(state=at, settled_at=None)
        for target in set(DisputeState) - DISPUTE_TRANSITIONS[at]:
            with pytest.raises(IllegalTransition):
                dispute_actions._move(Dispute.objects.get(), target, by=by, now=busy.now)


# ── Who is told, and what they see ──────────────────────────────────────────────────────────────


def test_the_people_concerned_are_told(busy, acme, alice, mia, rob, fay, carol, dave, ada, as_):
    busy.dispute(busy.funding)
    busy.news()
    for _ in range(2):
        tell_frozen()
    told_to = {}
    for person in (alice, mia, fay, rob, carol, dave, ada):
        with acting(as_(person)):
            kinds = Notice.objects.filter(user=person).values_list("kind", flat=True)
            told_to[person.name] = sorted(set(kinds) & OF_CHARGEBACKS)
    assert told_to == {
        "Alice": ["chargeback"],
        "Mia": ["chargeback"],
        "Fay": ["chargeback"],
        "Rob": [],
        "Carol": ["project.frozen"],
        "Dave": [],
        "Ada": ["staff.chargeback"],
    }
    with acting(as_(carol)):
        assert Notice.objects.filter(kind="project.frozen").count() == 1, "told once"


def test_wallet_and_dispute_say_it_in_words(busy, acme, client_of, fay, rob, gus, ada):
    busy.dispute(busy.funding)
    busy.news()
    row = the_dispute()
    wallet = client_of(fay).get(f"/payments/wallets/{acme.id}/").content.decode()
    assert "This wallet is frozen" in wallet and "is owed after a chargeback" in wallet
    assert 'name="refund-amount"' not in wallet
    page = client_of(fay).get(f"/payments/disputes/{row.id}/").content.decode()
    assert "accepted work stays paid" in page and busy.project.title in page
    assert "$515.00" in page
    assert client_of(ada).get(f"/payments/disputes/{row.id}/").status_code == 200
    assert client_of(rob).get(f"/payments/disputes/{row.id}/").status_code == 403
    assert client_of(gus).get(f"/payments/disputes/{row.id}/").status_code == 404


def test_the_receivable_is_the_organizations_own(busy, acme, globex):
    busy.dispute(busy.funding)
    busy.news()
    with acting(STAFF):
        account = find_account(Purpose.RECEIVABLE, currency="USD", holder=acme.id)
        assert -sum(settled_amounts(account).values()) == owed(acme) > 0
    assert owed(globex) == 0 and not is_frozen(globex)
