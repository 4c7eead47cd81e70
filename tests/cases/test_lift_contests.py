"""Contests of lift: the repeated run settles them, by a person or by silence; who pays what."""

import datetime as dt

import pytest
from django.urls import reverse

from apps.cases import actions as cases
from apps.cases import tasks as case_tasks
from apps.cases.errors import AlreadyOpen, Involved, TooLate
from apps.cases.models import Case
from apps.core.errors import Conflict, Invalid, NotAllowed, NotThere
from apps.core.tenancy import acting
from apps.ledger.enums import Purpose
from apps.ledger.models import Transfer
from apps.notices.models import Notice
from apps.organizations.queries import actor_of
from apps.pages import checks
from apps.scoring.actions import lift as scoring_lift
from apps.scoring.enums import LiftState, Payer, Reason
from apps.scoring.models import LiftRun
from apps.work import actions as work
from apps.work import tasks
from apps.work.models import EarningLine, LiftRound
from tests.cases.conftest import DECISION
from tests.factories.projects import LIFT
from tests.work.conftest import STAFF
from tests.work.test_lift_money import (
    ABOVE,
    BELOW,
    POOL,
    UNSURE,
    balance,
    begin,
    bonuses,
    finish,
    measure,
    pool_of,
    pseudonym,
    the_run,
    wallet,
)
from tests.work.test_lift_money import closed as closed  # noqa: PLC0414 -- a fixture
from tests.work.test_lift_money import desk as desk  # noqa: PLC0414 -- a fixture
from tests.work.test_lift_money import people as people  # noqa: PLC0414 -- a fixture

pytestmark = pytest.mark.django_db
REASON = "Two of my accepted answers are missing in the rows of the run."
NET = POOL * 10_000 // 11_500


def contest(desk, user) -> Case:
    with acting(actor_of(user)) as by:
        return cases.contest_lift(project_id=desk.project.id, reason=REASON, by=by, now=desk.now)


def decide(desk, user, case, *, is_granted: bool) -> Case:
    with acting(actor_of(user)) as by:
        return cases.decide(
            case_id=case.id, is_granted=is_granted, decision=DECISION, by=by, now=desk.now
        )


def sweep(desk) -> int:
    return case_tasks.sweep_all(now=desk.now)


def repeat(desk, people, *figures) -> LiftRun:
    """The run for the contest, with these figures; those of nobody more than are named."""
    desk.later(seconds=1)
    sweep(desk)
    run = the_run(begin(desk))
    assert (run.reason, run.payer) == (Reason.CONTEST, Payer.PLATFORM)
    key = bytes(run.key)
    named = {pseudonym(key, user.id): figure for user, figure in zip(people, figures, strict=False)}
    finish(desk, run, named)
    return run


def fresh(case: Case) -> Case:
    with acting(STAFF):
        return Case.objects.get(id=case.id)


def lines(desk, user) -> list[tuple[int, int]]:
    with acting(STAFF):
        rows = EarningLine.objects.filter(project=desk.project, contributor=user, kind="lift_bonus")
        return list(rows.order_by("id").values_list("net", "fee"))


def faults(desk) -> list[str]:
    with acting(STAFF):
        return [result.fault for result in checks.run(desk.now) if result.fault]


@pytest.fixture
def unsure(closed, people):
    """Nobody was paid; the whole pool is still there."""
    measure(closed, people, UNSURE, UNSURE, BELOW)
    return closed


@pytest.fixture
def paid(closed, people):
    """The first has all of the pool, and nothing of it is left."""
    measure(closed, people, ABOVE, UNSURE, BELOW)
    return closed


def test_granted_pays_the_difference_from_what_is_left_of_the_pool(unsure, people, ada):
    before, metered = wallet(unsure), balance(unsure, Purpose.COMPUTE)
    case = contest(unsure, people[1])
    with pytest.raises(Conflict, match="The repeated run is not there yet"):
        decide(unsure, ada, case, is_granted=True)
    run = repeat(unsure, people, UNSURE, ABOVE, BELOW)
    with acting(STAFF):
        run.refresh_from_db()
    assert run.charged == 0 and balance(unsure, Purpose.COMPUTE) == metered, "the platform's"
    decided = decide(unsure, ada, case, is_granted=True)
    assert decided.state == "granted" and decided.transfer_id is not None
    # With its fee, like every bonus; a cent is left of rounding.
    assert lines(unsure, people[1]) == [(NET, POOL - NET - 1)]
    pool = pool_of(unsure)
    assert (pool.net, pool.fee, pool.people) == (NET, POOL - NET - 1, 1)
    assert balance(unsure, Purpose.LIFT) == 1 and wallet(unsure) == before
    unsure.prove()
    assert faults(unsure) == []


def test_the_platform_pays_what_the_pool_no_longer_has(paid, people, ada):
    assert balance(paid, Purpose.LIFT) == 1, "all of it is paid"
    case = contest(paid, people[1])
    repeat(paid, people, ABOVE, ABOVE, BELOW)
    decided = decide(paid, ada, case, is_granted=True)
    half = POOL // 2 * 10_000 // 11_500
    # The buyer pays nothing: what goes to the contributor comes out of the platform's fees.
    assert lines(paid, people[1]) == [(half, -half)]
    with acting(STAFF):
        moved = Transfer.objects.select_related("debit", "credit").get(id=decided.transfer_id)
    assert (moved.debit.purpose, moved.credit.purpose) == (Purpose.FEES, Purpose.PAYABLE)
    assert moved.amount == half
    # Nothing is taken back from who was paid before.
    assert bonuses(paid)[people[0].id] == (NET, POOL - NET - 1)
    assert (pool_of(paid).net, pool_of(paid).people) == (NET, 1)
    paid.prove()
    assert faults(paid) == []


def test_a_second_difference_counts_what_was_paid_before(unsure, people, ada):
    first = contest(unsure, people[0])
    repeat(unsure, people, ABOVE, ABOVE, BELOW)
    decide(unsure, ada, first, is_granted=True)
    unsure.later(hours=1)
    second = contest(unsure, people[1])
    repeat(unsure, people, ABOVE, ABOVE, BELOW)
    decide(unsure, ada, second, is_granted=True)
    half = POOL // 2 * 10_000 // 11_500
    assert [lines(unsure, user)[0][0] for user in people[:2]] == [half, half]
    assert pool_of(unsure).people == 2
    assert balance(unsure, Purpose.LIFT) >= 0
    unsure.prove()


def test_a_decision_says_what_the_run_says(unsure, people, ada):
    case = contest(unsure, people[0])
    repeat(unsure, people, ABOVE, UNSURE, BELOW)
    with pytest.raises(Conflict, match="gives more than was paid, so the contest is granted"):
        decide(unsure, ada, case, is_granted=False)
    assert fresh(case).state == "open" and lines(unsure, people[0]) == []
    assert decide(unsure, ada, case, is_granted=True).state == "granted"


def test_a_figure_that_comes_out_again_stands(paid, people, ada):
    case = contest(paid, people[1])
    repeat(paid, people, ABOVE, UNSURE, BELOW)
    with pytest.raises(Conflict, match="no more than was paid, so the figure stands"):
        decide(paid, ada, case, is_granted=True)
    decided = decide(paid, ada, case, is_granted=False)
    assert decided.state == "upheld" and decided.transfer_id is None
    assert lines(paid, people[1]) == []


def test_silence_pays_what_the_run_gives_more(unsure, people):
    case = contest(unsure, people[0])
    repeat(unsure, people, ABOVE, UNSURE, BELOW)
    unsure.at(case.due_at - dt.timedelta(seconds=1))
    sweep(unsure)
    assert fresh(case).state == "open"
    unsure.later(seconds=1)
    sweep(unsure)
    after = fresh(case)
    assert (after.state, after.decided_by_id, after.decided_at) == ("lapsed", None, case.due_at)
    assert after.transfer_id is not None and len(lines(unsure, people[0])) == 1
    sweep(unsure)
    assert len(lines(unsure, people[0])) == 1, "once"
    unsure.prove()


def test_silence_before_the_run_waits_for_it(unsure, people, ada):
    """A worker that stands still changes neither the outcome nor the money."""
    case = contest(unsure, people[0])
    unsure.later(seconds=1)
    sweep(unsure)
    run = the_run(begin(unsure))
    unsure.at(case.due_at + dt.timedelta(days=2))
    sweep(unsure)
    assert fresh(case).state == "open"
    assert any(str(case.id) in fault for fault in faults(unsure)), "administrators see it"
    key = bytes(run.key)
    finish(unsure, run, {pseudonym(key, people[0].id): ABOVE})
    words = {"case_id": case.id, "is_granted": False, "decision": DECISION}
    # As in a view, whose transaction keeps what the deadline decided.
    with acting(actor_of(ada)) as by, pytest.raises(TooLate):
        cases.decide(**words, by=by, now=unsure.now)
    assert fresh(case).state == "lapsed" and len(lines(unsure, people[0])) == 1


def test_a_failed_repeat_is_asked_for_again_by_an_administrator_with_the_same_seed(
    unsure, people, ada, client_of
):
    case = contest(unsure, people[0])
    unsure.later(seconds=1)
    sweep(unsure)
    run = the_run(begin(unsure))
    scoring_lift._fail(run.id, "The worker has no torch.", by=unsure.system)
    tasks.take_lift_all(now=unsure.now)
    sweep(unsure)
    assert not [r for r in begin(unsure) if r.reason == Reason.CONTEST], "not by itself"
    # Its days are over, and the rest of the pool has gone back.
    unsure.later(days=LIFT["contest_days"] + 8)
    tasks.sweep_lift_all(now=unsure.now)
    sweep(unsure)
    assert (pool_of(unsure).state, fresh(case).state) == ("returned", "open")
    client = client_of(ada)
    again = reverse("work:lift-again", args=[unsure.project.id])
    assert again in client.get(reverse("pages:staff-lift")).text
    assert client.post(again, {"seed": "7"}).status_code == 302
    run = the_run(begin(unsure))
    assert (run.reason, run.seed) == (Reason.CONTEST, 0), "another draw is no repeat"
    finish(unsure, run, {pseudonym(bytes(run.key), people[0].id): ABOVE})
    sweep(unsure)
    assert fresh(case).state == "lapsed"
    # The buyer has the pool back, so the platform pays it.
    assert lines(unsure, people[0]) == [(NET, -NET)]
    assert again not in client.get(reverse("pages:staff-lift")).text
    unsure.prove()


def test_who_has_no_figure_in_the_repeat_is_not_kept_waiting(unsure, people, ada):
    """With others in one group, say: the run is over, and it gives no more."""
    case = contest(unsure, people[0])
    repeat(unsure, people[1:], UNSURE, BELOW)
    with pytest.raises(Conflict, match="no more than was paid"):
        decide(unsure, ada, case, is_granted=True)
    unsure.at(case.due_at)
    sweep(unsure)
    assert fresh(case).state == "lapsed" and lines(unsure, people[0]) == []


def test_an_open_contest_keeps_the_rest_of_the_pool(unsure, people):
    unsure.later(days=LIFT["contest_days"] - 1)
    case = contest(unsure, people[0])
    sweep(unsure)
    unsure.later(days=2)
    assert tasks.sweep_lift_all(now=unsure.now) == 0
    assert pool_of(unsure).state == "paid" and pool_of(unsure).due_at == case.due_at
    assert balance(unsure, Purpose.LIFT) == POOL


def test_the_run_for_a_contest_is_asked_for_once(unsure, people):
    contest(unsure, people[0])
    unsure.later(seconds=1)
    assert sweep(unsure) >= 1
    sweep(unsure)
    with acting(STAFF):
        assert LiftRound.objects.filter(reason=Reason.CONTEST).count() == 1


def test_what_cannot_be_contested(unsure, people, ada, gus, alice, dave):
    with pytest.raises(Invalid), acting(actor_of(people[0])) as by:
        cases.contest_lift(project_id=unsure.project.id, reason="no", by=by, now=unsure.now)
    contest(unsure, people[0])
    with pytest.raises(AlreadyOpen):
        contest(unsure, people[0])
    for user in (gus, alice):
        with pytest.raises((NotThere, NotAllowed)):
            contest(unsure, user)
    unsure.later(days=LIFT["contest_days"])
    with pytest.raises(TooLate, match="It could be contested until"):
        contest(unsure, people[1])


def test_a_run_after_a_settlement_pays_nobody_and_is_not_contested(desk, people):
    desk.later(days=7)
    desk.settle()
    runs = begin(desk)
    key = bytes(the_run(runs).key)
    for run in runs:
        finish(desk, run, {pseudonym(key, user.id): UNSURE for user in people})
    with pytest.raises(Conflict, match="Only the run at the close pays"):
        contest(desk, people[0])


@pytest.mark.parametrize("who", ["alice", "mia", "rob", "fay", "vic", "carol", "dave", "gus"])
def test_nobody_but_an_administrator_decides(request, unsure, people, who):
    case = contest(unsure, people[0])
    repeat(unsure, people, ABOVE, UNSURE, BELOW)
    with pytest.raises((Involved, NotThere, NotAllowed)):
        decide(unsure, request.getfixturevalue(who), case, is_granted=True)
    assert lines(unsure, people[0]) == []


def test_both_sides_hear_of_it(unsure, people, mia, ada):
    case = contest(unsure, people[0])
    for user in (mia, ada):
        with acting(actor_of(user)):
            assert Notice.objects.filter(user=user, url__contains=str(case.id)).exists()
    repeat(unsure, people, ABOVE, UNSURE, BELOW)
    decide(unsure, ada, case, is_granted=True)
    with acting(actor_of(people[0])):
        told = Notice.objects.filter(user=people[0], url__contains=str(case.id)).latest(
            "created_at"
        )
    assert "The repeated run gives more than was paid" in told.body


def test_the_page_of_the_contest(unsure, people, client_of):
    client = client_of(people[0])
    url = reverse("cases:contest-lift", args=[unsure.project.id])
    assert "File the contest" in client.get(url).text
    assert client.post(url, {"reason": "short"}).status_code == 422
    page = client.post(url, {"reason": REASON}, follow=True)
    assert "Your contest is filed" in page.text and REASON in page.text
    assert "You have contested this figure already" in client.post(url, {"reason": REASON}).text
    with acting(STAFF):
        assert Case.objects.filter(kind="lift_contest").count() == 1


# ── The administrators' page of pools ───────────────────────────────────────────────────────────


def repeated_by_staff(desk, user, seed: int = 0) -> LiftRound:
    with acting(actor_of(user)) as by:
        return work.ask_again(project_id=desk.project.id, seed=seed, by=by, now=desk.now)


@pytest.mark.parametrize("who", ["alice", "mia", "rob", "fay", "vic", "carol", "gus"])
def test_only_administrators_repeat(request, unsure, who, client_of):
    user = request.getfixturevalue(who)
    with pytest.raises((NotThere, NotAllowed)):
        repeated_by_staff(unsure, user)
    client = client_of(user)
    assert client.get(reverse("pages:staff-lift")).status_code == 403
    again = reverse("work:lift-again", args=[unsure.project.id])
    assert client.post(again, {"seed": "0"}).status_code == 403
    with acting(STAFF):
        assert not LiftRound.objects.filter(reason=Reason.CONTEST).exists()


def test_the_page_says_each_state_of_a_pool(closed, people, ada, client_of):
    client, url = client_of(ada), reverse("pages:staff-lift")
    again = reverse("work:lift-again", args=[closed.project.id])
    waiting = client.get(url).text
    assert closed.project.title in waiting and again in waiting and 'name="seed"' in waiting
    run = the_run(begin(closed))
    with acting(closed.system):
        LiftRun.objects.filter(id=run.id).update(state=LiftState.RUNNING, milliseconds=2500)
    assert str(run.id) in client.get(url).text
    scoring_lift._fail(run.id, "The test set needs two rows.", by=closed.system)
    tasks.take_lift_all(now=closed.now)
    assert "The test set needs two rows." in client.get(url).text
    assert client.post(again, {"seed": "3"}, follow=True).text.count("The run is asked for.") == 1
    assert "asked for already" in client.post(again, {"seed": "3"}, follow=True).text
    for wrong in ("-1", "x", str(2**40)):
        assert "Give a seed of 0 or more." in client.post(again, {"seed": wrong}, follow=True).text
    with acting(closed.system):
        LiftRun.objects.filter(state="queued").update(state="cancelled")
    measure(closed, people, ABOVE, UNSURE, BELOW)
    paid = client.get(url).text
    assert "to 1 people" not in paid and "to 1 person" in paid
    assert again in paid and 'name="seed"' not in paid, "what paid is repeated with its own seed"
    with acting(STAFF):
        assert LiftRun.objects.get(id=pool_of(closed).run_id).seed == 3
    client.post(again)
    with acting(STAFF):
        assert LiftRound.objects.filter(reason=Reason.CONTEST).get().seed == 3
        LiftRound.objects.filter(reason=Reason.CONTEST).update(begun_at=closed.now)
    closed.later(days=LIFT["contest_days"])
    tasks.sweep_lift_all(now=closed.now)
    returned = client.get(url).text
    assert closed.project.title in returned and again not in returned


def test_a_repeat_without_a_contest_changes_nobody_s_money(paid, people, ada):
    before, pool = bonuses(paid), balance(paid, Purpose.LIFT)
    repeated_by_staff(paid, ada, seed=9)
    run = the_run(begin(paid))
    assert run.seed == 0
    finish(paid, run, {pseudonym(bytes(run.key), user.id): ABOVE for user in people})
    assert bonuses(paid) == before and balance(paid, Purpose.LIFT) == pool


def test_a_project_without_a_pool_has_nothing_to_repeat(desk, ada):
    with pytest.raises(NotThere, match="no lift pool"):
        repeated_by_staff(desk, ada)
