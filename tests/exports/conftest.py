"""The desk of the work tests, and a project whose every kind of line comes up."""

import pytest

from apps.scoring import actions as scoring
from apps.work import actions as work
from tests.work.conftest import desk, desk_of, reusable

__all__ = ["desk", "desk_of", "reusable", "score", "story"]


def score(desk) -> None:
    run = desk.as_system(work.request_scores, project_id=desk.project.id)
    scoring.run(run_id=run.id, by=desk.system)
    desk.as_system(work.take_scores, run_id=run.id)


@pytest.fixture
def story(desk, carol, dave, rob) -> dict:
    """Accepted, rejected, expired and given-back work, a qualification item, a settlement."""
    desk.enrol(carol)
    desk.enrol(dave, "tested")
    row = desk.claim(dave)
    desk.submit(dave, row, "unclear")
    rows = {"qualification": row, "accepted": desk.hand_in(carol, seconds=600)}
    rows["rejected"] = desk.hand_in(carol, "no")
    score(desk)
    desk.later(minutes=1)
    desk.reject(rob, rows["rejected"])
    rows["expired"] = desk.claim(carol)
    desk.work_for(carol, rows["expired"], 60)
    desk.later(minutes=31)
    desk.lapse(rows["expired"])
    rows["given_back"] = desk.claim(carol)
    desk.give_back(carol, rows["given_back"])
    desk.at(desk.fresh(rows["accepted"]).review_due_at)
    desk.lapse(*rows.values())
    desk.settle()
    return rows
