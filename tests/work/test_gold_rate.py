"""How much gold a contributor meets: by how sure the last run is of them, within the criteria."""

import random

import numpy as np
import pytest
from django.db import DatabaseError, transaction

from apps.core.tenancy import acting
from apps.projects import rules
from apps.projects.models import GoldAnswer, Item
from apps.scoring import actions as scoring
from apps.work import actions as work
from apps.work.models import Enrolment
from gpu_jobs.gold.rate import gold_rate
from tests.factories import accounts
from tests.work.conftest import STAFF

pytestmark = pytest.mark.django_db
ALL_NEW = {"newcomer_share_percent": 100}


@pytest.fixture
def golden(desk_of, project, acme):
    """Half of the items have a known answer; 5 to 15 percent of the claims are given one."""
    made = project(
        acme, how_many=60, gold=30, gold_percent=15, gold_percent_min=5, overlap=6,
        budget=2_000_00, limits={**ALL_NEW, "gold_exposure_max": 3},
    )  # fmt: skip
    return desk_of(made)


def sure_of(desk, user, unsure: float | None) -> None:
    with acting(STAFF):
        Enrolment.objects.filter(project=desk.project, contributor=user).update(gold_unsure=unsure)


def known(desk) -> set[int]:
    with acting(STAFF):
        rows = GoldAnswer.objects.filter(project=desk.project, item__purpose="work")
        return set(rows.values_list("item_id", flat=True))


@pytest.mark.parametrize(
    ("body", "unsure", "percent"),
    [
        ({"gold_percent": 15, "gold_percent_min": 5}, None, 15),
        ({"gold_percent": 15, "gold_percent_min": 5}, 1.0, 15),
        ({"gold_percent": 15, "gold_percent_min": 5}, 0.0, 5),
        ({"gold_percent": 15, "gold_percent_min": 5}, 0.25, 7.5),
        # Published before there was a lower bound: never changed by a run.
        ({"gold_percent": 10}, 0.0, 10),
        ({"gold_percent": 0, "gold_percent_min": 0}, 1.0, 0),
        ({"gold_percent": 0, "gold_percent_min": 10}, 0.0, 0),
        # Whatever a row may say, the criteria bound it.
        ({"gold_percent": 15, "gold_percent_min": 5}, 7.0, 15),
        ({"gold_percent": 15, "gold_percent_min": 5}, -3.0, 5),
    ],
)
def test_the_share_follows_the_run_within_the_criteria(body, unsure, percent):
    assert rules.gold_percent(body, unsure) == pytest.approx(percent)


def test_a_run_writes_how_unsure_it_is(desk_of, project, acme, carol, dave):
    made = project(
        acme, how_many=40, gold=40, overlap=3, gold_percent=15, gold_percent_min=5, limits=ALL_NEW,
        budget=2_000_00,
    )  # fmt: skip
    desk = desk_of(made)
    with acting(STAFF):
        answers = dict(GoldAnswer.objects.filter(project=made).values_list("item_id", "answer_key"))
    for user, how_many in ((carol, 40), (dave, 3)):
        desk.enrol(user)
        assert desk.enrolment(user).gold_unsure is None
        for _ in range(how_many):
            row = desk.claim(user)
            desk.submit(user, row, answers[row.item_id])
            desk.later(seconds=61)
    run = desk.as_system(work.request_scores, project_id=made.id)
    scoring.run(run_id=run.id, by=desk.system)
    desk.as_system(work.take_scores, run_id=run.id)
    proven, new = desk.enrolment(carol).gold_unsure, desk.enrolment(dave).gold_unsure
    # Fewer than eight known answers decide nothing, however right they are.
    assert new == 1.0
    expected = gold_rate(np.array([40]), np.array([40]), bar=0.8, low=0.05, high=0.15)
    assert rules.gold_percent(made.criteria.body, proven) == pytest.approx(100 * expected[0])
    assert 5 <= 100 * expected[0] < 8


def test_who_is_proven_meets_fewer(golden, carol, dave, monkeypatch):
    for user in (carol, dave):
        golden.enrol(user)
    sure_of(golden, carol, 0.0)
    there = known(golden)
    # Between the two shares: of this chance only the one who is not proven is given gold.
    monkeypatch.setattr(random, "random", lambda: 0.10)
    with acting(STAFF):
        Item.objects.filter(id__in=there).update(open_slots=0)
    assert golden.claim(carol).item_id not in there
    assert golden.claim(dave).item_id in there
    sure_of(golden, carol, 1.0)
    golden.give_back(carol, golden.claim(carol))
    assert golden.claim(carol).item_id in there


def test_the_share_over_many_claims(golden, monkeypatch):
    """A binomial of 900 at 5%: more than four deviations from both 15% and none."""
    draw = random.Random(3)  # noqa: S311 -- the same in every run
    drawn = [draw.random() * 100 for _ in range(900)]
    for unsure, low, high in ((0.0, 27, 65), (1.0, 105, 168)):
        body = golden.project.criteria.body
        met = sum(value < rules.gold_percent(body, unsure) for value in drawn)
        assert low < met < high


def test_a_known_answer_rests_when_it_was_given_often_enough(golden, monkeypatch):
    monkeypatch.setattr(random, "random", lambda: 0.0)
    there = known(golden)
    people = [accounts.contributor(f"reader{n}", now=golden.now) for n in range(8)]
    met: dict = {}
    for person in people:
        golden.enrol(person)
        for _ in range(14):
            row = golden.claim(person)
            met.setdefault(row.item_id, []).append(person.id)
            golden.submit(person, row)
    with acting(STAFF):
        exposed = dict(Item.objects.filter(id__in=there).values_list("id", "exposed"))
        others = Item.objects.filter(project=golden.project).exclude(id__in=there)
        assert set(others.values_list("exposed", flat=True)) == {0}
    # 30 known answers of 3 each are 90 of 112 claims; nobody met one twice.
    assert sum(exposed.values()) == 90
    assert set(exposed.values()) == {3}
    assert all(len(set(by)) == len(by) for by in met.values())


def test_criteria_without_a_bound_know_no_rest(desk_of, project, acme, monkeypatch):
    monkeypatch.setattr(random, "random", lambda: 0.0)
    # Published before there was one.
    old = {**ALL_NEW, "gold_exposure_max": None}
    desk = desk_of(project(acme, how_many=8, gold=1, overlap=8, gold_percent=10, limits=old))
    (item,) = known(desk)
    for n in range(5):
        person = accounts.contributor(f"reader{n}", now=desk.now)
        desk.enrol(person)
        assert desk.claim(person).item_id == item
    with acting(STAFF):
        assert Item.objects.get(id=item).exposed == 5


def test_the_number_on_the_row_is_a_share(golden, carol):
    golden.enrol(carol)
    for value in (-0.1, 1.1):
        with acting(STAFF), pytest.raises(DatabaseError), transaction.atomic():
            Enrolment.objects.filter(contributor=carol).update(gold_unsure=value)
