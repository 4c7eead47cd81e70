"""Nothing, one of everything, all equal: a defined answer, never NaN where a figure is promised."""

import numpy as np
import pytest

from gpu_jobs.anomalies.drift import drift, own_level
from gpu_jobs.anomalies.haste import haste
from gpu_jobs.anomalies.seconds import time_anomalies
from gpu_jobs.anomalies.survey import signal_table, survey
from gpu_jobs.errors.bias import crossed, gaps
from gpu_jobs.errors.cited import citations
from gpu_jobs.errors.confusion import confused_pairs, confusion, error_rates
from gpu_jobs.gold.rate import gold_rate
from gpu_jobs.gold.suspects import suspect_by_score, suspect_gold, table
from gpu_jobs.online.state import Online, difference
from gpu_jobs.planning.information import expected_information, next_items
from gpu_jobs.planning.overlap import Rule, replay

NONE = np.empty(0, dtype=np.int64)
CROWDS = [
    [],
    [("a", "w", None)],
    [("a", "w", "x")],
    [("a", "w", "x", "x"), ("a", "v", "x", "x")],
    [("a", "w", "x"), ("b", "w", "x"), ("c", "w", "x")],
    [("a", "w", "x", "never")],
]


@pytest.mark.parametrize("rows", CROWDS)
def test_everything_over_a_crowd_of_next_to_nothing(crowd, rows):
    answers = crowd(rows)
    found = replay(answers, Rule(), np.random.default_rng(1))
    wanted = np.bincount(answers.item, minlength=len(answers.items))
    assert np.all((found.used > 0) == (wanted > 0)) and np.all(found.used <= wanted)
    state = Online.start(answers)
    assert difference(state, Online.start(answers)).largest == 0
    assert table(answers, suspect_gold(answers)).num_rows == int((answers.gold != -1).sum())
    whole = survey(answers, order=answers.row.astype(float), times=np.ones(len(answers)))
    assert signal_table(answers, whole).num_rows == len(answers.workers)
    assert confused_pairs(answers, answers.gold) == []


def test_nothing_at_all():
    floats = np.empty(0)
    assert len(drift(NONE, floats, floats, floats, workers=0).p) == 0
    assert len(own_level(NONE, NONE, floats, workers=0)) == 0
    assert len(haste(time_anomalies(NONE, floats), NONE, workers=0).value) == 0
    assert gaps(floats, NONE, NONE, 2).shown.tolist() == [False, False]
    assert crossed(floats, NONE, NONE, NONE, cells=1, groups=1).shown.tolist() == [False]
    assert citations(NONE, NONE, lines=1).count.tolist() == [0]
    assert confusion(NONE, NONE, classes=2).counts.sum() == 0
    assert error_rates(NONE, NONE, NONE, 1).high.tolist() == [1]
    assert len(suspect_by_score(NONE, NONE, floats, floats).item) == 0
    assert len(gold_rate(floats, floats, bar=0.8)) == 0


def test_planning_without_choice():
    one = expected_information(np.ones((3, 1)), np.ones((1, 1)))
    assert one.tolist() == [0, 0, 0]
    found = next_items(
        np.ones((1, 1)),
        np.ones((1, 1)),
        np.ones(1),
        open_items=np.zeros(1, bool),
        answers=np.ones(1),
    )
    assert len(found.item) == 0


def test_people_of_one_answer_each_are_no_group(crowd):
    """Four people, every one wrong on the same side: no gap is called one from so few."""
    value = np.array([1.0, 1, 0, 0])
    found = gaps(value, np.array([0, 0, 1, 1]), np.arange(4), 2)
    assert found.difference.tolist() == [1, -1]
    assert not found.apart.any()
