"""Scores since the last full run: once an answer, in its order, in the way of nothing."""

import pytest
from django.db import transaction

from apps.core.errors import NotAllowed
from apps.core.tasks import pairs
from apps.core.tenancy import acting, system
from apps.organizations.queries import actor_of
from apps.scoring import actions as scoring
from apps.scoring.models import ScoringRun
from apps.work import actions as work
from apps.work import tasks
from apps.work.actions import online
from apps.work.models import OnlineAnswer, OnlineScore, OnlineState
from tests.factories.projects import BODY
from tests.work.conftest import STAFF, Desk

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def cold():
    """No state of another test in memory."""
    online._states.clear()
    yield
    online._states.clear()


@pytest.fixture
def desk(acme, project, now, clock_at):
    made = project(
        acme, how_many=16, gold=16, gold_percent=0, limits={"newcomer_share_percent": 100}
    )
    return Desk(made, now, clock_at)


@pytest.fixture
def crowd(desk, carol, dave):
    """Both answer eight of sixteen items; dave differs on the fourth and the eighth."""
    for user, odd in ((carol, 99), (dave, 4)):
        desk.enrol(user)
        for place in range(8):
            desk.hand_in(user, "unclear" if (place + 1) % odd == 0 else ["yes", "no"][place % 2])


def score(desk) -> ScoringRun:
    desk.later(minutes=2)
    run = desk.as_system(work.request_scores, project_id=desk.project.id)
    scoring.run(run_id=run.id, by=system(run.org_id))
    desk.as_system(work.take_scores, run_id=run.id)
    with acting(STAFF):
        return ScoringRun.objects.get(id=run.id)


def count(desk) -> int:
    return desk.as_system(work.count_online, project_id=desk.project.id)


def state(desk) -> OnlineState:
    with acting(STAFF):
        return OnlineState.objects.get(project=desk.project)


def is_due(desk) -> bool:
    return (desk.project.id, desk.project.org_id) in pairs("work_online_due", desk.now)


def test_before_the_first_run_there_is_nothing(desk, crowd):
    assert not is_due(desk)
    assert count(desk) == 0
    with acting(STAFF):
        assert not OnlineState.objects.exists()


def test_a_run_makes_a_state_and_answers_change_it(desk, crowd, carol, dave):
    run = score(desk)
    assert is_due(desk)
    assert count(desk) == 0
    begun = state(desk)
    assert (begun.run_id, begun.added, begun.reason) == (run.id, 0, "")
    assert begun.figures["alpha"] == pytest.approx(run.result["agreement"]["alpha"])
    assert not is_due(desk)
    desk.hand_in(carol, "yes")
    desk.hand_in(dave, "no")
    assert is_due(desk)
    assert count(desk) == 2
    found = state(desk)
    assert (found.added, found.figures["items"]) == (2, 1)
    assert found.figures["alpha"] < found.figures["alpha_before"] == begun.figures["alpha"]
    (item,) = found.figures["last"]
    assert (item["before"], item["answers"]) == (None, 2)
    with acting(STAFF):
        scores = {row.contributor_id: row for row in OnlineScore.objects.all()}
    assert {row.answers for row in scores.values()} == {1}
    assert set(scores) == {carol.id, dave.id}
    assert all(0 < row.now < 1 and 0 < row.before < 1 for row in scores.values())
    assert not is_due(desk)


def test_it_equals_the_full_state_over_the_same_answers(desk, crowd, carol, dave):
    """Alpha is exact: what is kept up to date is what a run computes from scratch."""
    score(desk)
    count(desk)
    for choice in ("yes", "no", "yes"):
        desk.hand_in(carol, choice)
        desk.hand_in(dave, "yes")
    count(desk)
    kept = state(desk).figures["alpha"]
    run = score(desk)
    assert kept == pytest.approx(run.result["agreement"]["alpha"], abs=1e-12)
    count(desk)
    difference = state(desk).difference
    assert difference["answers"] == 6
    assert difference["alpha_online"] == pytest.approx(difference["alpha_full"], abs=1e-12)
    assert 0 <= difference["mean"] <= difference["largest"] < 1
    assert (difference["items"], difference["workers"]) == (11, 2)
    assert state(desk).added == 0


def test_ordered_answers_have_their_alpha_at_once(project, acme, now, clock_at, carol, dave):
    """Yes, no, unclear: in this order, one step apart and two."""
    config = {**BODY["task"]["config"], "level": "ordinal"}
    desk = Desk(
        project(
            acme, how_many=10, gold=0, gold_percent=0, task={"config": config},
            limits={"newcomer_share_percent": 100},
        ),
        now,
        clock_at,
    )  # fmt: skip
    for user, choices in ((carol, ["yes", "no", "unclear"] * 2), (dave, ["yes", "no", "no"] * 2)):
        desk.enrol(user)
        for choice in choices:
            desk.hand_in(user, choice)
    run = score(desk)
    assert run.params["level"] == "ordinal"
    count(desk)
    assert state(desk).figures["alpha"] == pytest.approx(run.result["agreement"]["alpha"])
    desk.hand_in(carol, "yes")
    desk.hand_in(dave, "unclear")
    count(desk)
    found = state(desk).figures
    assert found["alpha"] < found["alpha_before"]
    after = score(desk)
    assert found["alpha"] == pytest.approx(after.result["agreement"]["alpha"], abs=1e-12)


def test_an_answer_counts_once_whatever_is_redelivered(desk, crowd, carol):
    score(desk)
    count(desk)
    desk.hand_in(carol, "yes")
    assert [count(desk) for _ in range(3)] == [1, 0, 0]
    message = {"id": str(desk.project.id), "org_id": str(desk.project.org_id)}
    assert [tasks.count_online_of(**message) for _ in range(2)] == [0, 0]
    assert state(desk).added == 1
    with acting(STAFF):
        assert OnlineAnswer.objects.count() == 1


def test_what_is_rolled_back_is_added_again(desk, crowd, carol, dave):
    """The worker dies after it has added an answer and before its transaction is over."""
    score(desk)
    count(desk)
    desk.hand_in(carol, "yes")
    with transaction.atomic():
        assert count(desk) == 1
        transaction.set_rollback(True)
    assert state(desk).added == 0
    desk.hand_in(dave, "no")
    assert count(desk) == 2
    assert state(desk).figures["items"] == 1


@pytest.mark.parametrize("is_warm", [True, False])
def test_a_worker_without_the_state_builds_the_same(
    desk, crowd, carol, dave, is_warm, django_capture_on_commit_callbacks
):
    score(desk)
    with django_capture_on_commit_callbacks(execute=True):
        count(desk)
    found = []
    for choice in ("yes", "no", "unclear"):
        desk.hand_in(carol, choice)
        desk.hand_in(dave, "yes")
        with django_capture_on_commit_callbacks(execute=True):
            count(desk)
        assert (desk.project.id in online._states) is True
        if not is_warm:
            online._states.clear()
        found.append(state(desk).figures)
    # Both ways end here: the values of the warm worker, to the last digit of a float.
    assert found[-1]["items"] == 3
    online._states.clear()
    with acting(STAFF):
        again = online._held(OnlineState.objects.get())
    assert online._figures(again) == found[-1]


def test_a_state_of_another_number_is_not_trusted(desk, crowd, carol, dave):
    score(desk)
    count(desk)
    desk.hand_in(carol, "yes")
    with acting(STAFF):
        stale = online._held(OnlineState.objects.get())
    stale.add("nowhere", "nobody", "yes", None)
    online._states[desk.project.id] = stale
    assert count(desk) == 1
    assert state(desk).figures["items"] == 1


def test_undone_rejected_and_qualifying_answers_do_not_count(desk, crowd, carol, dave, rob):
    score(desk)
    count(desk)
    row = desk.claim(carol)
    desk.submit(carol, row, "yes")
    assert count(desk) == 0, "it can still be undone"
    desk.undo(carol, row)
    desk.later(seconds=90)
    assert count(desk) == 0
    rejected = desk.hand_in(dave, "no")
    desk.reject(rob, rejected)
    assert count(desk) == 0
    with acting(STAFF):
        assert not OnlineAnswer.objects.exists()


def test_a_second_round_takes_the_place_of_the_first(desk, crowd, carol, dave, rob):
    score(desk)
    count(desk)
    row = desk.hand_in(carol, "yes")
    desk.hand_in(dave, "yes")
    assert count(desk) == 2
    before = state(desk).figures["last"][0]
    desk.ask_rework(rob, row)
    desk.submit(carol, desk.fresh(row), "no")
    desk.later(seconds=90)
    assert count(desk) == 1
    after = state(desk).figures["last"][0]
    assert before["label"] == "yes"
    assert (after["item"], after["answers"]) == (before["item"], 2)
    assert after["probability"] < before["probability"]


def test_a_new_class_waits_for_the_next_run(desk, carol, dave):
    for user in (carol, dave):
        desk.enrol(user)
        for place in range(6):
            desk.hand_in(user, ["yes", "no"][place % 2])
    score(desk)
    count(desk)
    desk.hand_in(carol, "unclear")
    assert count(desk) == 0
    found = state(desk)
    assert (found.added, found.waiting) == (0, 1)
    assert not is_due(desk), "nobody asks for it again and again"
    score(desk)
    count(desk)
    assert (state(desk).added, state(desk).waiting) == (0, 0)


def test_what_cannot_be_kept_says_why_and_is_not_tried_again(desk, crowd, carol, monkeypatch):
    monkeypatch.setattr("gpu_jobs.online.standing.CELLS", 10)
    score(desk)
    assert count(desk) == 0
    assert "more than standing confusion matrices are kept for" in state(desk).reason
    desk.hand_in(carol, "yes")
    assert not is_due(desk)


def test_no_deadline_waits_for_it(desk, crowd, carol, monkeypatch):
    """With the whole of it broken, silence still pays, and the next full run scores."""

    def broken(*_args, **_words):
        raise MemoryError

    score(desk)
    monkeypatch.setattr(online, "_started", broken)
    row = desk.hand_in(carol, "yes")
    with pytest.raises(MemoryError), transaction.atomic():
        count(desk)
    assert score(desk).result["scores"]["submissions"] == 17
    desk.at(desk.fresh(row).review_due_at)
    desk.lapse(row)
    assert desk.state(row) == "accepted"


def test_only_the_marketplace_does_it(desk, crowd, alice):
    score(desk)
    with acting(actor_of(alice)) as by, pytest.raises(NotAllowed):
        work.count_online(project_id=desk.project.id, by=by, now=desk.now)
