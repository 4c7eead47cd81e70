"""Scores: which answers go into a run, what comes back, and that no run is asked for in vain."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from apps.core import blobs
from apps.core.ids import uuid7
from apps.core.tasks import pairs
from apps.core.tenancy import acting
from apps.scoring import actions as scoring
from apps.scoring.enums import RunState
from apps.scoring.models import ScoringRun
from apps.work import actions as work
from tests.work.conftest import STAFF


def request(desk):
    return desk.as_system(work.request_scores, project_id=desk.project.id)


def is_listed(desk) -> bool:
    """Whether the sweep sees that the project wants a run."""
    return (desk.project.id, desk.project.org_id) in pairs("work_unscored_projects", desk.now)


def score(desk) -> ScoringRun:
    """A run asked for, computed and taken."""
    run = request(desk)
    scoring.run(run_id=run.id, by=desk.system)
    desk.as_system(work.take_scores, run_id=run.id)
    with acting(STAFF):
        return ScoringRun.objects.get(id=run.id)


def table(run) -> dict[str, dict]:
    """By submission id: its row of the run's input."""
    rows = pq.read_table(io.BytesIO(blobs.read(run.input_sha256))).to_pylist()
    return {row["submission_id"]: row for row in rows}


def copied(run: ScoringRun, kind: str, desk) -> ScoringRun:
    """A later finished run of another kind of the same project."""
    with acting(STAFF):
        other = ScoringRun.objects.get(id=run.id)
        other.pk, other.kind = uuid7(), kind
        other.created_at = other.finished_at = other.handled_at = desk.later(minutes=1)
        other.result = {}
        other.save(force_insert=True)
    return other


@pytest.fixture
def rows(desk, carol, dave):
    desk.enrol(carol)
    desk.enrol(dave)
    return [
        desk.hand_in(user, choice)
        for user, choice in ((carol, "yes"), (carol, "no"), (dave, "yes"))
    ]


def test_answers_go_in_when_their_undo_is_over(desk, rows, carol):
    late = desk.claim(carol)
    desk.submit(carol, late)
    inside = table(request(desk))
    assert set(inside) == {str(desk.answer_of(row).id) for row in rows}
    one = inside[str(desk.answer_of(rows[0]).id)]
    assert (one["answer"], one["gold"], one["seconds"]) == ("yes", None, 30.0)
    assert one["worker_id"] == str(carol.id)


def test_nothing_to_score_is_no_run(desk, carol):
    assert request(desk) is None
    row = desk.begin(carol)
    desk.submit(carol, row)
    assert request(desk) is None
    desk.undo(carol, row)
    desk.later(minutes=5)
    assert request(desk) is None


def test_one_run_at_a_time_and_none_without_news(desk, rows, carol):
    run = request(desk)
    assert request(desk) is None
    scoring.run(run_id=run.id, by=desk.system)
    assert request(desk) is None, "the finished run is not taken yet"
    desk.as_system(work.take_scores, run_id=run.id)
    assert request(desk) is None
    desk.hand_in(carol)
    assert request(desk) is not None


def test_a_rejected_answer_is_in_no_input(desk, rows, rob):
    desk.reject(rob, rows[0])
    run = score(desk)
    assert set(table(run)) == {str(desk.answer_of(row).id) for row in rows[1:]}
    desk.later(minutes=1)
    # It will never be scored, and asks for no further run.
    assert request(desk) is None


def test_a_rejection_after_the_scores_takes_the_answer_out_again(desk, rows, rob):
    run = score(desk)
    assert len(table(run)) == 3
    desk.later(minutes=1)
    assert not is_listed(desk)
    desk.reject(rob, rows[0])
    desk.later(minutes=1)
    assert is_listed(desk)
    again = score(desk)
    assert set(table(again)) == {str(desk.answer_of(row).id) for row in rows[1:]}
    desk.later(minutes=1)
    assert not is_listed(desk)
    assert request(desk) is None


def test_of_two_rounds_the_second_counts(desk, rows, carol, rob):
    first = desk.answer_of(rows[0])
    desk.ask_rework(rob, rows[0])
    desk.submit(carol, rows[0], "unclear")
    desk.later(seconds=61)
    inside = table(score(desk))
    assert str(first.id) not in inside
    assert inside[str(desk.answer_of(rows[0]).id)]["answer"] == "unclear"
    desk.later(minutes=1)
    assert request(desk) is None


def test_an_input_that_failed_is_not_tried_for_ever(desk, rows, carol):
    run = request(desk)
    with acting(STAFF):
        ScoringRun.objects.filter(id=run.id).update(state=RunState.FAILED, error="No.")
    assert request(desk) is None
    desk.hand_in(carol)
    assert request(desk) is not None


def test_scores_stand_on_answers_and_people(desk_of, project, acme, carol, dave):
    desk = desk_of(
        project(acme, how_many=4, gold=4, gold_percent=0, limits={"newcomer_share_percent": 100})
    )
    for user in (carol, dave):
        desk.enrol(user)
        for _ in range(4):
            desk.hand_in(user, "yes")
    run = score(desk)
    assert run.handled_at == desk.now
    enrolment = desk.enrolment(carol)
    # Two of the four known answers are "yes".
    assert (enrolment.gold_count, enrolment.gold_correct) == (4, 2)
    assert 0 < enrolment.gold_lower < 0.5
    with acting(STAFF):
        rows = list(desk.project.submissions.all())
    assert sorted(row.scores["gold"] for row in rows) == [False] * 4 + [True] * 4
    assert {row.scores["agreement"] for row in rows} == {1.0}
    assert desk.as_system(work.take_scores, run_id=run.id) == 0


def test_acceptances_that_waited_are_booked_with_the_scores(desk, rows, rob):
    desk.accept(rob, rows[0])
    assert desk.state(rows[0]) == "submitted"
    desk.later(minutes=5)
    score(desk)
    (verdict,) = desk.verdicts(rows[0])
    assert (verdict.decider, verdict.decided_by_id, verdict.decided_at) == (
        "person",
        rob.id,
        desk.now,
    )
    assert verdict.scores["agreement"] != "absent"
    assert desk.state(rows[1]) == "submitted"
    desk.check_holds(*rows)


def test_scores_that_come_late_move_no_deadline(desk, rows, rob):
    run = request(desk)
    asked = desk.now
    desk.accept(rob, rows[0])
    scoring.run(run_id=run.id, by=desk.system)
    desk.later(hours=3)
    desk.as_system(work.take_scores, run_id=run.id)
    assert (desk.fresh(rows[0]).ended_at - asked).total_seconds() == 3600


def test_the_input_is_a_table_of_plain_columns(desk, rows):
    found = pq.read_table(io.BytesIO(blobs.read(request(desk).input_sha256)))
    assert found.column_names == [
        "submission_id",
        "item_id",
        "worker_id",
        "answer",
        "gold",
        "seconds",
        "at",
        "annotator",
    ]
    assert found.schema.field("gold").type == pa.string()


def test_a_later_run_of_another_kind_has_read_no_news(desk, rows, alice):
    run = score(desk)
    desk.later(minutes=5)
    desk.reject(alice, rows[0])
    assert is_listed(desk)
    copied(run, "human", desk)
    assert is_listed(desk)
    score(desk)
    assert not is_listed(desk)
