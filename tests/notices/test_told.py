"""Actions tell the right people, and nobody else."""

import datetime as dt

import pytest

from apps.accounts import actions as accounts
from apps.cases import actions as cases
from apps.core.tenancy import Actor, acting, system
from apps.notices.enums import Kind
from apps.notices.models import Notice
from apps.organizations.queries import actor_of
from apps.payments.actions import outbox, payouts
from apps.payments.enums import PayoutState
from apps.payments.models import OutboxCall, Payout
from apps.projects.actions.imports import tell_importer
from apps.projects.models import ItemImport
from apps.scoring.actions import quality
from apps.scoring.enums import RunState
from apps.scoring.models import ScoringRun
from tests.factories.rows import Side

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
REASON = "Forty answers in a row were given within two seconds each, on texts of a page."


def as_platform():
    return acting(system())


def test_accepted_answers_are_counted_in_one_notice(desk, carol, dave, rob, audience, notice_of):
    desk.enrol(carol)
    rows = [desk.hand_in(carol) for _ in range(3)]
    desk.at(desk.fresh(rows[-1]).review_due_at)
    desk.lapse(*rows)
    assert audience(Kind.ACCEPTED) == ["Carol"]
    assert notice_of(carol, Kind.ACCEPTED).headline == "Accepted answers: Is it a question? (3)"


def test_what_was_read_is_not_counted_up(desk, carol, rob, notice_of, audience):
    desk.enrol(carol)
    first, second = desk.hand_in(carol), desk.hand_in(carol)
    due = desk.fresh(second).review_due_at
    desk.at(due)
    desk.lapse(first)
    with acting(actor_of(carol)):
        Notice.objects.update(read_at=due)
    desk.lapse(second)
    assert audience(Kind.ACCEPTED) == ["Carol", "Carol"]


def test_rework_and_its_lapse(desk, carol, dave, rob, audience, notice_of):
    desk.enrol(carol)
    row = desk.hand_in(carol)
    desk.ask_rework(rob, row)
    assert audience(Kind.REWORK) == ["Carol"]
    due = desk.fresh(row).rework_due_at
    assert notice_of(carol, Kind.REWORK).due_at == due
    desk.at(due)
    desk.lapse(row)
    assert audience(Kind.REWORK_LAPSED) == ["Carol"]


def test_a_rejection_and_its_end(desk, carol, dave, rob, audience, notice_of):
    desk.enrol(carol)
    row = desk.hand_in(carol)
    desk.reject(rob, row)
    due = desk.fresh(row).appeal_due_at
    assert audience(Kind.REJECTED) == ["Carol"]
    assert notice_of(carol, Kind.REJECTED).due_at == due
    desk.at(due)
    desk.lapse(row)
    assert audience(Kind.REJECTION_FINAL) == ["Carol"]


def test_a_deactivation(carol, dave, ada, adam, now, audience, notice_of):
    with acting(actor_of(ada)) as by:
        case = cases.propose_deactivation(
            user_id=carol.id,
            reason=REASON,
            evidence="1. time; 2. agreement",
            is_immediate=False,
            ground="conduct",
            by=by,
            now=now,
        )
    assert audience(Kind.CASE_DEACTIVATION) == ["Carol"]
    assert audience(Kind.STAFF_CASE) == ["Adam"]
    assert notice_of(carol, Kind.CASE_DEACTIVATION).due_at == case.due_at


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        (PayoutState.TRANSFERRED, Kind.PAYOUT_SENT),
        (PayoutState.REFUSED, Kind.PAYOUT_FAILED),
    ],
)
def test_a_payout(carol, dave, now, audience, state, kind):
    with as_platform() as by:
        payout = Payout.objects.create(
            user=carol, amount=700, currency="USD", account_id="acct_1", created_at=now
        )
        payouts._move(payout, state, by=by, now=now)
    assert audience(kind) == ["Carol"]


def test_a_payout_that_comes_back_is_due_process(carol, now, audience):
    with as_platform() as by:
        payout = Payout.objects.create(
            user=carol, amount=700, currency="USD", account_id="acct_1", created_at=now
        )
        for state in (PayoutState.TRANSFERRED, PayoutState.PAID, PayoutState.FAILED):
            payouts._move(payout, state, by=by, now=now)
    assert audience(Kind.PAYOUT_ARRIVED) == ["Carol"]
    assert audience(Kind.PAYOUT_FAILED) == ["Carol"]


def test_a_call_that_does_not_get_through_is_told_to_staff_once(carol, ada, adam, now, audience):
    with as_platform():
        call = OutboxCall.objects.create(
            kind="transfer",
            subject_id=carol.id,
            ledger_transfer_id=carol.id,
            idempotency_key="tr:1:1",
            params={"currency": "USD"},
            next_try_at=now,
            created_at=now,
            tries=outbox.TRIES_BEFORE_STAFF - 1,
        )
    outbox._postpone(call, "Stripe does not answer.", now=now)
    assert audience(Kind.STAFF_OUTBOX) == []
    for _ in range(2):
        call.tries += 1
        outbox._postpone(call, "Stripe does not answer.", now=now)
    assert audience(Kind.STAFF_OUTBOX) == ["Ada", "Adam"]


def test_a_failed_run(acme, project, carol, mia, rob, ada, now, audience):
    made = project(acme)
    with acting(system(acme.id)) as by:
        run = ScoringRun.objects.create(
            org=acme,
            project=made,
            state=RunState.RUNNING,
            input_sha256="0" * 64,
            input_rows=1,
            created_at=now,
        )
        quality._fail(run, "The input has no answers.", by=by, now=now)
    assert audience(Kind.RUN_FAILED) == ["Alice", "Mia"]
    assert audience(Kind.STAFF_RUN) == ["Ada"]


def test_an_import(acme, project, alice, carol, mia, rob, now, audience):
    side = Side(org=acme, project=project(acme), contributor=mia, now=now)
    load: ItemImport = side.of("projects.ItemImport")
    load.created_by = mia
    with acting(system(acme.id)):
        tell_importer(load, "done", "", now=now)
        load.state = "failed"
        tell_importer(load, "failed", "why", now=now)
    assert audience(Kind.IMPORT) == ["Mia"]
    assert audience(Kind.IMPORT_FAILED) == ["Alice", "Mia"]


def test_a_credential_goes_to_staff_and_back(carol, dave, ada, adam, now, audience):
    with acting(actor_of(carol)) as by:
        made = accounts.submit_credential(kind="nurse", statement="Register 7.", by=by, now=now)
    assert audience(Kind.STAFF_CREDENTIAL) == ["Ada", "Adam"]
    with acting(actor_of(ada)) as by:
        accounts.decide_credential(credential_id=made.id, is_verified=True, note="", by=by, now=now)
    assert audience(Kind.CREDENTIAL) == ["Carol"]


def test_nobody_reads_what_others_were_told(desk, carol, dave, rob, ada, gus):
    desk.enrol(carol)
    desk.reject(rob, desk.hand_in(carol))
    for person in (dave, rob, gus):
        with acting(actor_of(person)) as by:
            assert not Notice.objects.filter(kind=Kind.REJECTED).exists()
            assert not Notice.objects.visible_to(by).filter(kind=Kind.REJECTED).exists()
    with acting(Actor(kind="staff", user_id=ada.id)):
        assert not Notice.objects.filter(kind=Kind.REJECTED).exists()
