"""The demo's clock is moved: deadlines, the calendar and Stripe's stand-in follow, each in time."""

import datetime as dt
import subprocess
import sys
from contextlib import suppress

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from apps.cases import actions as cases
from apps.cases.models import Case
from apps.core import clock
from apps.core.errors import NotThere
from apps.core.models import ClockMove, ClockOffset
from apps.core.tenancy import acting, system
from apps.ledger import queries as ledger
from apps.notices.models import Letter, Notice
from apps.organizations.queries import actor_of
from apps.pages import gateway as stand_in
from apps.pages.actions import time_machine
from apps.payments import actions as payments
from apps.payments import gateway
from apps.payments.models import Payout, Reconciliation, StripeAccount
from apps.projects.models import Project
from apps.work.models import Assignment, Settlement, Verdict
from marketplace.runtime.places import CHECKOUT
from marketplace.runtime.processes import wait_until
from stripe_double import Double
from tests.cases.conftest import REASON
from tests.factories.cast import NOW
from tests.work.conftest import STAFF, Desk

URL = "/demo/clock/"
PLATFORM, CONNECT = "whsec_platform_of_the_tests", "whsec_connect_of_the_tests"
MONDAY = dt.datetime(2026, 3, 9, tzinfo=dt.UTC)


@pytest.fixture
def demo(settings):
    settings.DEMO = True
    return settings


@pytest.fixture
def double(demo, live_server):
    """The stand-in, whose webhooks reach a real web process with this test's database."""
    demo.STRIPE_WEBHOOK_SECRET, demo.STRIPE_CONNECT_WEBHOOK_SECRET = PLATFORM, CONNECT
    with Double.start(
        now=NOW.isoformat(),
        webhook=f"{live_server.url}{reverse('payments:webhook_platform')}",
        secret=PLATFORM,
        connect_webhook=f"{live_server.url}{reverse('payments:webhook_connect')}",
        connect_secret=CONNECT,
    ) as made:
        demo.STRIPE_API_BASE = made.url
        yield made
        with suppress(AttributeError):
            gateway.client()._requestor._client.close()
        gateway._client.cache_clear()


@pytest.fixture
def desk(double, acme, project, now, clock_at):
    return Desk(project(acme, limits={"newcomer_share_percent": 100}, gold=0), now, clock_at)


def press(step):
    """A click and what a worker makes of it."""
    move = time_machine.ask(step=step, by=STAFF, now=clock.now())
    time_machine.keep_time()
    move.refresh_from_db()
    assert not move.is_open
    return move


def found(move):
    return {(what, count) for what, count, _ in move.found}


def test_silence_pays_at_its_deadline_and_monday_settles_at_its_own(desk, carol):
    desk.enrol(carol)
    row = desk.hand_in(carol, seconds=120)
    due = row.review_due_at
    assert "silence" not in {what for what, _ in found(press("1h"))}
    assert desk.fresh(row).state == "submitted"

    move = press("72h")
    row = desk.fresh(row)
    assert row.state == "accepted"
    assert ("silence", 1) in found(move)
    assert any(what == "earned" for what, _, _ in move.found)
    with acting(STAFF):
        assert Verdict.objects.get(assignment=row).decided_at == due
        assert not Settlement.objects.exists()

    move = press("14d")
    with acting(STAFF):
        # A bonus may still come, so the second Monday looks at it again.
        mondays = [MONDAY, MONDAY + dt.timedelta(days=7)]
        assert list(Settlement.objects.order_by("at").values_list("at", flat=True)) == mondays
        assert Project.objects.get().state == "live"
        assert ledger.prove().fault is None
    assert move.found[0] == ["settlement", 1, "settlement of Monday 9 March for 1 contributor"]
    assert clock.now() >= NOW + dt.timedelta(days=17)
    assert clock.kept_until() >= MONDAY + dt.timedelta(days=7, hours=6)


def test_an_answer_whose_silence_ends_after_monday_is_not_in_mondays_settlement(desk, carol):
    """The clock stops at Monday: what is decided on Tuesday comes a week later."""
    desk.at(dt.datetime(2026, 3, 5, 12, tzinfo=dt.UTC))
    desk.enrol(carol)
    first = desk.hand_in(carol, seconds=120)
    desk.at(dt.datetime(2026, 3, 7, 12, tzinfo=dt.UTC))
    second = desk.hand_in(carol, seconds=120)
    assert first.review_due_at < MONDAY < second.review_due_at

    press("14d")
    with acting(STAFF):
        settlements = list(Settlement.objects.order_by("at"))
    assert [row.at for row in settlements] == [MONDAY, MONDAY + dt.timedelta(days=7)]
    # The second looks at both; what was decided by the first Monday is one.
    assert [row.assignments for row in settlements] == [1, 2]


def test_an_appeal_that_nobody_decides_is_found_for_the_contributor(desk, carol, rob):
    desk.enrol(carol)
    row = desk.reject(rob, desk.hand_in(carol))
    with acting(actor_of(carol)) as by:
        case = cases.appeal(assignment_id=row.id, reason=REASON, by=by, now=desk.now)
    move = press("14d")
    with acting(STAFF):
        case = Case.objects.get(id=case.id)
    assert case.state == "lapsed"
    assert case.decided_at == case.due_at
    assert desk.fresh(row).state == "overturned"
    assert ["case", 1, "1 appeal found for the contributor"] in move.found


def test_a_move_reminds_before_it_takes_anybody_past_a_deadline(desk, carol, rob, ada):
    """In the hour in which the reminder is due, by mail too: not at the end, and not after."""
    desk.enrol(carol)
    rejected = desk.fresh(desk.reject(rob, desk.hand_in(carol)))
    other = desk.reject(rob, desk.hand_in(carol))
    with acting(actor_of(carol)) as by:
        case = cases.appeal(assignment_id=other.id, reason=REASON, by=by, now=desk.now)
    press("14d")
    press("14d")
    with acting(actor_of(carol)):
        told = Notice.objects.get(key=f"appeal:{rejected.id}")
    due = rejected.appeal_due_at - dt.timedelta(hours=72)
    assert due <= told.created_at < due + dt.timedelta(hours=1)
    assert told.created_at < told.due_at
    with acting(actor_of(ada)):
        near = Notice.objects.get(user=ada, key=f"case:{case.id}:decision")
    due = case.due_at - dt.timedelta(hours=48)
    assert due <= near.created_at < due + dt.timedelta(hours=1)
    with acting(system()):
        letter = Letter.objects.get(id=told.letter_id)
        assert letter.sent_at is not None
        assert letter.sent_at < rejected.appeal_due_at
    assert desk.fresh(rejected).state == "final"


def test_reminders_beyond_what_a_move_stops_for_come_with_the_midnight(
    desk, carol, rob, monkeypatch
):
    monkeypatch.setattr(time_machine, "MOST_REMINDERS", 0)
    desk.enrol(carol)
    row = desk.fresh(desk.reject(rob, desk.hand_in(carol)))
    press("14d")
    press("14d")
    with acting(actor_of(carol)):
        told = Notice.objects.get(key=f"appeal:{row.id}")
    assert (told.created_at.hour, told.created_at.minute) == (0, 0)
    assert told.created_at < told.due_at


def test_a_payout_arrives_at_the_bank(double, desk, acme, alice, carol):
    """Settlement, weekly payout, transfer, bank: each at its stop, told by real webhooks."""
    with acting(actor_of(alice)) as by:
        funding = payments.fund(org_id=acme.id, amount=500_00, by=by, now=desk.now)
    double.post(f"/_double/checkout/{funding.session_id}/pay", {"available": True})
    with acting(actor_of(carol)) as by:
        StripeAccount.objects.filter(user=carol).delete()
        payments.connect(by=by, now=desk.now)
        account = StripeAccount.objects.get(user=carol)
        double.post(f"/_double/accounts/{account.account_id}/verify")
        payments.refresh_account(user_id=carol.id, by=by, now=desk.now)
    desk.enrol(carol)
    for _ in range(20):
        desk.hand_in(carol, seconds=75)
    move = press("14d")
    with acting(STAFF):
        payout = Payout.objects.get()
        assert payout.state == "paid", payout.reason
        assert payout.is_automatic
        assert payout.created_at == MONDAY + dt.timedelta(hours=6)
        # Two midnights after the transfer, not at the end of the move.
        assert payout.paid_at.date() == MONDAY.date() + dt.timedelta(days=3)
        assert Assignment.objects.filter(state="accepted").count() == 20
        # Each night that was passed has its own comparison of the books.
        nights = list(Reconciliation.objects.order_by("at").values_list("at", flat=True))
        assert nights == [
            moment
            for moment, task in time_machine.calendar(after=move.begins, until=move.target)
            if task == "payments.reconcile"
        ]
        assert len(nights) == 14
    assert ["payout", 1, "1 payout arrived at the bank"] in move.found
    assert stand_in.double_now() >= int(clock.now().timestamp()) - 1


def test_the_stand_in_catches_up_with_a_clock_that_was_ahead(double, desk):
    clock.advance(dt.timedelta(days=2))
    press("1h")
    ahead = stand_in.double_now() - int((NOW + dt.timedelta(days=2, hours=1)).timestamp())
    assert 0 <= ahead < 60


def test_a_move_that_was_broken_off_goes_on_where_it_was(desk, carol, monkeypatch):
    desk.enrol(carol)
    row = desk.hand_in(carol)
    reach, calls = time_machine._reach_at_stripe, []

    def dies_at_the_third_stop(moment):
        calls.append(moment)
        if len(calls) == 3:
            raise RuntimeError("the worker is gone")
        reach(moment)

    monkeypatch.setattr(time_machine, "_reach_at_stripe", dies_at_the_third_stop)
    move = time_machine.ask(step="72h", by=STAFF, now=clock.now())
    time_machine.keep_time()
    move.refresh_from_db()
    assert (move.is_open, move.failures) == (True, 1)
    assert move.reached == calls[1]
    time_machine.keep_time()
    move.refresh_from_db()
    assert not move.is_open
    assert calls[3] == calls[2]
    assert desk.fresh(row).state == "accepted"


def test_a_move_that_fails_three_times_stops_and_says_so(desk, client, monkeypatch):
    def away(_moment):
        raise RuntimeError("away")

    monkeypatch.setattr(time_machine, "_reach_at_stripe", away)
    move = time_machine.ask(step="72h", by=STAFF, now=clock.now())
    for _ in range(time_machine.MOST_FAILURES):
        time_machine.keep_time()
    move.refresh_from_db()
    assert not move.is_open
    assert "it stopped on the way" in client.get(URL).content.decode()


@pytest.mark.worker
def test_a_real_worker_moves_it_after_a_click(desk, carol, double, client, process_env, tmp_path):
    """The click, the message, the task, the sweeps: nothing of it in this process."""
    desk.enrol(carol)
    # The worker's real time is not this test's: the clock is moved to it before anything is due.
    row = desk.hand_in(carol)
    now = dt.datetime.now(dt.UTC)
    ClockOffset.objects.create(id=1, offset=NOW - now)
    desk.at(now)
    env = {
        **process_env,
        "WAGEFILE_DEMO": "True",
        "STRIPE_API_BASE": double.url,
        "DJANGO_SETTINGS_MODULE": "marketplace.settings",
    }
    assert client.post(URL, {"step": "14d"}).status_code == 302
    log = (tmp_path / "worker.log").open("w+")
    queues = ("-Q", "default,money,gpu", "-c", "1", "--pool", "solo", "-l", "INFO")
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "marketplace", "worker", *queues],
        cwd=CHECKOUT, env=env, stdout=log, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        ring = "from marketplace.celery import app; app.send_task('pages.keep_time')"
        subprocess.run([sys.executable, "-c", ring], cwd=CHECKOUT, env=env, check=True)
        arrived = wait_until(lambda: not ClockMove.objects.get().is_open, seconds=120)
    finally:
        worker.terminate()
        worker.wait(timeout=60)
        log.seek(0)
        said = log.read()
        log.close()
    assert arrived, said[-3000:]
    assert desk.fresh(row).state == "accepted", said[-3000:]
    with acting(STAFF):
        assert {row.at for row in Settlement.objects.all()} <= {MONDAY, MONDAY + dt.timedelta(7)}
    text = client.get(URL).content.decode()
    assert "1 answer accepted by silence" in text


# ── Who, how often, and in what words ───────────────────────────────────────────────────────────


def test_only_a_demo_has_it(client_of, carol, now):
    assert client_of(carol).get(URL).status_code == 404
    assert client_of(carol).post(URL, {"step": "1h"}).status_code == 404
    with pytest.raises(NotThere):
        time_machine.ask(step="1h", by=STAFF, now=now)
    assert time_machine.keep_time() == 0
    assert not ClockMove.objects.exists()


@pytest.mark.parametrize("who", [None, "carol", "alice", "ada"])
def test_everybody_in_a_demo_may_press_it(who, demo, request, client_of, now):
    client = client_of(request.getfixturevalue(who) if who else None)
    answer = client.post(URL, {"step": "monday"})
    assert (answer.status_code, answer.url) == (302, URL)
    assert ClockMove.objects.get().target == MONDAY
    page = client.get(URL).content.decode()
    assert 'hx-trigger="every 2s"' in page
    assert "<button" not in page.split('id="time-machine"')[1].split("</div>")[0]


def test_a_second_click_is_told_to_wait(demo, client, db, now):
    client.post(URL, {"step": "1h"})
    answer = client.post(URL, {"step": "14d"})
    assert answer.status_code == 409
    assert time_machine.UNDER_WAY in answer.content.decode()
    assert ClockMove.objects.count() == 1


@pytest.mark.concurrency
def test_two_clicks_at_once_move_it_once(transactional_db, demo, together, now):
    def click():
        return time_machine.ask(step="1h", by=STAFF, now=now)

    results = together(click, click)
    assert sorted(type(row).__name__ for row in results) == ["ClockMove", "Conflict"]
    assert ClockMove.objects.count() == 1


def test_htmx_gets_the_place_in_the_banner_and_a_fresh_page_has_the_same(demo, client, db, now):
    part = client.post(URL, {"step": "72h"}, headers={"HX-Request": "true"})
    assert part.status_code == 200
    text = part.content.decode().strip()
    assert text.startswith('<div id="time-machine"')
    assert text in client.get("/").content.decode()
    assert client.post(URL, {"step": "-1h"}, headers={"HX-Request": "true"}).status_code == 422


def test_it_cannot_be_pressed_without_end(demo, client_of, carol, monkeypatch):
    monkeypatch.setattr(time_machine, "MOVES_AN_HOUR", 1)
    client = client_of(carol)
    client.post(URL, {"step": "1h"})
    assert client.post(URL, {"step": "1h"}).status_code == 429


def test_the_database_knows_no_way_back(db, now):
    with pytest.raises(IntegrityError, match="core_clock_forwards"), transaction.atomic():
        ClockMove.objects.create(
            asked_at=now, label="back", begins=now, target=now - dt.timedelta(1), reached=now
        )


def test_the_sentence_links_where_the_reader_may_go(demo, client_of, carol, ada, now):
    ClockMove.objects.create(
        asked_at=now,
        label="+72 h",
        begins=now,
        target=now + dt.timedelta(hours=72),
        reached=now,
        is_open=False,
        found=[["payout", 3, "3 payouts on the way"]],
    )
    for user, address in ((carol, "payments:payouts"), (ada, "pages:books")):
        text = client_of(user).get(URL).content.decode()
        assert f'<a href="{reverse(address)}">3 payouts on the way</a>' in text
    text = client_of(None).get(URL).content.decode()
    assert "3 payouts on the way." in text


def test_every_task_of_the_calendar_and_of_beat_is_known(settings):
    """A sweep that is added later is rung by a move too: nothing is named twice or forgotten."""
    names = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert time_machine.DONE_IN_ROUNDS - {"pages.keep_time"} <= names
    assert {entry["task"] for entry in settings.CALENDAR.values()} <= names
