"""Scoring runs survive their workers: taken up again, given up in words, never done twice."""

import datetime as dt
import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from apps.core import blobs
from apps.core.errors import IllegalTransition
from apps.core.tenancy import acting, system
from apps.scoring import actions as scoring
from apps.scoring import queries, tasks
from apps.scoring.actions import quality
from apps.scoring.enums import RUN_TRANSITIONS, RunState
from apps.scoring.models import ScoringRun
from gpu_jobs import runner
from tests.work.conftest import STAFF


def table(rows) -> str:
    """The blob of answers (item, worker, answer)."""
    columns = {
        "submission_id": [str(number) for number in range(len(rows))],
        "item_id": [row[0] for row in rows],
        "worker_id": [row[1] for row in rows],
        "answer": [row[2] for row in rows],
        "gold": [row[0][0] if row[0] in ("yes1", "no1") else None for row in rows],
        "seconds": [30.0] * len(rows),
    }
    made = pa.table(columns, schema=pa.schema([
        *[
            (name, pa.string())
            for name in ("submission_id", "item_id", "worker_id", "answer", "gold")
        ],
        ("seconds", pa.float64()),
    ]))  # fmt: skip
    buffer = io.BytesIO()
    pq.write_table(made, buffer)
    return blobs.put(buffer.getvalue())


ANSWERS = [(item, worker, item[0]) for item in ("yes1", "no1", "yes2") for worker in "abc"]


@pytest.fixture
def asked(acme, project, now):
    made = project(acme)
    by = system(acme.id)

    def ask(rows=ANSWERS, **params) -> ScoringRun:
        with acting(by):
            return scoring.request(
                project_id=made.id, org_id=acme.id, input_sha256=table(rows), input_rows=len(rows),
                params=params, by=by, now=now,
            )  # fmt: skip

    return ask


def go(run):
    return scoring.run(run_id=run.id, by=system(run.org_id))


def fresh(run) -> ScoringRun:
    with acting(STAFF):
        return ScoringRun.objects.get(id=run.id)


def files(run) -> tuple:
    return run.labels_sha256, run.scores_sha256, run.workers_sha256


def test_a_run_ends_with_figures_and_files(asked):
    run = go(asked())
    assert run.state == RunState.DONE and run.done == run.total > 0
    assert run.finished_at is not None and run.handled_at is None
    assert run.result["labels"]["accuracy"] == 1.0
    labels = pq.read_table(io.BytesIO(blobs.read(run.labels_sha256))).to_pylist()
    assert {row["item_id"]: row["answer"] for row in labels} == {
        "yes1": "y",
        "no1": "n",
        "yes2": "y",
    }


def test_a_finished_run_is_not_run_again(asked):
    run = asked()
    go(run)
    assert go(run) is None
    assert fresh(run).attempts == 1


class Killed(BaseException):
    """What ends a worker leaves no time to tidy up."""


def killed_at(monkeypatch, stage: int):
    real = runner.run

    def dying(spec, *, workdir, report):
        def until(done, total, message):
            report(done, total, message)
            if done == stage:
                raise Killed

        return real(spec, workdir=workdir, report=until)

    monkeypatch.setattr(runner, "run", dying)
    return real


@pytest.mark.parametrize("stage", [1, 3])
def test_a_run_that_was_killed_is_taken_up_and_ends_the_same(asked, monkeypatch, stage):
    whole = go(asked())
    run = asked()
    real = killed_at(monkeypatch, stage)
    with pytest.raises(Killed):
        go(run)
    half = fresh(run)
    assert (half.state, half.done) == (RunState.RUNNING, stage)
    # Its claim is fresh: a second worker keeps off.
    monkeypatch.setattr(runner, "run", real)
    assert go(run) is None
    stages: list[int] = []

    def watched(spec, *, workdir, report):
        assert Path(workdir).exists()

        def seen(done, total, message):
            stages.append(done)
            report(done, total, message)

        return real(spec, workdir=workdir, report=seen)

    monkeypatch.setattr(runner, "run", watched)
    with acting(STAFF):
        old = half.claimed_at - scoring.STALE - dt.timedelta(seconds=1)
        ScoringRun.objects.filter(id=run.id).update(claimed_at=old)
    done = go(run)
    assert done.state == RunState.DONE and done.attempts == 2
    assert files(done) == files(whole)
    assert done.result == whole.result


def test_a_stale_claim_is_rung_for_again(asked, monkeypatch, now):
    run = asked()
    rung: list[str] = []
    monkeypatch.setattr(tasks.run, "delay", lambda **words: rung.append(words["id"]))
    assert tasks.requeue() == 1 and rung == [str(run.id)]
    with acting(STAFF):
        ScoringRun.objects.filter(id=run.id).update(state=RunState.RUNNING, claimed_at=now)
    assert tasks.requeue() == 0
    with acting(STAFF):
        ScoringRun.objects.filter(id=run.id).update(claimed_at=now - dt.timedelta(seconds=61))
    assert tasks.requeue() == 1
    tasks.run.run(id=str(run.id), org_id=str(run.org_id))
    assert fresh(run).state == RunState.DONE
    assert tasks.requeue() == 0


def test_a_run_that_always_dies_is_given_up(asked, now):
    run = asked()
    with acting(STAFF):
        ScoringRun.objects.filter(id=run.id).update(
            state=RunState.RUNNING,
            attempts=scoring.ATTEMPTS,
            claimed_at=now - dt.timedelta(hours=1),
        )
    assert go(run) is None
    ended = fresh(run)
    assert (ended.state, ended.error) == (RunState.FAILED, "Given up after 5 attempts.")


@pytest.mark.parametrize(
    ("rows", "params", "sentence"),
    [
        (ANSWERS, {"level": "loud"}, "level must be one of"),
        (ANSWERS, {"colour": "red"}, "no parameter 'colour'"),
        (ANSWERS, {"classes": ["maybe"]}, "class"),
        ([*ANSWERS, ("yes1", "a", "n")], {"repeats": "reject"}, "a"),
    ],
)
def test_an_input_that_is_wrong_fails_the_run_with_a_sentence(asked, rows, params, sentence):
    run = go(asked(rows, **params))
    ended = fresh(run)
    assert ended.state == RunState.FAILED
    assert sentence in ended.error and "\n" not in ended.error
    assert go(ended) is None


def test_a_run_of_another_organization_is_not_found(asked, globex):
    run = asked()
    assert scoring.run(run_id=run.id, by=system(globex.id)) is None
    assert fresh(run).state == RunState.QUEUED


def test_the_latest_and_the_latest_done(asked, acme):
    first = go(asked())
    second = asked()
    by = system(acme.id)
    with acting(by):
        ScoringRun.objects.filter(id=second.id).update(
            created_at=first.created_at + dt.timedelta(seconds=1)
        )
        assert queries.latest(first.project_id, by).id == second.id
        assert queries.latest_done(first.project_id, by).id == first.id


@pytest.mark.parametrize("before", RunState)
@pytest.mark.parametrize("after", RunState)
def test_states_of_a_run(before, after):
    run = ScoringRun(state=before)
    if after in RUN_TRANSITIONS[before]:
        quality._move(run, after)
        assert run.state == after
    else:
        with pytest.raises(IllegalTransition):
            quality._move(run, after)
