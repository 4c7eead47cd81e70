"""A contributor's own scores: with interval and number, and nothing that tells what is known."""

import datetime as dt
import re
from decimal import Decimal

import pytest
from django.urls import reverse
from scipy.special import betaincinv

from apps.core.tenancy import acting, system
from apps.organizations.queries import actor_of
from apps.scoring import actions as scoring
from apps.work import actions as work
from apps.work.models import Score, Submission
from apps.work.queries import scores
from tests.work.conftest import STAFF, Desk

WEEK = dt.timedelta(weeks=1)


@pytest.fixture
def desk(acme, project, now, clock_at):
    made = project(
        acme, how_many=12, gold=12, gold_percent=0, limits={"newcomer_share_percent": 100}
    )
    return Desk(made, now, clock_at)


def score(desk):
    """A run asked for, computed and taken."""
    desk.later(minutes=2)
    run = desk.as_system(work.request_scores, project_id=desk.project.id)
    scoring.run(run_id=run.id, by=system(run.org_id))
    desk.as_system(work.take_scores, run_id=run.id)
    return run


@pytest.fixture
def answered(desk, carol, dave, clock_at):
    """Carol is right wherever `yes` is right, dave too; half of the known answers are `yes`."""
    rows = []
    for user in (carol, dave):
        desk.enrol(user)
        rows += [desk.hand_in(user, "yes") for _ in range(4)]
    return rows


def rows_of(user) -> list[Score]:
    with acting(STAFF):
        return list(Score.objects.filter(contributor=user).order_by("week"))


def own(desk, user, at=None):
    with acting(actor_of(user)) as actor:
        (found,) = scores.own(scores.enrolments(actor), actor, at or desk.now)
        return found


def test_a_row_a_week_written_anew_by_each_run(desk, answered, carol):
    first = score(desk)
    desk.hand_in(carol, "yes")
    second = score(desk)
    (row,) = rows_of(carol)
    assert row.run_id == second.id != first.id
    assert (row.answers, row.gold_count, row.week) == (5, 5, dt.date(2026, 3, 2))
    a, b = 0.5 + row.gold_correct, 0.5 + row.gold_count - row.gold_correct
    assert row.gold_mean == pytest.approx(a / (a + b))
    assert row.gold_low == pytest.approx(betaincinv(a, b, 0.05))
    assert row.gold_lower == pytest.approx(betaincinv(a, b, 0.10))
    desk.at(desk.now + WEEK)
    desk.hand_in(carol, "yes")
    score(desk)
    week_one, week_two = rows_of(carol)
    assert (week_one.id, week_one.answers, week_two.answers) == (row.id, 5, 6)


def test_agreement_counts_are_those_of_the_answers(desk, answered, carol, dave):
    desk.hand_in(dave, "no")
    score(desk)
    with acting(STAFF):
        for user in (carol, dave):
            (row,) = rows_of(user)
            labels = [
                each.scores["label"]
                for each in Submission.objects.filter(contributor=user)
                if each.scores["label"] is not None
            ]
            assert (row.labelled, row.agreed) == (len(labels), sum(labels))


def test_known_answers_are_shown_when_their_week_is_over(desk, answered, carol, client_of):
    """A count that grows after one answer would tell that its right answer is known."""
    score(desk)
    (row,) = rows_of(carol)
    client = client_of(carol)
    page = client.get(reverse("work:scores")).text
    assert "stands here each Monday" in page
    assert f"{row.gold_correct} of {row.gold_count} known" not in page
    assert "Agreement with the labels" in page
    assert own(desk, carol).gold is None
    desk.at(dt.datetime(2026, 3, 9, 0, 0, tzinfo=dt.UTC))
    assert own(desk, carol).gold.score.id == row.id
    page = client.get(reverse("work:scores")).text
    assert f"{row.gold_correct} of {row.gold_count} known answers met" in page
    assert str(row.id) in page


def test_the_running_week_is_not_told_by_its_successor(desk, answered, carol, client_of):
    score(desk)
    desk.at(desk.now + WEEK)
    desk.hand_in(carol, "yes")
    score(desk)
    found = own(desk, carol)
    assert found.newest.answers == 5
    assert found.gold.score.answers == 4
    page = client_of(carol).get(reverse("work:score", args=[desk.project.id])).text
    assert "of 4 known answers met" in page
    assert "of 5 known answers met" not in page


def test_what_would_change_it_is_computed(desk, answered, carol, client_of):
    score(desk)
    (row,) = rows_of(carol)
    right, known = row.gold_correct + row.more_right, row.gold_count + row.more_right

    def lower(correct, gold):
        return betaincinv(0.5 + correct, 0.5 + gold - correct, 0.10)

    assert known >= 8 and lower(right, known) >= 0.8
    assert known == 8 or lower(right - 1, known - 1) < 0.8
    desk.at(desk.now + WEEK)
    page = client_of(carol).get(reverse("work:scores")).text
    assert f"{row.more_right} more right answers to known items" in page
    assert "over the bar of 0.8" in page
    assert "At least 8 are asked for, 4 more than you have" in page


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"more_right": None}, "too far away"),
        ({"more_right": 0, "gold_lower": 0.83}, "0.830, is over the bar of 0.8"),
        ({"more_right": 1, "gold_lower": 0.79}, "1 more right answer to known items"),
    ],
)
def test_the_sentence_for_each_case(values, sentence):
    row = Score(gold_count=20, gold_minimum=8, gold_lower=0.5, bar=Decimal("0.8000"))
    for name, value in values.items():
        setattr(row, name, value)
    assert sentence in scores.Gold(row).sentence


def test_which_answers_and_where_to_contest(desk, answered, carol, rob, client_of):
    with acting(STAFF):
        Submission.objects.filter(assignment=answered[0]).update(
            scores={"label": False, "agreement": 0.25, "gold": False}
        )
    url = reverse("work:score", args=[desk.project.id])
    client = client_of(carol)
    # Not before somebody has decided: others' answers stay hidden until then.
    assert "None is other than its label" in client.get(url).text
    desk.later(minutes=2)
    desk.reject(rob, answered[0])
    page = client.get(url).text
    assert reverse("cases:appeal", args=[answered[0].id]) in page
    assert "At most half gave the same" in page
    assert reverse("contact:write") in page
    desk.later(days=20)
    desk.lapse(*answered)
    desk.lapse(*answered)
    page = client.get(url).text
    assert reverse("cases:appeal", args=[answered[0].id]) not in page
    assert reverse("work:assignment", args=[answered[0].id]) in page
    assert reverse("work:assignment", args=[answered[1].id]) not in page
    every = client.get(url, {"show": "all"}).text
    assert all(reverse("work:assignment", args=[row.id]) in every for row in answered[:4])
    # Nobody else's.
    assert reverse("work:assignment", args=[answered[4].id]) not in every


def test_the_page_does_not_tell_which_answer_is_known(desk, answered, carol, client_of):
    """Each row reads the same whether the right answer of its item is known or not."""
    score(desk)
    desk.later(days=4)
    desk.lapse(*answered)
    url = reverse("work:score", args=[desk.project.id]) + "?show=all"
    client = client_of(carol)
    before = plain(client.get(url).text)
    with acting(STAFF):
        for row in Submission.objects.filter(contributor=carol):
            row.scores = {**row.scores, "gold": "not available"}
            row.save()
    assert plain(client.get(url).text) == before


def plain(page: str) -> str:
    """Without what is another one each time."""
    return re.sub(r"[A-Za-z0-9]{64}", "token", page)


def test_only_whoever_joined_reads_it(desk, answered, client_of, carol, dave, alice, gus, globex):
    score(desk)
    desk.at(desk.now + WEEK)
    url = reverse("work:score", args=[desk.project.id])
    for stranger in (alice, gus):
        assert client_of(stranger).get(url).status_code == 404
        assert "You have not joined" in client_of(stranger).get(reverse("work:scores")).text
    mine = {row.id for row in rows_of(carol)}
    page = client_of(dave).get(url).text
    assert not any(str(each) in page for each in mine)
    with acting(actor_of(dave)) as actor:
        assert set(Score.objects.of_contributor(actor).values_list("contributor", flat=True)) == {
            dave.id
        }
        assert set(Score._base_manager.values_list("contributor", flat=True)) == {dave.id}
