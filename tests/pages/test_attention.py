"""What the page of quality asks of its buyer, and that it leads there."""

import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core.tenancy import acting
from apps.pages.views import attention, wrong
from apps.pages.views.labelling import Method
from apps.pages.views.watched import Person
from apps.projects.models import GoldAnswer, Project
from apps.scoring.models import ScoringRun
from apps.scoring.rules import Z_95, share_of
from apps.work.models import OverlapPlan
from apps.work.queries.cited import CitedLine
from apps.work.queries.gold import Standing, standing
from tests import dom
from tests.pages.test_quality import desk as desk  # noqa: PLC0414 -- a fixture
from tests.pages.test_quality import page, score, url
from tests.pages.test_quality import scored as scored  # noqa: PLC0414 -- a fixture
from tests.work.conftest import STAFF

# Nothing in it asks for anybody.
QUIET = attention.Read(
    project=Project(id=uuid.UUID(int=1), state="live"),
    newest=None,
    method=None,
    alpha=(0.9, 0.85, 0.94, 200),
    met=share_of(180, 200),
    bar=0.95,
    right=share_of(50, 50, Z_95),
    plan=None,
    cited=(),
    errors=None,
    flagged=(),
    complete={"valid": share_of(40, 40, Z_95)},
    standing=Standing(suspect=0, contested=0, demoted=0, worn=0),
    can_manage=True,
)


def line(title: str, people: int, everybody: int) -> CitedLine:
    share = share_of(people, everybody, Z_95)
    return CitedLine(
        title=title, count=people, answers=share, people=share, spread=people, overturned=0
    )


def rate(name: str, value: float, difference: str, *, is_apart: bool) -> wrong.Rate:
    return wrong.Rate(name, value, value - 0.1, value + 0.1, 80, 9, difference, is_apart)


def errors(*rows: wrong.Rate, is_known: bool = True) -> wrong.Errors:
    return wrong.Errors(
        id=uuid.UUID(int=2), note="", is_known=is_known,
        whole=rate("all", 0.2, "", is_apart=False), pairs=(), leanings=(), cells=(), hidden=(),
        groups=[("kind", "Kind of item", rows)],
    )  # fmt: skip


def plan(**fields) -> OverlapPlan:
    return OverlapPlan(**{"wrong": 0, "checked": 0, "unfunded": 0} | fields)


def test_quiet_projects_ask_for_nothing():
    assert attention.points_of(QUIET) == []


@pytest.mark.parametrize(
    ("change", "tone", "title", "said", "leads"),
    [
        ({"newest": ScoringRun(state="failed", error="No room.")},
         "bad", "The last run failed.", "No room. The figures here", "#run"),
        ({"method": Method("", "", "", "They share a belief.", ())},
         "bad", "People agree against what is known.", "They share a belief.", "known-answers/"),
        ({"right": share_of(40, 50, Z_95)},
         "bad", "Labels are right less often than they claim.", "40 of 50 (80%, 67% to 89%)",
         "#labels"),
        ({"plan": plan(wrong=9, checked=40, low=0.12, high=0.38, promised=0.05, error=0.01)},
         "bad", "By the known answers more labels are wrong than promised.",
         "9 of 40 labels that are taken for sure are wrong, 12% to 38%; at most 5% are promised.",
         "#need"),
        ({"plan": plan(wrong=9, checked=40, low=0.12, high=0.38, error=0.01, is_too_sure=True)},
         "warn", "The plan of answers is surer than it is right.", "the model expects 1%", "#need"),
        ({"standing": Standing(suspect=1, contested=0, demoted=5, worn=0)},
         "warn", "1 known answer is suspect.", "part of their score", "?state=suspect"),
        ({"standing": Standing(suspect=0, contested=2, demoted=0, worn=0)},
         "warn", "2 known answers are contested.", "silence decides", "?state=contested"),
        ({"standing": Standing(suspect=0, contested=0, demoted=0, worn=3)},
         "warn", "3 known answers are worn and rest.", "measures memory", "/items/"),
        ({"cited": [line("Care", 9, 10)]},
         "warn", "Nearly everybody gets “Care” cited.", "9 of 10 (90%, 60% to 98%)", "/criteria/"),
        ({"alpha": (0.5, 0.42, 0.58, 120)},
         "warn", "People agree little.", "0.500 (0.420 to 0.580, 120 items), below 0.667",
         "#agreement"),
        ({"errors": errors(rate("smeared", 0.4, "+20", is_apart=True))},
         "warn", "Answers of 1 kind of item go wrong more often than others.",
         "smeared: 40% (30% to 50%, 80 answers), +20 points.", "#wrong"),
        ({"errors": errors(rate("smeared", 0.4, "+20", is_apart=True), is_known=False)},
         "warn", "Answers of 1 kind of item differ from the labels more often than others.",
         "smeared", "#wrong"),
        ({"flagged": [Person("Contributor A", ["haste"])]},
         "warn", "Signals of two families speak about 1 person.", "no verdict", "#signals"),
        ({"plan": plan(unfunded=4)},
         "warn", "4 further answers would help and are not asked for.", "free budget", "top-up"),
        ({"plan": plan(unfunded=4), "can_manage": False},
         "warn", "4 further answers would help and are not asked for.", "free budget", "#need"),
        ({"complete": {"valid": share_of(38, 40, Z_95)}},
         "info", "2 answers are invalid under the criteria in force.", "38 of 40", "#complete"),
        ({"met": None},
         "info", "No known answer was met yet.", "how alike answers are", "/items/"),
    ],
)  # fmt: skip
def test_each_has_its_figures_and_a_link(change, tone, title, said, leads):
    (point,) = attention.points_of(replace(QUIET, **change))
    assert (point.tone, point.title) == (tone, title)
    assert said in point.text
    assert leads in point.url and point.action


@pytest.mark.parametrize(
    "change",
    [
        {"cited": [line("Care", 4, 4), line("Care", 8, 10)]},
        {"alpha": (0.7, 0.5, 0.9, 20)},
        {"right": share_of(45, 50, Z_95)},
        {"errors": errors(rate("clean", 0.1, "−20", is_apart=True),
                          rate("small", 0.3, "+10", is_apart=False))},
        {"newest": ScoringRun(state="running")},
        {"standing": None},
    ],
)  # fmt: skip
def test_what_can_be_luck_asks_for_nothing(change):
    assert attention.points_of(replace(QUIET, **change)) == []


def test_the_worst_first_and_many_groups_in_one_sentence():
    kinds = [rate(f"kind {n}", n / 10, "+9", is_apart=True) for n in range(1, 6)]
    read = replace(
        QUIET, met=None, errors=errors(*kinds), newest=ScoringRun(state="failed", error="Full.")
    )
    failed, groups, unknown = attention.points_of(read)
    assert [point.tone for point in (failed, groups, unknown)] == ["bad", "warn", "info"]
    assert groups.text.startswith("kind 5: 50%") and groups.text.endswith("; and 2 more.")
    assert "kind 2" not in groups.text


def doubt(desk, many: int) -> None:
    with acting(STAFF):
        rows = GoldAnswer.objects.filter(project=desk.project, item__purpose="work")
        rows.update(is_suspect=False)
        ids = rows.order_by("item_id").values_list("item_id", flat=True)[:many]
        GoldAnswer.objects.filter(item_id__in=list(ids)).update(is_suspect=True)


def test_counts_of_known_answers_are_those_of_their_page(desk, scored, carol):
    doubt(desk, 5)
    with acting(STAFF):
        rows = list(GoldAnswer.objects.filter(project=desk.project).order_by("item_id")[:5])
        for row in rows[:2]:
            row.demoted_at, row.demoted_by, row.demoted_reason = desk.now, carol, "It shows two."
            row.save()
        rows[2].contested_until = desk.now
        rows[2].save()
        rows[3].item.exposed = 10**6
        rows[3].item.save(update_fields=["exposed"])
        assert standing(desk.project) == Standing(suspect=3, contested=1, demoted=2, worn=1)


def test_the_page_asks_as_many_queries_for_one_as_for_many(desk, scored, alice, client_of):
    client = client_of(alice)
    asked = []
    for many in (1, 12):
        doubt(desk, many)
        with CaptureQueriesContext(connection) as queries:
            text = client.get(url(desk)).text
        assert f"{many} known answer{'s are' if many > 1 else ' is'} suspect." in text
        asked.append(len(queries))
    assert asked[0] == asked[1]


def test_who_may_not_see_answers_is_not_told_which_are_known(desk, scored, alice, vic, client_of):
    doubt(desk, 2)
    assert "2 known answers are suspect." in page(desk, alice, client_of)[1]
    assert "suspect" not in page(desk, vic, client_of)[1]


def test_every_part_of_the_list_is_on_the_page(desk, scored, alice, client_of):
    context, text = page(desk, alice, client_of)
    places = [place for place, _ in context["sections"]]
    assert {"wrong", "agreement", "labels", "complete", "time", "signals"} <= set(places)
    tree = dom.tree(text)
    for place in places:
        assert f'href="#{place}"' in text
        assert dom.by_id(tree, place) is not None, place
    within = [point.url for point in context["attention"] if point.url.startswith("#")]
    assert all(dom.by_id(tree, place.removeprefix("#")) is not None for place in within)


def test_a_failed_run_leaves_the_figures_of_the_one_before(desk, scored, alice, client_of):
    with acting(STAFF):
        later = ScoringRun.objects.get(id=scored.id)
        later.pk = uuid.uuid4()
        later.state, later.error, later.result = "failed", "The disk is full.", None
        later.finished_at = None
        later.created_at = scored.created_at + timedelta(minutes=1)
        later.save(force_insert=True)
    context, text = page(desk, alice, client_of)
    assert context["run"].id == scored.id
    assert "The disk is full. The figures here are those of the run before it." in text
    assert "A newer run failed" in text


def test_a_run_says_its_version_and_how_to_compute_it_again(desk, scored, alice, client_of):
    text = page(desk, alice, client_of)[1]
    assert f"Version quality/{scored.version}" in text
    assert scored.code_version[:12] in text and str(scored.id) in text


def test_nothing_to_act_on_says_so(desk, alice, carol, dave, client_of):
    for user in (carol, dave):
        desk.enrol(user)
        for place in range(12):
            desk.hand_in(user, ["yes", "no"][place % 2])
    run = score(desk)
    reliable = run.result["matrices"]["reliable"]
    reliable["right"] = reliable["gold"]
    with acting(STAFF):
        ScoringRun.objects.filter(id=run.id).update(result=run.result)
    context, text = page(desk, alice, client_of)
    assert context["attention"] == [] and "Needs attention" in text
    assert "asks to be looked at" in text
