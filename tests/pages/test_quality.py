"""The buyer's page of quality: every number with its interval and what it rests on."""

import pytest
from django.urls import reverse

from apps.core.tenancy import acting, system
from apps.pages.views import quality
from apps.scoring import actions as scoring
from apps.scoring.models import ScoringRun
from apps.work import actions as work
from apps.work.views.buyer import pseudonym
from tests.work.conftest import STAFF, Desk


@pytest.fixture
def desk(acme, project, now, clock_at):
    made = project(
        acme, how_many=12, gold=12, gold_percent=0, limits={"newcomer_share_percent": 100}
    )
    return Desk(made, now, clock_at)


def score(desk) -> ScoringRun:
    desk.later(minutes=2)
    run = desk.as_system(work.request_scores, project_id=desk.project.id)
    scoring.run(run_id=run.id, by=system(run.org_id))
    desk.as_system(work.take_scores, run_id=run.id)
    with acting(STAFF):
        return ScoringRun.objects.get(id=run.id)


@pytest.fixture
def scored(desk, carol, dave):
    """Both answer twelve items; dave differs on every fourth."""
    for user, odd in ((carol, 99), (dave, 4)):
        desk.enrol(user)
        for place in range(12):
            desk.hand_in(user, "unclear" if (place + 1) % odd == 0 else ["yes", "no"][place % 2])
    return score(desk)


def url(desk) -> str:
    return reverse("pages:project-quality", args=[desk.project.id])


def page(desk, alice, client_of):
    answer = client_of(alice).get(url(desk))
    return answer.context, answer.text


def test_nothing_scored_is_said(desk, alice, client_of):
    assert "Nothing is scored yet" in page(desk, alice, client_of)[1]


def test_people_stand_under_the_names_of_the_review(desk, scored, alice, carol, dave, client_of):
    context, text = page(desk, alice, client_of)
    codes = [
        pseudonym(desk.project.id, user.id).removeprefix("Contributor ") for user in (carol, dave)
    ]
    assert sorted(context["people"]["names"]) == sorted(codes)
    ((_, _, kappa, low, high, shared),) = context["people"]["pairs"]
    assert low < kappa < high and shared == 12
    for value in (kappa, low, high):
        assert f"{value:.2f}" in text
    assert str(carol.id) not in text and carol.name not in text


def test_answers_against_known_ones_add_up(desk, scored, alice, client_of):
    context, text = page(desk, alice, client_of)
    gold, labels = context["confusions"]
    figures = scored.result["gold"]
    assert (gold.right.right, gold.right.n) == (figures["correct"], figures["gold_answers"])
    assert sum(row.n for row in gold.rows) == 24
    for confusion in (gold, labels):
        for row in confusion.rows:
            assert sum(cell.share.right for cell in row.cells) == row.n
            assert all(cell.share.low <= cell.share.value <= cell.share.high for cell in row.cells)
            assert sum(cell.is_right for cell in row.cells) <= 1
    # The choices by their words, not by their keys.
    assert '<th scope="col" class="num">Unclear</th>' in text


def test_a_reliable_answer_costs_what_the_ledger_has(desk, scored, alice, client_of):
    rows = list_of(desk)
    desk.at(max(row.review_due_at for row in rows))
    desk.lapse(*rows)
    context, text = page(desk, alice, client_of)
    cost = context["cost"]
    booked = sum(net + fee for row in rows for _, net, fee in desk.lines(row))
    assert cost.booked == booked > 0
    assert cost.items == scored.result["matrices"]["reliable"]["items"] > 0
    assert cost.each == round(booked / cost.items)
    # A right one costs more than that, and how much more is only known within bounds.
    assert cost.each <= cost.low <= cost.each_right <= cost.high and cost.high > cost.low
    assert f"Of {cost.right.n} of them" in text


def list_of(desk):
    with acting(STAFF):
        return list(desk.project.assignments.all())


def without(run, *path):
    """The run as code that had no such figure has left it."""
    part = run.result
    for name in path[:-1]:
        part = part[name]
    del part[path[-1]]
    with acting(STAFF):
        ScoringRun.objects.filter(id=run.id).update(result=run.result)


def test_a_run_from_before_the_tables_shows_what_it_has(desk, scored, alice, client_of):
    without(scored, "matrices")
    context, text = page(desk, alice, client_of)
    assert context["people"] == {} and context["confusions"] == [] and context["cost"] is None
    assert "with the next run" in text
    assert "Known answers met" in text


def test_no_price_without_known_answers(desk, scored, alice, client_of):
    scored.result["matrices"]["reliable"] |= {"gold": 0, "right": 0}
    with acting(STAFF):
        ScoringRun.objects.filter(id=scored.id).update(result=scored.result)
    context, text = page(desk, alice, client_of)
    assert context["cost"].low is None
    assert "no price is shown" in text


@pytest.mark.parametrize("interval", [{}, {"low": 0.41, "high": 0.77}])
def test_alpha_appears_only_with_its_interval(desk, scored, alice, client_of, interval):
    agreement = scored.result["agreement"]
    for name in ("low", "high"):
        agreement.pop(name, None)
    agreement |= {"alpha": 0.613, **interval}
    with acting(STAFF):
        ScoringRun.objects.filter(id=scored.id).update(result=scored.result)
    text = page(desk, alice, client_of)[1]
    assert ("0.613" in text) == bool(interval)
    assert ("0.410 to 0.770, 12 items" in text) == bool(interval)


def test_runs_over_time_say_what_was_new(desk, scored, alice, carol, client_of):
    desk.later(hours=1)
    with acting(STAFF):
        first = scored.result["gold"]
        ScoringRun.objects.filter(id=scored.id).update(
            result={**scored.result, "gold": {**first, "gold_answers": 20, "correct": 9}},
            created_at=scored.created_at - quality.dt.timedelta(hours=1),
        )
        again = ScoringRun.objects.get(id=scored.id)
        again.id, again.result = None, scored.result
        again.pk = quality.uuid.uuid4()
        again.created_at = scored.created_at
        again.save(force_insert=True)
    context, text = page(desk, alice, client_of)
    old, new = context["points"]
    assert (old.gold.right, old.gold.n) == (9, 20)
    assert (new.new.right, new.new.n) == (first["correct"] - 9, first["gold_answers"] - 20)
    assert len(context["line"]) == 2 and "Quality over time" in text


@pytest.mark.parametrize("many", [1, 12, 13, 120])
def test_many_runs_are_thinned_and_the_last_one_stays(monkeypatch, desk, many):
    rows = [
        {"finished_at": desk.now - quality.dt.timedelta(hours=n), "input_rows": many - n,
         "gold": {"correct": 1, "gold_answers": 2}, "agreement": {}}
        for n in range(many)
    ]  # fmt: skip
    monkeypatch.setattr(quality.scoring, "history", lambda *_: rows)

    class Asked:
        actor = None

    points = quality._points(desk.project, Asked())
    assert len(points) <= quality.POINTS
    assert points[-1].answers == many
    assert [point.at for point in points] == sorted(point.at for point in points)


@pytest.mark.parametrize(
    ("who", "status"),
    [("alice", 200), ("rob", 200), ("vic", 200), ("gus", 404), ("carol", 404), ("ada", 403)],
)
def test_who_reads_it(request, desk, client_of, globex, who, status):
    assert client_of(request.getfixturevalue(who)).get(url(desk)).status_code == status
