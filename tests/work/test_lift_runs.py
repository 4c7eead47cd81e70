"""Lift runs on the real engine: rows, chunks, workers that die, bonuses, and the repeat."""

import json
import os
import signal
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from apps.core import blobs
from apps.core.tenancy import acting
from apps.exports import actions as exports
from apps.ledger import queries as ledger
from apps.organizations.queries import actor_of
from apps.projects.models import GoldAnswer, Project
from apps.scoring import actions as scoring
from apps.scoring.actions import lift as scoring_lift
from apps.scoring.enums import Grouping, LiftState, Reason
from apps.scoring.models import LiftChunk, LiftRun
from apps.work import actions as work
from apps.work import tasks
from apps.work.actions import lift
from apps.work.actions.lift_rows import pseudonym
from apps.work.models import Assignment, EarningLine, LiftPool, LiftRound, LiftScore, Submission
from marketplace.runtime.places import CHECKOUT
from marketplace.runtime.processes import wait_until
from tests.factories import accounts
from tests.work.conftest import STAFF, Desk
from tests.work.lift import learnable, with_lift

NAMES = ("carol", "dave", "erin", "finn")
WRONG = (0.0, 0.05, 0.1, 0.5)


@pytest.fixture
def people(db, now):
    return [accounts.contributor(name, now=now) for name in NAMES]


@pytest.fixture
def desk(acme, people, now, clock_at, alice) -> Desk:
    by = actor_of(alice)
    made = learnable(acme, people, list(WRONG), by=by, now=now)
    return Desk(with_lift(made, by=by, now=now), now, clock_at)


def close(desk) -> None:
    """As `close_when_done` leaves it."""
    with acting(desk.system) as by:
        project = Project.objects.select_related("criteria", "org").get(id=desk.project.id)
        Project.objects.filter(id=project.id).update(state="closed", closed_at=desk.now)
        lift.begin_pool(project=project, by=by, now=desk.now)


def begin(desk) -> list[LiftRun]:
    tasks.take_lift_all(now=desk.now)
    with acting(STAFF):
        return list(LiftRun.objects.filter(state=LiftState.QUEUED).order_by("grouping"))


def compute(desk, run: LiftRun) -> LiftRun:
    while scoring.run_lift(run_id=run.id, by=desk.system):
        pass
    with acting(STAFF):
        return LiftRun.objects.get(id=run.id)


def rows_of(run: LiftRun) -> list[dict]:
    return pq.read_table(blobs.path(run.input_sha256)).to_pylist()


@pytest.mark.django_db
def test_the_close_pays_who_made_the_model_better_and_not_the_noise(desk, people):
    close(desk)
    runs = begin(desk)
    # Everybody is in one tier and was accepted in one week: nothing to compare there.
    assert [run.grouping for run in runs] == [Grouping.CONTRIBUTOR, Grouping.KIND]
    done = [compute(desk, run) for run in runs]
    assert {run.state for run in done} == {LiftState.DONE}, [run.error for run in done]
    run = done[0]
    assert run.result["controls"][0]["low"] < 0 < run.result["controls"][0]["high"]
    with acting(STAFF):
        parts = list(LiftChunk.objects.filter(run=run).values_list("milliseconds", flat=True))
    assert run.milliseconds >= sum(parts) > 0
    tasks.take_lift_all(now=desk.now)
    with acting(STAFF):
        pool = LiftPool.objects.get()
        scores = {row.contributor_id: row for row in LiftScore.objects.all()}
        lines = list(EarningLine.objects.filter(kind="lift_bonus"))
    noise = scores[people[3].id]
    assert noise.net == 0 and noise.significant != "positive"
    assert pool.state == "paid" and pool.people == len(lines) >= 1
    assert sum(line.gross for line in lines) <= pool.amount
    best = scores[people[0].id]
    assert best.value > noise.value and best.rows == 40
    with acting(STAFF):
        own = set(Submission.objects.filter(contributor=people[0]).values_list("id", flat=True))
    assert best.examples and {e["effect"] for e in best.examples} <= {"helped", "hurt"}
    assert {e["submission"] for e in best.examples} <= {str(each) for each in own}
    desk.prove()


@pytest.mark.django_db
def test_rows_are_accepted_answers_alone_under_pseudonyms_and_no_test_item(desk, people):
    with acting(desk.system):
        rows = list(Assignment.objects.filter(contributor=people[0]).order_by("id"))
        Assignment.objects.filter(id=rows[0].id).update(
            state="rejected", appeal_due_at=desk.now, ended_at=desk.now
        )
        # An answer to an item of the test set, and one to an item whose answer became known since.
        known = GoldAnswer.objects.exclude(item__purpose="qualification").order_by("item")[0]
        taken = Submission.objects.get(assignment=rows[1])
        Assignment.objects.filter(id=rows[1].id).update(item=known.item)
        Submission.objects.filter(id=taken.id).update(item=known.item)
        gone = GoldAnswer.objects.exclude(item=known.item).order_by("-item")[0]
        gone.demoted_at, gone.demoted_by_id = desk.now, people[0].id
        gone.demoted_reason = "The item shows two things."
        gone.save(update_fields=["demoted_at", "demoted_by", "demoted_reason"])
    close(desk)
    run = begin(desk)[0]
    found = rows_of(run)
    train = [row for row in found if row["split"] == "train"]
    test = [row for row in found if row["split"] == "test"]
    assert len(train) == run.input_rows == 4 * 40 - 2
    assert len(test) == run.test_rows == 59
    assert {row["item_id"] for row in train} & {row["item_id"] for row in test} == set()
    key = bytes(run.key)
    assert {row["group"] for row in train} == {pseudonym(key, user.id) for user in people}
    text = str(found)
    assert not any(str(user.id) in text or user.email in text for user in people)
    submissions = {row["row_id"] for row in train}
    with acting(STAFF):
        out = Submission.objects.filter(assignment__in=[rows[0].id, rows[1].id])
        assert not submissions & {str(pk) for pk in out.values_list("id", flat=True)}


@pytest.mark.django_db
def test_a_leak_of_the_test_set_into_training_fails_in_words_and_costs_nothing(desk):
    with acting(desk.system):
        test = GoldAnswer.objects.select_related("item").order_by("item")[0].item
        row = Submission.objects.select_related("item").order_by("id")[0]
        row.item.payload = test.payload
        row.item.save(update_fields=["payload"])
    close(desk)
    runs = [compute(desk, run) for run in begin(desk)]
    assert {run.state for run in runs} == {LiftState.FAILED}
    assert all(test.external_id in run.error for run in runs)
    assert {run.charged for run in runs} == {0}


@pytest.mark.django_db
def test_the_cap_of_computing_stops_a_run_with_what_there_is(desk, alice):
    with acting(actor_of(alice)) as by:
        work.ask_lift(project_id=desk.project.id, by=by, now=desk.now)
    run = begin(desk)[0]
    with acting(desk.system):
        LiftRun.objects.filter(id=run.id).update(milliseconds=10**6)
    done = compute(desk, run)
    assert done.state == LiftState.DONE and done.result["stopped"] == "budget"
    assert done.result["convergence"]["chunks"] == 1


@pytest.mark.django_db
def test_two_workers_by_turns_say_what_one_says(desk, now, monkeypatch):
    close(desk)
    first = begin(desk)[0]
    with acting(desk.system):
        second = LiftRun.objects.get(id=first.id)
        second.pk, second.payer = None, "platform"
        second._state.adding = True
        second.save(force_insert=True)
    one = compute(desk, first)
    # Two leases are out at once, and come back in the other order.
    scoring_lift._begin(second.id, by=desk.system)
    job = scoring_lift.import_module("gpu_jobs.lift.job")
    spec, workdir = scoring_lift.spec_of(second), scoring_lift._workdir(second.id)
    scoring_lift._planned(second.id, job.plan(spec, workdir), 1, by=desk.system)
    numbers = [scoring_lift._lease(second.id, by=desk.system) for _ in range(2)]
    assert numbers == [0, 1]
    for number in reversed(numbers):
        job.compute(spec, workdir, number)
        assert scoring_lift._computed(second.id, number, 5, by=desk.system)
    two = compute(desk, second)
    assert two.state == LiftState.DONE
    assert two.result == one.result
    assert (two.groups_sha256, two.examples_sha256) == (one.groups_sha256, one.examples_sha256)
    assert two.charged == 0  # the platform's


@pytest.mark.django_db
def test_a_silent_worker_s_part_is_taken_by_another_and_given_up_after_five(desk):
    close(desk)
    run = begin(desk)[0]
    scoring_lift._begin(run.id, by=desk.system)
    scoring_lift._planned(run.id, 4, 1, by=desk.system)
    assert scoring_lift._lease(run.id, by=desk.system) == 0
    for _ in range(scoring.ATTEMPTS - 1):
        with acting(desk.system):
            LiftChunk.objects.update(taken_at=desk.now - scoring.STALE)
        assert scoring_lift._lease(run.id, by=desk.system) == 0
    with acting(desk.system):
        LiftChunk.objects.update(taken_at=desk.now - scoring.STALE)
    assert scoring.run_lift(run_id=run.id, by=desk.system) is False
    with acting(STAFF):
        assert "Given up" in LiftRun.objects.get(id=run.id).error


@pytest.mark.django_db
def test_one_contributor_s_contest_repeats_the_run_with_its_seed(desk, people):
    close(desk)
    runs = [compute(desk, run) for run in begin(desk)]
    tasks.take_lift_all(now=desk.now)
    with acting(desk.system) as by:
        assert work.repeat_for_contest(
            project_id=desk.project.id, since=desk.now, until=desk.now, by=by, now=desk.now
        )
    again = compute(desk, begin(desk)[0])
    assert again.reason == Reason.CONTEST and again.payer == "platform"
    tasks.take_lift_all(now=desk.now)
    values = {row["n"]: row["value"] for row in runs[0].result["groups"]}
    assert {row["n"]: row["value"] for row in again.result["groups"]} == values
    with acting(STAFF):
        mine = work.repeated(desk.project.id, people[0].id, since=desk.now)
        assert mine is not None
        # The same rows and the same seed: nothing more is due.
        assert work.pay_lift_difference(mine, base=mine.id, by=STAFF, now=desk.now) is None


@pytest.mark.django_db(transaction=True)
def test_real_workers_share_a_run_and_one_of_them_is_killed(desk, process_env, tmp_path):
    close(desk)
    env = {**process_env, "DJANGO_SETTINGS_MODULE": "marketplace.settings"}
    log = (tmp_path / "worker.log").open("w+")

    def worker(name: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "marketplace", "worker", "-Q", "default,gpu",
             "-c", "1", "--pool", "solo", "-n", name, "-l", "INFO"],
            cwd=CHECKOUT, env=env, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def ring(task: str) -> None:
        code = f"from marketplace.celery import app; app.send_task({task!r})"
        subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, env=env, check=True)

    def state() -> set[str]:
        with acting(STAFF):
            return set(LiftRun.objects.values_list("state", flat=True))

    workers = [worker("one@lift")]
    try:
        ring("work.take_lift")
        assert wait_until(lambda: "running" in state() or "done" in state(), seconds=120)
        workers[0].send_signal(signal.SIGKILL)
        workers[0].wait(timeout=30)
        with acting(STAFF):
            # Nobody waits a minute in a test for its leases to go stale.
            LiftChunk.objects.filter(done_at=None).update(taken_at=desk.now)
            LiftRun.objects.filter(state="running").update(claimed_at=desk.now)
        workers.append(worker("two@lift"))
        ring("scoring.requeue_lift")
        arrived = wait_until(lambda: state() == {"done"}, seconds=180)
        ring("work.take_lift")
        paid = wait_until(lambda: _is_paid(desk), seconds=60)
    finally:
        for each in workers:
            each.kill()
            each.wait(timeout=30)
        log.seek(0)
        said = log.read()[-3000:]
        log.close()
    assert arrived and paid, said
    with acting(STAFF):
        assert ledger.prove().fault is None
        assert LiftRound.objects.get().begun_at is not None


def _is_paid(desk) -> bool:
    with acting(STAFF):
        return LiftPool.objects.get().state == "paid"


@pytest.mark.django_db
def test_anyone_repeats_the_run_from_the_release_and_gets_the_same_figures(desk, alice, tmp_path):
    close(desk)
    for run in begin(desk):
        compute(desk, run)
    tasks.take_lift_all(now=desk.now)
    with acting(actor_of(alice)) as by:
        release = exports.make_release(project_id=desk.project.id, by=by, now=desk.now)
    with acting(desk.system) as by:
        built = exports.build(release_id=release.id, by=by, now=desk.now)
    assert built.state == "ready", built.error
    for name in ("lift-train.parquet", "lift-test.parquet", "lift.json"):
        (tmp_path / name).write_bytes(blobs.read(built.files[name]["sha256"]))
    told = json.loads((tmp_path / "lift.json").read_text())
    words = told["command"].replace("--out lift.json", "--out again.json").split()
    env = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    subprocess.run(
        [sys.executable, *words[1:]], cwd=tmp_path, env=env, check=True, stdout=subprocess.DEVNULL
    )
    again = json.loads((tmp_path / "again.json").read_text())
    assert f"--seed {told['seed']}" in told["command"]
    assert (again["everybody"], again["nobody"]) == (
        told["figures"]["everybody"], told["figures"]["nobody"],
    )  # fmt: skip
    found = {row["name"]: (row["value"], row["low"], row["high"]) for row in again["groups"]}
    assert found == {
        row["group"]: (row["value"], row["low"], row["high"]) for row in told["figures"]["groups"]
    }
