"""Nothing that a contributor sees tells a known answer from an ordinary item."""

import random

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from apps.core.tenancy import acting
from apps.projects.models import GoldAnswer
from apps.work.models import Enrolment
from tests.factories import accounts
from tests.work.conftest import STAFF

PEOPLE, EACH = 10, 24


def seen(row, order: int) -> list[float]:
    """All numbers that a claim gives away: id, place, price, caps, times."""
    return [
        *row.id.bytes[6:],
        order,
        row.held_pay, row.held_fee, row.held_extra, row.cap_seconds,
        (row.next_due_at - row.claimed_at).total_seconds(),
        row.attempt, row.rounds, len(row.triggers),
    ]  # fmt: skip


@pytest.fixture(params=[30, 10], ids=["one share", "by how sure the run is"])
def claims(desk_of, project, acme, monkeypatch, request):
    """What the contributors saw, and which of it was gold. Of an adaptive share each person meets
    another one, as if a run had said so.
    """
    draw = random.Random(11)  # noqa: S311 -- the same in every run
    monkeypatch.setattr(random, "random", draw.random)
    desk = desk_of(
        project(
            acme, how_many=160, gold=80, gold_percent=30, gold_percent_min=request.param,
            overlap=3, budget=5_000_00, limits={"newcomer_share_percent": 100},
        )
    )  # fmt: skip
    with acting(STAFF):
        known = set(
            GoldAnswer.objects.filter(project=desk.project).values_list("item_id", flat=True)
        )
    people = [accounts.contributor(f"reader{n}", now=desk.now) for n in range(PEOPLE)]
    rows = []
    for person in people:
        desk.enrol(person)
        with acting(STAFF):
            Enrolment.objects.filter(contributor=person).update(gold_unsure=draw.random())
        for order in range(EACH):
            row = desk.claim(person)
            rows.append((seen(row, order), row.item_id in known))
            desk.submit(person, row)
    return rows


def test_a_classifier_learns_nothing(claims):
    features = np.array([row for row, _ in claims], dtype=float)
    is_gold = np.array([gold for _, gold in claims])
    assert 0.3 < is_gold.mean() < 0.8
    forest = RandomForestClassifier(n_estimators=60, max_depth=4, random_state=5, n_jobs=1)
    folds = StratifiedKFold(5, shuffle=True, random_state=5)
    guess = cross_val_predict(forest, features, is_gold, cv=folds, method="predict_proba")[:, 1]
    # 240 claims: the AUC of chance has a standard deviation below 0.04.
    assert abs(roc_auc_score(is_gold, guess) - 0.5) < 0.15
    # The same classifier finds a mark of one bit, so it could have found one.
    marked = np.column_stack([features, is_gold ^ (np.arange(len(is_gold)) % 10 == 0)])
    guess = cross_val_predict(forest, marked, is_gold, cv=folds, method="predict_proba")[:, 1]
    assert roc_auc_score(is_gold, guess) > 0.8
