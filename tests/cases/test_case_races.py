"""Two people, or a person and the sweep, act on the same case at the same moment."""

import datetime as dt

import pytest

from apps.cases import actions as cases
from apps.cases.models import Case
from apps.cases.tasks import sweep_all
from apps.core.errors import WagefileError
from apps.core.tenancy import acting
from apps.ledger.queries import prove
from apps.organizations.queries import actor_of
from tests.cases.conftest import DECISION, REASON
from tests.cases.gold import Golden
from tests.cases.money import STAFF, payable

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.concurrency]
DAY = dt.timedelta(days=1)


def file_it(row, user, at):
    def run():
        person = actor_of(user)
        with acting(person):
            return cases.appeal(assignment_id=row.id, reason=REASON, by=person, now=at)

    return run


def decide_it(case, user, at, *, is_granted):
    def run():
        person = actor_of(user)
        with acting(person):
            return cases.decide(
                case_id=case.id, is_granted=is_granted, decision=DECISION, by=person, now=at
            )

    return run


def test_a_double_click_files_one_appeal(rejected, carol, together):
    row, at = rejected
    results = together(*[file_it(row, carol, at + DAY)] * 3)
    refused = [result for result in results if isinstance(result, WagefileError)]
    assert len(refused) == 2
    with acting(STAFF):
        assert Case.objects.filter(assignment_id=row.id).count() == 1


def test_two_administrators_decide_at_once(rejected, carol, ada, adam, together):
    row, at = rejected
    case = file_it(row, carol, at)()
    yes = decide_it(case, ada, at + DAY, is_granted=True)
    no = decide_it(case, adam, at + DAY, is_granted=False)
    results = together(yes, no)
    assert sum(isinstance(result, WagefileError) for result in results) == 1
    with acting(STAFF):
        decided = Case.objects.get(id=case.id)
        assert prove().fault is None
    expected = {"granted": (40, ada.id), "upheld": (20, adam.id)}[decided.state]
    assert (payable(carol.id), decided.decided_by_id) == expected


def test_the_sweep_and_a_late_decision(rejected, carol, ada, together):
    row, at = rejected
    case = file_it(row, carol, at)()
    late = decide_it(case, ada, case.due_at, is_granted=False)
    together(late, lambda: sweep_all(now=case.due_at), lambda: sweep_all(now=case.due_at))
    sweep_all(now=case.due_at)
    with acting(STAFF):
        assert Case.objects.get(id=case.id).state == "lapsed"
        assert prove().fault is None
    assert payable(carol.id) == 40


# ── Known answers ───────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def contested(acme, project, now, clock_at, carol, dave, rob):
    """Carol and dave miss the same known answer, both are rejected and both contest it."""
    made = project(
        acme, how_many=1, gold=1, overlap=6, gold_percent=0, qualification=0,
        limits={"newcomer_share_percent": 100},
    )  # fmt: skip
    desk = Golden(made, now, clock_at)
    rows = []
    for user in (carol, dave):
        desk.enrol(user)
        rows += desk.answer(user, wrong=1)
    desk.score()
    for row in rows:
        desk.reject(rob, row)
    return (
        desk,
        rows,
        [desk.contest(user, row) for user, row in zip((carol, dave), rows, strict=True)],
    )


def test_two_administrators_decide_two_contests_of_one_known_answer(
    contested, ada, adam, carol, dave, together
):
    desk, rows, (mine, theirs) = contested
    yes = decide_it(mine, ada, desk.now, is_granted=True)
    no = decide_it(theirs, adam, desk.now, is_granted=False)
    together(yes, no)
    # Whoever came first: the answer is gone, and nobody is left with the rejection.
    assert desk.gold(rows[0]).demoted_at is not None
    with acting(STAFF):
        assert Case.objects.get(id=mine.id).state == "granted"
        assert Case.objects.get(id=theirs.id).state in {"granted", "upheld"}
        assert prove().fault is None
    assert [desk.state(row) for row in rows] == ["overturned"] * 2
    assert (payable(carol.id), payable(dave.id)) == (40, 40)


def test_a_demotion_and_a_decision_at_once(contested, alice, ada, carol, together):
    desk, rows, (mine, _) = contested

    def demote():
        return desk.demote(alice, rows[0])

    results = together(demote, decide_it(mine, ada, desk.now, is_granted=True), demote)
    assert sum(isinstance(result, WagefileError) for result in results) == 2
    with acting(STAFF):
        assert set(Case.objects.values_list("state", flat=True)) == {"granted"}
        assert prove().fault is None
    assert payable(carol.id) == 40


def test_a_rejection_and_a_demotion_at_once(acme, project, now, clock_at, carol, rob, alice,
                                            together):  # fmt: skip
    made = project(
        acme, how_many=1, gold=1, overlap=6, gold_percent=0, qualification=0,
        limits={"newcomer_share_percent": 100},
    )  # fmt: skip
    desk = Golden(made, now, clock_at)
    desk.enrol(carol)
    (row,) = desk.answer(carol, wrong=1)
    desk.score()
    results = together(lambda: desk.reject(rob, row), lambda: desk.demote(alice, row))
    assert not any(isinstance(result, Exception) for result in results)
    # Either the demotion found the rejection, or the rejection rests on no known answer.
    (verdict, *after) = desk.verdicts(row)
    assert bool(after) == (verdict.scores["gold"] is False)
    with acting(STAFF):
        assert prove().fault is None


def test_a_double_click_files_one_contest(acme, project, now, clock_at, carol, rob, together):
    made = project(
        acme, how_many=1, gold=1, overlap=6, gold_percent=0, qualification=0,
        limits={"newcomer_share_percent": 100},
    )  # fmt: skip
    desk = Golden(made, now, clock_at)
    desk.enrol(carol)
    (row,) = desk.answer(carol, wrong=1)
    desk.score()
    desk.reject(rob, row)
    results = together(*[lambda: desk.contest(carol, row)] * 3)
    assert sum(isinstance(result, WagefileError) for result in results) == 2
    with acting(STAFF):
        assert Case.objects.filter(kind="gold_contest").count() == 1
