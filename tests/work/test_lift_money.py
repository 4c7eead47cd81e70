"""The lift pool in the ledger: paid once, above zero, never more, and the rest goes back."""

import datetime as dt

import pytest
from django.db import IntegrityError, transaction

from apps.core.errors import Conflict, NotAllowed, NotThere
from apps.core.tenancy import acting, system
from apps.exports import actions as exports
from apps.exports.actions.statements import check
from apps.exports.models import Invoice
from apps.exports.queries import releases, spend, statements
from apps.exports.rules.months import Month
from apps.ledger import queries as ledger
from apps.ledger.enums import Purpose
from apps.notices.models import Notice
from apps.organizations.queries import actor_of
from apps.pages import checks
from apps.projects.enums import ProjectState
from apps.projects.models import Project
from apps.scoring.actions import lift as scoring_lift
from apps.scoring.enums import Grouping, LiftState, Payer, Reason
from apps.scoring.models import LiftRun
from apps.work import actions as work
from apps.work import tasks
from apps.work.actions.lift_rows import pseudonym
from apps.work.enums import PoolState
from apps.work.models import EarningLine, LiftPool, LiftRound, LiftScore
from tests.factories import accounts
from tests.factories.projects import LIFT
from tests.work.conftest import STAFF, Desk

pytestmark = pytest.mark.django_db
POOL, COMPUTE = LIFT["pool"], LIFT["compute"]
ABOVE, BELOW, UNSURE = (0.04, 0.01, 0.07), (-0.03, -0.05, -0.01), (0.02, -0.01, 0.05)


@pytest.fixture
def people(carol, dave, now):
    return [carol, dave, accounts.contributor("erin", now=now)]


@pytest.fixture
def desk(acme, project, now, clock_at, people) -> Desk:
    """Three people with two accepted answers each, to items without a known answer."""
    made = project(
        acme, limits={"newcomer_share_percent": 100}, gold=10, how_many=30, gold_percent=0,
        lift=dict(LIFT),
    )  # fmt: skip
    desk = Desk(made, now, clock_at)
    for user in people:
        desk.enrol(user)
    for place in range(2):
        for user in people:
            row = desk.hand_in(user, "yes" if place else "no")
            desk.at(desk.fresh(row).review_due_at)
            desk.lapse(row)
    return desk


@pytest.fixture
def closed(desk, alice) -> Desk:
    desk.begin_close(alice)
    assert desk.close()
    return desk


def balance(desk, purpose: Purpose) -> int:
    return desk.account(purpose).balance


def wallet(desk) -> int:
    with acting(STAFF):
        return ledger.find_account(
            Purpose.WALLET, currency="USD", holder=desk.project.org_id
        ).balance


def begin(desk) -> list[LiftRun]:
    tasks.take_lift_all(now=desk.now)
    with acting(STAFF):
        return list(LiftRun.objects.filter(project=desk.project, state="queued").order_by("id"))


def finish(desk, run: LiftRun, figures: dict, *, milliseconds: int = 30_000) -> None:
    """As a worker leaves it; what the engine says is made up here."""
    with acting(desk.system):
        row = LiftRun.objects.get(id=run.id)
        row.state = LiftState.DONE
        row.milliseconds, row.finished_at = milliseconds, desk.now
        row.result = {
            "groups": [
                {
                    "group": name, "value": value, "se": 0.01, "low": low, "high": high, "n": 2,
                    "significant": "positive" if low > 0 else "negative" if high < 0 else None,
                }
                for name, (value, low, high) in figures.items()
            ],
            "metric": "accuracy", "recipe": "text-linear", "method": "with-without",
            "everybody": 0.9, "nobody": 0.5, "stopped": "complete", "assumptions": [],
            "controls": [], "convergence": {"chunks": 4, "advice": ""}, "digest": "0",
        }  # fmt: skip
        entries = scoring_lift._charge(row, now=desk.now)
        row.save()
        scoring_lift.ledger.post(entries)
    tasks.take_lift_all(now=desk.now)


def the_run(runs) -> LiftRun:
    return next(run for run in runs if run.grouping == Grouping.CONTRIBUTOR)


def measure(desk, people, *figures) -> LiftRun:
    """Close's run with these (value, low, high) for the people in their order."""
    run = the_run(begin(desk))
    key = bytes(run.key)
    named = {pseudonym(key, user.id): figure for user, figure in zip(people, figures, strict=False)}
    finish(desk, run, named)
    return run


def pool_of(desk) -> LiftPool:
    with acting(STAFF):
        return LiftPool.objects.get(project=desk.project)


def bonuses(desk) -> dict:
    with acting(STAFF):
        return {
            line.contributor_id: (line.net, line.fee)
            for line in EarningLine.objects.filter(project=desk.project, kind="lift_bonus")
        }


def test_the_pool_and_its_computing_lie_apart_from_the_money_for_work(desk):
    assert (balance(desk, Purpose.LIFT), balance(desk, Purpose.COMPUTE)) == (POOL, COMPUTE)
    desk.prove()


def test_the_close_keeps_the_pool_asks_for_the_run_and_returns_the_rest(closed):
    with acting(STAFF):
        row = Project.objects.get(id=closed.project.id)
        asked = LiftRound.objects.get(project=row)
        faults = [result.fault for result in checks.run(closed.now) if result.fault]
    assert row.state == ProjectState.CLOSED and asked.reason == Reason.CLOSE
    assert (balance(closed, Purpose.HELD), balance(closed, Purpose.SEATS)) == (0, 0)
    assert (balance(closed, Purpose.LIFT), balance(closed, Purpose.COMPUTE)) == (POOL, COMPUTE)
    assert pool_of(closed).state == PoolState.WAITING and faults == []


def test_who_is_above_zero_shares_the_pool_and_the_others_get_nothing(closed, people):
    before = wallet(closed)
    run = measure(closed, people, ABOVE, UNSURE, BELOW)
    net = POOL * 10_000 // 11_500
    # A cent is left of rounding: net with its fee is never more than the part.
    assert bonuses(closed) == {people[0].id: (net, POOL - net - 1)}
    pool = pool_of(closed)
    assert (pool.state, pool.people, pool.net, pool.run_id) == (PoolState.PAID, 1, net, run.id)
    with acting(STAFF):
        run.refresh_from_db()
        line = EarningLine.objects.get(project=closed.project, kind="lift_bonus")
    # 30 seconds at 1.20 an hour.
    assert run.charged == 1 and wallet(closed) == before + COMPUTE - run.charged
    for part in ("+0.0400", "+0.0100 to +0.0700", "100.00%", "$50.00", str(run.id)):
        assert part in line.reason
    assert balance(closed, Purpose.LIFT) == 1
    for user in people:
        with acting(actor_of(user)):
            assert Notice.objects.filter(user=user, kind="work.lift").count() == 1
    closed.prove()


def test_taking_a_run_twice_pays_once(closed, people):
    run = measure(closed, people, ABOVE, ABOVE, BELOW)
    paid = bonuses(closed)
    with acting(closed.system):
        LiftRun.objects.filter(id=run.id).update(handled_at=None)
    with pytest.raises(IntegrityError), transaction.atomic():
        tasks.take_lift_all(now=closed.now)
    assert bonuses(closed) == paid


def test_where_nobody_is_above_zero_all_of_the_pool_goes_back_after_the_time_to_contest(
    closed, people
):
    before = wallet(closed)
    measure(closed, people, UNSURE, UNSURE, BELOW)
    pool = pool_of(closed)
    assert bonuses(closed) == {} and "nobody gets a part" in pool.note
    closed.later(days=LIFT["contest_days"])
    closed.now -= dt.timedelta(seconds=1)
    assert tasks.sweep_lift_all(now=closed.now) == 0
    assert balance(closed, Purpose.LIFT) == POOL
    closed.later(seconds=1)
    assert tasks.sweep_lift_all(now=closed.now) == 1
    assert balance(closed, Purpose.LIFT) == 0
    assert wallet(closed) == before + POOL + COMPUTE - 1
    assert pool_of(closed).state == PoolState.RETURNED
    with acting(STAFF):
        assert [r.fault for r in checks.run(closed.now) if r.fault] == []


def test_a_failed_run_keeps_the_pool_for_thirty_days_and_can_be_repeated(closed, people, ada):
    run = the_run(begin(closed))
    with acting(closed.system):
        scoring_lift._fail(run.id, "the test set needs at least two rows", by=closed.system)
    tasks.take_lift_all(now=closed.now)
    closed.later(days=29)
    assert tasks.sweep_lift_all(now=closed.now) == 0
    with acting(STAFF) as staff:
        asked = work.ask_again(project_id=closed.project.id, seed=3, by=staff, now=closed.now)
        LiftRun.objects.filter(state="queued").update(state="cancelled")
    assert asked.reason == Reason.CLOSE
    measure(closed, people, ABOVE, ABOVE, BELOW)
    assert pool_of(closed).people == 2
    with acting(STAFF):
        assert LiftRun.objects.get(id=pool_of(closed).run_id).seed == 3


def test_a_run_that_cannot_be_made_gives_the_pool_back_in_the_end(closed):
    run = the_run(begin(closed))
    with acting(closed.system):
        scoring_lift._fail(run.id, "all labels are 'yes'", by=closed.system)
    tasks.take_lift_all(now=closed.now)
    closed.later(days=30)
    assert tasks.sweep_lift_all(now=closed.now) == 1
    assert "all labels are" in pool_of(closed).note
    closed.later(days=14)
    assert tasks.sweep_lift_all(now=closed.now) == 1
    assert balance(closed, Purpose.LIFT) == 0


def test_one_contributor_alone_has_nobody_to_be_compared_with(
    acme, project, now, clock_at, carol, alice
):
    made = project(acme, limits={"newcomer_share_percent": 100}, lift=dict(LIFT), gold_percent=0)
    desk = Desk(made, now, clock_at)
    desk.enrol(carol)
    row = desk.hand_in(carol)
    desk.at(desk.fresh(row).review_due_at)
    desk.lapse(row)
    desk.begin_close(alice)
    assert desk.close()
    assert begin(desk) == []
    assert "only one has accepted work" in pool_of(desk).note


def test_bonus_and_computing_stand_on_every_paper(closed, people, acme, alice):
    measure(closed, people, ABOVE, ABOVE, BELOW)
    month = Month.of(closed.now)
    with acting(actor_of(people[0])):
        paper = statements.paper(people[0].id, month)
        check(paper)
        lines = list(statements.lines(people[0].id, paper.window))
    assert "lift_bonus" in {line.kind for line in lines}
    with acting(STAFF):
        written = list(EarningLine.objects.filter(project=closed.project))
        totals = releases.ledger_totals(closed.project.id)
        wage = list(releases.wage_lines(Project.objects.get(id=closed.project.id), b"key"))
    assert (totals.net, totals.fee) == (
        sum(line.net for line in written), sum(line.fee for line in written),
    )  # fmt: skip
    assert sum(line["gross"] for line in wage) == totals.gross
    assert [line["net"] for line in wage if line["line"] == "lift"] == [
        net for net, _ in bonuses(closed).values()
    ]
    closed.at(month.end + dt.timedelta(hours=1, minutes=30))
    with acting(system()) as platform:
        exports.issue_invoices(by=platform, now=closed.now)
    with acting(STAFF):
        (invoice,) = Invoice.objects.all()
    assert (invoice.pay, invoice.fee, invoice.compute) == (totals.net, totals.fee, 1)
    assert invoice.total == invoice.pay + invoice.fee + invoice.compute + invoice.tax
    for by_ in spend.BY:
        with acting(actor_of(alice)):
            (found,) = spend.spend(acme.id, by=by_)
        assert found.total.gross == totals.gross + 1 and found.is_whole
        assert ("Computing of lift", 1) in found.parts


def test_a_buyer_s_runs_are_charged_to_the_second_and_pay_nobody(desk, alice, people):
    with acting(actor_of(alice)) as by:
        work.ask_lift(project_id=desk.project.id, by=by, now=desk.now)
        with pytest.raises(Conflict, match="measured already"):
            work.ask_lift(project_id=desk.project.id, by=by, now=desk.now)
    runs = begin(desk)
    assert {run.reason for run in runs} == {Reason.ASKED}
    key = bytes(the_run(runs).key)
    for run in runs:
        names = {pseudonym(key, user.id): ABOVE for user in people}
        finish(desk, run, names, milliseconds=10_000)
    with acting(STAFF):
        charged = sum(LiftRun.objects.values_list("charged", flat=True))
        scores = LiftScore.objects.count()
    # On the sum: 10 s at 1.20 an hour are a third of a cent.
    assert charged == round(len(runs) * 10 / 30)
    assert balance(desk, Purpose.COMPUTE) == COMPUTE - charged
    assert bonuses(desk) == {} and scores == 0 and balance(desk, Purpose.LIFT) == POOL
    desk.prove()


def test_computing_is_never_charged_beyond_what_was_put_apart(closed, people):
    run = the_run(begin(closed))
    finish(closed, run, {}, milliseconds=10**9)
    with acting(STAFF):
        run.refresh_from_db()
    assert run.charged == COMPUTE and balance(closed, Purpose.COMPUTE) == 0
    closed.prove()


def test_half_of_the_computing_is_kept_for_the_run_that_pays(desk, alice):
    with acting(actor_of(alice)) as by:
        work.ask_lift(project_id=desk.project.id, by=by, now=desk.now)
    run = the_run(begin(desk))
    with acting(desk.system):
        LiftRun.objects.filter(id=run.id).update(milliseconds=900_000)
        asked = LiftRun.objects.select_related("project__criteria").get(id=run.id)
        assert scoring_lift.budget_left(asked) == 0
        asked.reason = Reason.CLOSE
        assert scoring_lift.budget_left(asked) == 900_000
        asked.payer = Payer.PLATFORM
        assert scoring_lift.budget_left(asked) == 900_000


def test_what_was_asked_for_can_be_cancelled_and_the_close_cannot(desk, alice, vic, gus):
    with acting(actor_of(alice)) as by:
        work.ask_lift(project_id=desk.project.id, by=by, now=desk.now)
    runs = begin(desk)
    with acting(desk.system):
        LiftRun.objects.filter(id=runs[0].id).update(milliseconds=60_000, state="running")
    with acting(actor_of(vic)) as by, pytest.raises(NotAllowed):
        work.cancel_lift(project_id=desk.project.id, by=by, now=desk.now)
    with acting(actor_of(gus)) as by, pytest.raises(NotThere):
        work.cancel_lift(project_id=desk.project.id, by=by, now=desk.now)
    with acting(actor_of(alice)) as by:
        assert work.cancel_lift(project_id=desk.project.id, by=by, now=desk.now) == len(runs)
    with acting(STAFF):
        assert set(LiftRun.objects.values_list("state", flat=True)) == {"cancelled"}
        assert sum(LiftRun.objects.values_list("charged", flat=True)) == 2
    desk.begin_close(alice)
    assert desk.close()
    begin(desk)
    with acting(actor_of(alice)) as by, pytest.raises(Conflict, match="nothing to cancel"):
        work.cancel_lift(project_id=desk.project.id, by=by, now=desk.now)


def test_a_settlement_is_followed_by_a_run_when_something_was_accepted_since(desk, people):
    desk.later(days=7)
    desk.settle()
    runs = begin(desk)
    assert {run.reason for run in runs} == {Reason.ROUND}
    key = bytes(the_run(runs).key)
    for run in runs:
        finish(desk, run, {pseudonym(key, user.id): ABOVE for user in people})
    with acting(STAFF):
        assert LiftScore.objects.count() == len(people)
    assert bonuses(desk) == {}
    desk.later(days=7)
    desk.settle()
    assert begin(desk) == []


def test_the_database_pays_nobody_whose_interval_holds_zero(closed, people):
    run = measure(closed, people, ABOVE, UNSURE, BELOW)
    with acting(STAFF):
        row = LiftScore.objects.get(run=run, contributor=people[1])
    with acting(closed.system), pytest.raises(IntegrityError), transaction.atomic():
        LiftScore.objects.create(
            org_id=row.org_id, project_id=row.project_id, contributor_id=people[1].id,
            run=begin_copy(run), reason="close", at=closed.now, group="x", rows=2, value=0.1,
            low=-0.1, high=0.3, part=10, net=5, fee=1,
        )  # fmt: skip


def begin_copy(run: LiftRun) -> LiftRun:
    run.pk = None
    run._state.adding = True
    run.save(force_insert=True)
    return run
