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
