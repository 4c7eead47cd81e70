"""Dynamic overlap: answers more where people disagree, none where the label is sure enough."""

import random

import pytest
from django.db import DatabaseError, transaction
from django.urls import reverse

from apps.core.tasks import pairs
from apps.core.tenancy import acting
from apps.projects import actions as projects
from apps.projects import rules
from apps.projects.models import GoldAnswer, Item
from apps.projects.queries import reserve_of
from apps.scoring import actions as scoring
from apps.scoring.models import ScoringRun
from apps.work import actions as work
from apps.work.actions import overlap
from apps.work.errors import NothingToDo
from apps.work.models import OverlapPlan
from apps.work.queries import progress
from tests.factories import accounts
from tests.work.conftest import STAFF
from tests.work.test_actions_scores import copied

pytestmark = pytest.mark.django_db
# People agree on 27 of 30 items; of these three the second one differs.
ODD = {3, 8, 13}


@pytest.fixture
def desk(desk_of, project, acme):
    """Two answers an item, up to four; a label may be wrong with a fifth."""
    made = project(
        acme, how_many=30, gold=0, overlap=2, overlap_max=4, label_error_percent=20,
        gold_percent=0, budget=2_000_00, limits={"newcomer_share_percent": 100},
    )  # fmt: skip
    return desk_of(made)


@pytest.fixture
def people(desk):
    made = [accounts.contributor(f"reader{n}", now=desk.now) for n in range(6)]
    for person in made:
        desk.enrol(person)
    return made


def places(desk) -> dict[int, int]:
    """Item → its place in the order of the upload."""
    with acting(STAFF):
        ids = Item.objects.filter(project=desk.project, purpose="work").order_by("id")
        return {item: place for place, item in enumerate(ids.values_list("id", flat=True))}


def answered(desk, people, odd=ODD) -> None:
    """The first four answer all there is: alike, but for what is odd."""
    place, seen = places(desk), set()
    for person in people[:4]:
        while True:
            try:
                row = desk.claim(person)
            except NothingToDo:
                break
            truth = "yes" if place[row.item_id] % 2 else "no"
            is_second = row.item_id in seen
            seen.add(row.item_id)
            odd_one = is_second and place[row.item_id] in odd
            desk.submit(person, row, "unclear" if odd_one else truth)
    desk.later(minutes=2)


def score(desk) -> ScoringRun:
    desk.later(minutes=2)
    run = desk.as_system(work.request_scores, project_id=desk.project.id)
    scoring.run(run_id=run.id, by=desk.system)
    desk.as_system(work.take_scores, run_id=run.id)
    return run


def plan(desk, run) -> OverlapPlan | None:
    return desk.as_system(work.plan_overlap, run_id=run.id)


def state(desk) -> dict[int, tuple[int, int]]:
    """Place → (overlap, open slots)."""
    place = places(desk)
    with acting(STAFF):
        rows = Item.objects.filter(id__in=place).values_list("id", "overlap", "open_slots")
        return {place[item]: (overlap, slots) for item, overlap, slots in rows}


def test_criteria_say_how_many():
    assert rules.overlap_of({"overlap": 3}) == rules.Overlap(3, 3, 0.05)
    assert not rules.overlap_of({"overlap": 3, "overlap_max": 3}).is_dynamic
    found = rules.overlap_of({"overlap": 2, "overlap_max": 5, "label_error_percent": 10})
    assert (found.least, found.most, found.error, found.is_dynamic) == (2, 5, 0.1, True)


def test_only_unsure_items_get_one_answer_more(desk, people):
    answered(desk, people)
    found = plan(desk, score(desk))
    assert (found.sure, found.unsure, found.opened, found.closed) == (27, 3, 3, 0)
    # Beside four answers for everything 54 are saved; three more than two each are asked for.
    assert (found.saved, found.added, found.unfunded) == (54, 3, 0)
    assert found.error <= 0.2 and (found.wrong, found.checked) == (0, 0)
    for place, found_now in state(desk).items():
        assert found_now == ((3, 1) if place in ODD else (2, 0))


def test_what_is_asked_for_comes_first(desk_of, project, acme, monkeypatch):
    """Before the walk: of thirty open items the three unsure ones are given out first."""
    made = project(
        acme, how_many=30, gold=0, overlap=2, overlap_max=4, label_error_percent=20,
        gold_percent=0, budget=2_000_00, limits={"newcomer_share_percent": 100},
    )  # fmt: skip
    desk = desk_of(made)
    place = places(desk)
    with acting(STAFF):
        for item, number in place.items():
            asked = {3: 200, 8: 300, 13: 100}.get(number, 0)
            Item.objects.filter(id=item).update(asked=asked)
    carol = accounts.contributor("reader", now=desk.now)
    desk.enrol(carol)
    before = desk.enrolment(carol).cursor
    order = []
    for _ in range(30):
        row = desk.claim(carol)
        order.append(place[row.item_id])
        if len(order) == 3:
            assert desk.enrolment(carol).cursor == before, "the walk has not moved yet"
        desk.submit(carol, row)
    assert order[:3] == [8, 3, 13]
    assert sorted(order) == list(range(30))


def test_it_goes_on_until_it_is_sure_or_has_the_most(desk, people):
    answered(desk, people)
    plan(desk, score(desk))
    place = places(desk)
    # The third answer agrees with the first one, but for item 8, on which nobody agrees.
    for _ in range(3):
        row = desk.claim(people[4])
        truth = "yes" if place[row.item_id] % 2 else "no"
        other = {"yes": "no", "no": "yes"}[truth]
        desk.submit(people[4], row, other if place[row.item_id] == 8 else truth)
    with pytest.raises(NothingToDo):
        desk.claim(people[4])
    found = plan(desk, score(desk))
    asked = [number for number, (_, slots) in state(desk).items() if slots]
    assert 8 in asked and found.opened == len(asked)
    assert all(overlap <= 4 for overlap, _ in state(desk).values())
    while True:
        try:
            row = desk.claim(people[5])
        except NothingToDo:
            break
        desk.submit(people[5], row, "unclear")
    found = plan(desk, score(desk))
    # Whatever is unsure now has had all that it may get, or waits for somebody else's answer.
    assert all(overlap <= 4 for overlap, _ in state(desk).values())
    assert found.added == sum(overlap - 2 for overlap, _ in state(desk).values())


def test_a_slot_that_nobody_took_is_closed_when_the_label_is_sure(desk, people):
    answered(desk, people)
    run = score(desk)
    with acting(STAFF):
        sure = Item.objects.get(id=next(i for i, number in places(desk).items() if number == 0))
        sure.overlap, sure.open_slots, sure.asked = 3, 1, 50
        sure.save()
    found = plan(desk, run)
    assert found.closed == 1
    assert state(desk)[0] == (2, 0)


def test_never_below_the_least_nor_over_somebodys_hands(desk, people):
    answered(desk, people)
    run = score(desk)
    ids = {number: item for item, number in places(desk).items()}
    with acting(STAFF):
        Item.objects.filter(id=ids[0]).update(overlap=3, open_slots=1, asked=50)
    row = desk.claim(people[4])
    assert row.item_id == ids[0]
    found = plan(desk, run)
    assert found.closed == 0
    assert state(desk)[0] == (3, 0)
    desk.give_back(people[4], row)
    assert state(desk)[0] == (3, 1)


def test_only_what_the_budget_can_reserve_is_opened(desk, people, monkeypatch):
    answered(desk, people)
    run = score(desk)
    each = reserve_of(desk.project.criteria.body, rules.Kind.WORK)

    class Short:
        available = 2 * each + each // 2

    monkeypatch.setattr(overlap, "find_account", lambda *_, **__: Short)
    found = plan(desk, run)
    assert (found.opened, found.unfunded) == (2, 1)


def test_each_run_is_planned_once(desk, people):
    answered(desk, people)
    run = score(desk)
    assert (run.id, run.org_id) in pairs("work_unplanned_runs")
    assert plan(desk, run) is not None
    assert plan(desk, run) is None
    assert (run.id, run.org_id) not in pairs("work_unplanned_runs")
    assert sum(slots for _, slots in state(desk).values()) == 3


def test_a_later_run_of_another_kind_is_planned_by_nobody(desk, people):
    answered(desk, people)
    run = score(desk)
    copied(run, "human", desk)
    assert pairs("work_unplanned_runs") == [(run.id, run.org_id)]


def test_a_run_that_is_not_taken_waits(desk, people):
    answered(desk, people)
    run = desk.as_system(work.request_scores, project_id=desk.project.id)
    scoring.run(run_id=run.id, by=desk.system)
    assert plan(desk, run) is None
    assert pairs("work_unplanned_runs") == []


def test_a_closing_project_opens_nothing(desk, people, alice):
    answered(desk, people)
    run = score(desk)
    desk.begin_close(alice)
    assert plan(desk, run) is None
    assert pairs("work_unplanned_runs") == []


def test_fixed_overlap_is_as_it_was(desk_of, project, acme, carol):
    desk = desk_of(project(acme, gold=0, limits={"newcomer_share_percent": 100}))
    desk.enrol(carol)
    desk.hand_in(carol)
    run = score(desk)
    assert plan(desk, run) is None and pairs("work_unplanned_runs") == []


def test_known_items_are_asked_for_nothing_and_check_the_promise(desk_of, project, acme):
    made = project(
        acme, how_many=40, gold=34, overlap=2, overlap_max=4, label_error_percent=20,
        gold_percent=0, budget=3_000_00, limits={"newcomer_share_percent": 100},
    )  # fmt: skip
    desk = desk_of(made)
    readers = [accounts.contributor(f"reader{n}", now=desk.now) for n in range(4)]
    for person in readers:
        desk.enrol(person)
    with acting(STAFF):
        known = dict(GoldAnswer.objects.filter(project=made).values_list("item_id", "answer_key"))
    draw = random.Random(2)  # noqa: S311 -- the same in every run
    for person in readers:
        while True:
            try:
                row = desk.claim(person)
            except NothingToDo:
                break
            right = known.get(row.item_id, "yes")
            desk.submit(person, row, right if draw.random() < 0.9 else "unclear")
    found = plan(desk, score(desk))
    assert found.is_from_gold and found.checked > 10
    assert found.wrong <= found.checked
    assert found.low <= found.wrong / found.checked <= found.high
    assert found.promised == 0.2 and not found.is_broken
    with acting(STAFF):
        assert not Item.objects.filter(id__in=known, overlap__gt=2, purpose="work").exists()
    desk.prove()


def test_the_plan_is_whole_numbers_that_fit(desk, people):
    answered(desk, people)
    row = plan(desk, score(desk))
    for words in ({"wrong": 1, "checked": 0}, {"error": 1.5}, {"exhausted": 99}):
        with acting(STAFF), pytest.raises(DatabaseError), transaction.atomic():
            OverlapPlan.objects.filter(id=row.id).update(**words)


def test_the_buyer_reads_what_it_saved(desk, people, alice, client_of):
    answered(desk, people)
    run = score(desk)
    url = reverse("pages:project-quality", args=[desk.project.id])
    client = client_of(alice)
    assert "stands here in a moment" in client.get(url).text
    plan(desk, run)
    page = client.get(url).text
    assert "54 answers fewer" in page and "3 more" in page
    assert "No known answer says how true that is" in page
    assert "believe them before the model" in page


def test_known_answers_that_disagree_with_the_model_are_said(
    desk_of, project, acme, alice, client_of
):
    """Everybody holds the same wrong belief about every other item."""
    made = project(
        acme, how_many=40, gold=20, overlap=2, overlap_max=4, label_error_percent=20,
        gold_percent=0, budget=3_000_00, limits={"newcomer_share_percent": 100},
    )  # fmt: skip
    desk = desk_of(made)
    place = places(desk)
    for number in range(2):
        person = accounts.contributor(f"reader{number}", now=desk.now)
        desk.enrol(person)
        while True:
            try:
                row = desk.claim(person)
            except NothingToDo:
                break
            desk.submit(person, row, ["yes", "no"][place[row.item_id] // 2 % 2])
    found = plan(desk, score(desk))
    assert found.checked > 10 and found.low > 0.2
    assert found.error is None or found.is_too_sure == (found.error < found.low)
    assert found.is_broken
    page = client_of(alice).get(reverse("pages:project-quality", args=[made.id])).text
    assert f"{found.wrong} of {found.checked} such labels are wrong" in page
    assert "more labels are wrong than promised" in page
    assert ("The two disagree." in page) == found.is_too_sure


def test_extending_by_hand_and_by_plan_go_together(desk, people, alice):
    answered(desk, people)
    run = score(desk)
    with acting(desk.system):
        before = progress.counted(desk.project.id)["answers"]
    desk._do(projects.extend, alice, project_id=desk.project.id, overlap=3)
    found = plan(desk, run)
    # What the buyer has added stays, also on sure items; the unsure ones have what they need.
    assert (found.closed, found.opened) == (0, 0)
    with acting(desk.system):
        assert progress.counted(desk.project.id)["answers"] == before + 30


def test_items_in_hand_are_passed_over_and_the_slots_stay_right(desk, people):
    """Whatever the plan does, an item is never given out more often than its overlap."""
    draw = random.Random(5)  # noqa: S311 -- the same in every run
    answered(desk, people)
    for _ in range(4):
        plan(desk, score_if_news(desk))
        for person in people:
            try:
                row = desk.claim(person)
            except NothingToDo:
                continue
            desk.submit(person, row, draw.choice(["yes", "no", "unclear"]))
        desk.later(minutes=2)
    with acting(STAFF):
        for item in Item.objects.filter(project=desk.project, purpose="work"):
            held = item.assignments.exclude(state__in=["given_back", "expired"]).count()
            assert held + item.open_slots == item.overlap <= 4
    desk.prove()


def score_if_news(desk) -> ScoringRun:
    desk.later(minutes=2)
    run = desk.as_system(work.request_scores, project_id=desk.project.id)
    if run is None:
        with acting(STAFF):
            return ScoringRun.objects.filter(project=desk.project).first()
    scoring.run(run_id=run.id, by=desk.system)
    desk.as_system(work.take_scores, run_id=run.id)
    return run


@pytest.mark.django_db(transaction=True)
@pytest.mark.concurrency
def test_of_people_who_want_one_slot_at_once_one_gets_it_and_none_starves(desk, people, together):
    answered(desk, people, odd={8})
    assert plan(desk, score(desk)).opened == 1
    place = places(desk)
    waiting = [*people[4:], *(accounts.contributor(f"late{n}", now=desk.now) for n in range(2))]
    for person in waiting[2:]:
        desk.enrol(person)
    while waiting:
        results = together(*[lambda who=who: desk.claim(who) for who in waiting])
        lost = [each for each in results if isinstance(each, NothingToDo)]
        won = [each for each in results if not isinstance(each, Exception)]
        assert (len(won), len(lost)) == (1, len(waiting) - 1), results
        assert place[won[0].item_id] == 8
        assert state(desk)[8] == (3, 0)
        # What the one gives back, the others can have.
        winner = waiting.pop(results.index(won[0]))
        desk.give_back(winner, won[0])
        assert state(desk)[8] == (3, 1)
    desk.prove()


@pytest.mark.django_db(transaction=True)
@pytest.mark.concurrency
def test_plans_and_claims_at_once_never_give_out_more_than_the_most(desk, people, together):
    answered(desk, people)
    for turn in range(3):
        run = score(desk)
        results = together(
            lambda run=run: plan(desk, run),
            *[lambda who=who: desk.claim(who) for who in people[2:]],
            lambda run=run: plan(desk, run),
        )
        made = [each for each in (results[0], results[-1]) if each is not None]
        assert len(made) == 1 and isinstance(made[0], OverlapPlan), "one plan a run"
        held = results[1:-1]
        assert all(isinstance(each, NothingToDo) for each in held if isinstance(each, Exception))
        # Who came before the plan comes again: what it has opened is there to be had.
        for who, row in zip(people[2:], held, strict=True):
            try:
                got = desk.claim(who) if isinstance(row, Exception) else row
            except NothingToDo:
                continue
            desk.submit(who, got, ["yes", "no", "unclear"][turn])
        now = state(desk)
        assert all(slots == 0 for _, slots in now.values()), "four people leave no slot open"
        desk.later(minutes=2)
        with acting(STAFF):
            for item in Item.objects.filter(project=desk.project, purpose="work"):
                given = item.assignments.exclude(state__in=["given_back", "expired"]).count()
                assert given + item.open_slots == item.overlap <= 4
    desk.prove()
