"""Known answers of a paid qualification are contested, too: who passes without one has passed."""

import uuid

import pytest
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from apps.audit.models import AuditEvent
from apps.cases import queries as case_queries
from apps.cases.enums import CaseState
from apps.cases.errors import AlreadyOpen
from apps.cases.models import Case
from apps.cases.tasks import sweep_all
from apps.core.errors import Conflict, NotThere
from apps.core.tenancy import acting
from apps.notices.models import Notice
from apps.organizations.queries import actor_of
from apps.projects.models import GoldAnswer, Item
from apps.projects.rules import Kind
from apps.work.actions.qualification import AttemptCount
from apps.work.errors import MayNotClaim, NothingToDo
from apps.work.models import Assignment
from apps.work.queries import gold as golds
from tests.cases.gold import EVIDENCE, REASON, Golden
from tests.cases.money import STAFF, payable

pytestmark = pytest.mark.django_db
PAY, CASE_TIME = 40, 200


def qualifying(golden: Golden) -> list[int]:
    """Its five items."""
    with acting(STAFF):
        rows = Item.objects.filter(project=golden.project, purpose="qualification")
        return list(rows.order_by("id").values_list("id", flat=True))


def answer(golden: Golden, user, miss) -> Assignment:
    row = golden.claim(user)
    assert row.kind == Kind.QUALIFICATION
    golden.later(seconds=20)
    known = golden.known[row.item_id]
    golden.submit(user, row, ("no" if known == "yes" else "yes") if row.item_id in miss else known)
    return golden.fresh(row)


def attempt(golden: Golden, user, miss=(), items: int = 5) -> dict[int, Assignment]:
    golden.enrol(user, "tested")
    rows = [answer(golden, user, miss) for _ in range(items)]
    return {row.item_id: row for row in rows}


def passed_notices(user) -> int:
    with acting(actor_of(user)):
        return Notice.objects.filter(
            user=user, kind="qualification.result", title="You passed the qualification"
        ).count()


def contestable(golden: Golden, user) -> set[uuid.UUID]:
    with acting(actor_of(user)) as actor:
        return set(golds.missed_in_qualification(actor, golden.project.id))


@pytest.fixture
def items(golden) -> list[int]:
    return qualifying(golden)


# ── What can be contested ───────────────────────────────────────────────────────────────────────


def test_a_miss_can_be_contested_when_the_result_is_there(golden, items, carol, dave):
    golden.enrol(carol, "tested")
    first = answer(golden, carol, items)
    assert contestable(golden, carol) == set()
    with pytest.raises(NotThere, match="no known answer"):
        golden.contest(carol, first)
    rest = [answer(golden, carol, ()) for _ in range(4)]
    # 4 of 5 right is a pass; the miss can be contested all the same, the others cannot.
    assert golden.enrolment(carol).state == "qualified"
    assert contestable(golden, carol) == {first.id}
    for row in rest:
        with pytest.raises(NotThere):
            golden.contest(carol, row)
    with pytest.raises(NotThere):
        golden.contest(dave, first)
    assert contestable(golden, dave) == set()
    case = golden.contest(carol, first)
    assert golden.gold(first).contested_until == case.due_at
    with pytest.raises(AlreadyOpen):
        golden.contest(carol, first)


def test_whoever_contests_is_not_told_the_known_answer(golden, items, carol, ada):
    row = attempt(golden, carol, items[:2])[items[0]]
    with acting(actor_of(carol)) as actor:
        (missed, _) = golds.missed_in_qualification(actor, golden.project.id).values()
        assert (missed.known, missed.explanation) == ("", "It is known.")
        assert golds.missed(actor, golden.now, golden.project.id) == {}
        assert not GoldAnswer._base_manager.exists()
    case = golden.contest(carol, row)

    def told(user, *, all_scores: bool) -> str:
        with acting(actor_of(user)) as actor:
            found = Case.objects.visible_to(actor).select_related("project", "assignment__criteria")
            return case_queries.view(found.get(id=case.id), has_all_scores=all_scores).known

    assert told(carol, all_scores=False).answer == ""
    assert told(ada, all_scores=True).answer == golden.known[row.item_id].capitalize()
    golden.decide(ada, case)
    # Taken back it is used no more.
    assert told(carol, all_scores=False).answer == golden.known[row.item_id].capitalize()


# ── Granted ─────────────────────────────────────────────────────────────────────────────────────


def test_granted_it_is_left_out_and_who_passes_without_it_has_passed(
    golden, items, carol, dave, ada
):
    mine = attempt(golden, carol, items[:2])
    attempt(golden, dave, items[:2])
    assert golden.enrolment(carol).state == golden.enrolment(dave).state == "failed"
    retake = golden.enrolment(carol).retake_at

    golden.decide(ada, golden.contest(carol, mine[items[0]]))
    # 3 of 4 is 75%, and 80% are needed.
    enrolment = golden.enrolment(carol)
    assert (enrolment.state, enrolment.retake_at) == ("failed", retake)
    assert (enrolment.result["correct"], enrolment.result["of"]) == (3, 4)
    assert payable(carol.id) == 5 * PAY + CASE_TIME
    with pytest.raises(MayNotClaim):
        golden.claim(carol)

    golden.decide(ada, golden.contest(carol, mine[items[1]]))
    for user in (carol, dave):
        enrolment = golden.enrolment(user)
        assert (enrolment.state, enrolment.retake_at) == ("qualified", None)
        assert (enrolment.result["correct"], enrolment.result["of"]) == (3, 3)
        assert enrolment.result["passed"] is True
        left_out = {i["assignment"] for i in enrolment.result["items"] if i.get("is_left_out")}
        assert len(left_out) == 2
        assert passed_notices(user) == 1
        assert golden.claim(user).kind == Kind.WORK
    # What was paid stays paid; the contests' time is carol's alone.
    assert payable(carol.id) == 5 * PAY + 2 * CASE_TIME
    assert payable(dave.id) == 5 * PAY
    with acting(STAFF):
        event = AuditEvent.objects.get(
            type="enrolment.qualified", aggregate_id=golden.enrolment(dave).id
        )
        assert event.data["left_out"] == 2
    golden.prove()


def test_nobody_loses_a_pass(golden, items, carol, dave, ada):
    """Dave met the answer that is taken back: without it 3 of 4 would be too few."""
    row = attempt(golden, carol, items[:2])[items[0]]
    attempt(golden, dave, items[1:2])
    before = golden.enrolment(dave)
    assert before.state == "qualified"
    golden.decide(ada, golden.contest(carol, row))
    after = golden.enrolment(dave)
    assert (after.state, after.result) == (before.state, before.result)
    assert (after.result["correct"], after.result["of"]) == (4, 5)
    assert passed_notices(dave) == 1


def test_silence_grants(golden, items, carol):
    mine = attempt(golden, carol, items[:2])
    cases = [golden.contest(carol, mine[item]) for item in items[:2]]
    golden.at(cases[-1].due_at)
    sweep_all(now=golden.now)
    assert {golden.case(case).state for case in cases} == {CaseState.LAPSED}
    assert golden.enrolment(carol).state == "qualified"
    # Nobody looked, so nobody is paid for the time that it took.
    assert payable(carol.id) == 5 * PAY
    golden.prove()


def test_upheld_changes_nothing(golden, items, carol, ada):
    row = attempt(golden, carol, items[:2])[items[0]]
    before = golden.enrolment(carol)
    case = golden.decide(ada, golden.contest(carol, row), is_granted=False)
    assert case.state == CaseState.UPHELD
    assert golden.gold(row).contested_until is None
    after = golden.enrolment(carol)
    assert (after.state, after.result) == ("failed", before.result)
    assert passed_notices(carol) == 0


# ── Attempts that are under way ─────────────────────────────────────────────────────────────────


def test_a_later_attempt_is_not_given_it_and_is_over_without_it(golden, items, carol, dave, ada):
    row = attempt(golden, carol, items[:2])[items[0]]
    golden.decide(ada, golden.contest(carol, row))
    given = attempt(golden, dave, (), items=4)
    assert items[0] not in given
    enrolment = golden.enrolment(dave)
    assert enrolment.state == "qualified"
    assert (enrolment.result["correct"], enrolment.result["of"]) == (4, 4)


def test_whoever_has_only_that_item_left_gets_the_result(golden, items, carol, dave, ada):
    golden.enrol(dave, "tested")
    done = [answer(golden, dave, ()).item_id for _ in range(4)]
    (last,) = set(items) - set(done)
    row = attempt(golden, carol, [last, done[0]])[last]
    assert golden.enrolment(dave).state == "qualifying"
    golden.decide(ada, golden.contest(carol, row))
    enrolment = golden.enrolment(dave)
    assert enrolment.state == "qualified"
    assert (enrolment.result["correct"], enrolment.result["of"]) == (4, 4)
    assert golden.claim(dave).kind == Kind.WORK


def test_an_item_in_hand_is_finished_and_paid_and_its_miss_does_not_count(
    golden, items, carol, dave, ada
):
    golden.enrol(dave, "tested")
    done = [answer(golden, dave, ()).item_id for _ in range(4)]
    row = golden.claim(dave)
    contested = attempt(golden, carol, [row.item_id, done[0]])[row.item_id]
    golden.decide(ada, golden.contest(carol, contested))
    assert golden.enrolment(dave).state == "qualifying"
    known = golden.known[row.item_id]
    golden.submit(dave, row, "no" if known == "yes" else "yes")
    enrolment = golden.enrolment(dave)
    assert (enrolment.result["correct"], enrolment.result["of"]) == (4, 4)
    assert [item["is_left_out"] for item in enrolment.result["items"]] == [False] * 4 + [True]
    assert payable(dave.id) == 5 * PAY
    golden.prove()


def test_a_retake_under_way_is_passed_by_the_attempt_before(golden, items, carol, ada):
    mine = attempt(golden, carol, items[:2])
    golden.at(golden.enrolment(carol).retake_at)
    golden.enrol(carol, "tested")
    answer(golden, carol, items)
    row = golden.claim(carol)
    for item in items[:2]:
        golden.decide(ada, golden.contest(carol, mine[item]))
    enrolment = golden.enrolment(carol)
    assert (enrolment.state, enrolment.attempts) == ("qualified", 2)
    assert (enrolment.result["attempt"], enrolment.result["of"]) == (1, 3)
    assert [item["assignment"] for item in enrolment.result["items"]] == [
        str(each.id) for each in mine.values()
    ]
    # What is in hand is finished and paid; it changes nothing any more.
    golden.submit(carol, row, "unclear")
    after = golden.enrolment(carol)
    assert (after.state, after.result) == ("qualified", enrolment.result)
    assert payable(carol.id) == 7 * PAY + 2 * CASE_TIME
    assert golden.claim(carol).kind == Kind.WORK


def test_without_any_item_there_is_nothing_to_pass(golden, items, carol, dave, ada):
    golden.enrol(dave, "tested")
    mine = attempt(golden, carol, items)
    for item in items:
        golden.decide(ada, golden.contest(carol, mine[item]))
    assert golden.enrolment(carol).state == "qualified"
    assert golden.enrolment(dave).state == "qualifying"
    with pytest.raises(NothingToDo):
        golden.claim(dave)


def test_two_contests_of_one_answer_are_decided_together(golden, items, carol, dave, ada):
    mine, theirs = (attempt(golden, user, items[:2]) for user in (carol, dave))
    first = golden.contest(carol, mine[items[0]])
    second = golden.contest(dave, theirs[items[0]])
    golden.decide(ada, first)
    assert golden.case(second).state == CaseState.GRANTED
    with pytest.raises(Conflict):
        golden.decide(ada, second, is_granted=False)
    assert payable(dave.id) == 5 * PAY + CASE_TIME


# ── Pages ───────────────────────────────────────────────────────────────────────────────────────


def test_from_the_result_to_the_contest_and_back(golden, items, carol, ada, client_of):
    mine = attempt(golden, carol, items[:2])
    row = mine[items[0]]
    client = client_of(carol)
    result = reverse("work:qualification", args=[golden.project.id])
    contest = reverse("cases:contest-gold", args=[row.id])
    page = client.get(result).text
    assert contest in page
    assert reverse("cases:contest-gold", args=[mine[items[2]].id]) not in page
    page = client.get(contest).text
    assert "is not shown" in page and "nobody loses a pass" in page
    assert "took <strong>" not in page
    filed = client.post(contest, {"reason": REASON, "evidence": EVIDENCE}, follow=True)
    assert "Not shown while it is in use" in filed.text
    with acting(STAFF):
        case = Case.objects.get(kind="gold_contest")
    known = golden.known[row.item_id].capitalize()
    seen = client_of(ada).get(reverse("cases:detail", args=[case.id])).text
    assert f"<strong>{known}</strong>" in seen
    golden.decide(ada, case)
    page = client.get(result).text
    assert "Does not count" in page and "3 of 4 right" in page
    assert contest not in page


def test_a_result_that_is_not_there_yet_cannot_be_contested(golden, items, carol, client_of):
    golden.enrol(carol, "tested")
    row = answer(golden, carol, items)
    contest = reverse("cases:contest-gold", args=[row.id])
    page = client_of(carol).get(contest).text
    assert "when its result is there" in page and "File the contest" not in page
    refused = client_of(carol).post(contest, {"reason": REASON, "evidence": EVIDENCE})
    assert refused.status_code == 404 or "no known answer" in refused.text


# ── Rules ───────────────────────────────────────────────────────────────────────────────────────


def counted(done: int, correct: int, left_out: int) -> AttemptCount:
    return AttemptCount(
        uuid.UUID(int=0), 1, "tested", uuid.UUID(int=0), done, correct, left_out, 0, 0
    )


@given(st.integers(1, 40), st.integers(0, 40), st.integers(0, 40), st.integers(1, 100))
def test_leaving_misses_out_never_takes_a_pass(done, correct, left_out, percent):
    correct = min(correct, done)
    left_out = min(left_out, done - correct)
    if counted(done, correct, 0).passes(percent):
        assert counted(done, correct, left_out).passes(percent)
    # And it passes exactly when the share of what counts is enough.
    of = done - left_out
    assert counted(done, correct, left_out).passes(percent) == (correct * 100 >= of * percent)
