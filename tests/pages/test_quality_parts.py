"""How labels are made, signals, machines, completeness and cited lines, on the page of quality."""

import pytest
from django.urls import reverse

from apps.core.tenancy import acting, system
from apps.pages.views import labelling, watched
from apps.projects.models import CriteriaVersion
from apps.projects.rules import MEANINGS, SIGNALS, kept_under
from apps.scoring import actions as scoring
from apps.scoring.models import ScoringRun
from apps.work import actions as work
from apps.work.models import Score
from apps.work.queries import cited, completeness
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
def rows(desk, carol, dave):
    """Both answer twelve items; dave differs on every fourth."""
    made = {}
    for user, odd in ((carol, 99), (dave, 4)):
        desk.enrol(user)
        made[user] = [
            desk.hand_in(user, "unclear" if (place + 1) % odd == 0 else ["yes", "no"][place % 2])
            for place in range(12)
        ]
    return made


def page(desk, user, client_of):
    answer = client_of(user).get(reverse("pages:project-quality", args=[desk.project.id]))
    return answer.context, answer.text


def changed(run, **stages):
    """The run with other figures of a stage."""
    for name, values in stages.items():
        run.result[name] |= values
    with acting(STAFF):
        ScoringRun.objects.filter(id=run.id).update(result=run.result)


# ── Labels ──────────────────────────────────────────────────────────────────────────────────────


def test_the_choice_is_said_twice(desk, rows, alice, client_of):
    run = score(desk)
    context, text = page(desk, alice, client_of)
    assert run.result["labels"]["choice"]["by"] == "held-out likelihood"
    assert "tells best what people answer here. With 12 known answers, fewer than 30" in text
    assert "five folds" in text
    assert [row.is_chosen for row in context["method"].candidates].count(True) == 1


GOLD = {
    "method": "glad",
    "gold_items": 200,
    "helps": True,
    "agrees_against_gold": False,
    "choice": {
        "by": "gold",
        "gold_accuracy": {"majority": 0.81, "glad": 0.905},
        "held_out_log_likelihood": {"majority": -0.9, "glad": -0.7},
        "accuracy_held_out": 0.9,
        "explains_best": "glad",
        "unfit": {"mace": "not tried above 50,000 answers"},
    },
}


def test_chosen_by_gold_says_how_good_each_way_is(desk, rows, alice, client_of):
    run = score(desk)
    changed(run, labels=GOLD)
    context, text = page(desk, alice, client_of)
    assert "Labels are made by GLAD: of all the ways" in text
    assert "It is right more often than counting votes." in text
    best, vote, mace = context["method"].candidates
    assert (best.name, best.is_chosen, mace.right) == ("GLAD", True, None)
    assert best.right.low < 0.905 < best.right.high and best.right.n == 200
    assert vote.right.value == 0.81
    assert "not tried above 50,000 answers" in text


def test_people_against_the_gold_are_warned_of_and_nothing_is_claimed(desk, rows, alice, client_of):
    """As on ducks: the vote is taken, and the page does not say that joining answers helped."""
    run = score(desk)
    changed(
        run,
        labels=GOLD | {"method": "majority", "helps": False, "agrees_against_gold": True},
    )
    _, text = page(desk, alice, client_of)
    assert "People agree against what is known." in text
    assert "Joining their answers does not help here" in text
    assert "right more often than counting votes" not in text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"choice": None}, "which was fixed and not chosen"),
        ({"helps": False}, "That it is right more often than counting votes is not shown."),
        ({"helps": None}, "cannot be said without known answers"),
        ({"method": "majority"}, "It counts each person's answer the same."),
    ],
)
def test_sentences_of_other_choices(change, said):
    found = labelling.method_of({**GOLD, **change})
    assert said in found.buyer
    assert not found.warning


def test_a_run_without_labels_has_no_method():
    assert labelling.method_of({}) is None


# ── Signals ─────────────────────────────────────────────────────────────────────────────────────


def test_every_disclosed_signal_has_its_words():
    assert {name for names in SIGNALS.values() for name in names} == set(MEANINGS)


def test_only_what_all_were_told_is_kept():
    old = ["time against the item's own distribution", "gold items", "agreement with others"]
    assert kept_under([SIGNALS]) == sorted(MEANINGS)
    assert kept_under([SIGNALS, old]) == sorted(
        ["haste", "below chance", "little agreement", "spammer score"]
    )
    assert kept_under([]) == kept_under([[]]) == []


def disclose(desk, phrases):
    """The criteria as they would be with this disclosure."""
    with acting(system(desk.project.org_id)):
        row = CriteriaVersion.objects.get(project=desk.project)
        body = {**row.body, "disclosure": {**row.body["disclosure"], "signals": list(phrases)}}
        new = CriteriaVersion.objects.create(
            project=desk.project, org=desk.project.org, number=row.number + 1, body=body,
            sha256="0" * 64, published_at=desk.now, published_by=row.published_by,
        )  # fmt: skip
        desk.project.criteria = new
        desk.project.save(update_fields=["criteria"])


def test_signals_reach_scores_verdicts_and_cases(desk, acme, carol, dave, rob, alice, client_of):
    disclose(desk, SIGNALS)
    made = {}
    for user in (carol, dave):
        desk.enrol(user)
        # Dave answers within a second what takes others half a minute.
        seconds = 30 if user == carol else 1
        made[user] = [
            desk.hand_in(user, ["yes", "no"][place % 2], seconds=seconds) for place in range(12)
        ]
    run = score(desk)
    assert set(run.params["signals"]) == set(MEANINGS)
    assert run.result["anomalies"]["signals"]["haste"] == 1
    with acting(STAFF):
        scores = {row.contributor_id: row.signals for row in Score.objects.filter(run=run)}
    assert scores[dave.id]["haste"] is True and scores[carol.id]["haste"] is False
    assert desk.answer_of(made[dave][0]).scores["signals"] == MEANINGS["haste"]
    assert desk.answer_of(made[carol][0]).scores["signals"] == "none"
    desk.accept(rob, made[dave][0])
    (verdict,) = desk.verdicts(made[dave][0])
    assert verdict.scores["signals"] == MEANINGS["haste"]
    # The buyer reads of one family only, so nobody is named.
    context, text = page(desk, alice, client_of)
    assert context["flagged"] == []
    (haste,) = [row for row in context["signals"] if row.name == "haste"]
    assert (haste.judged, haste.speaks) == (2, 1)
    assert "About nobody do signals of two families speak." in text
    # Dave reads it himself, and carol of herself.
    own = client_of(dave).get(reverse("work:scores")).text
    assert MEANINGS["haste"] in own and "in it you are heard first" in own
    assert "None of the" in client_of(carol).get(reverse("work:scores")).text


def test_two_families_name_somebody_to_the_buyer(desk, rows, dave, alice, client_of):
    run = score(desk)
    judged = {
        name: {"family": family, "threshold": 1, "judged": 2}
        for name, family in (
            ("haste", "time"), ("drift", "change"),
            ("below chance", "crowd"), ("spammer score", "crowd"),
        )
    }  # fmt: skip
    changed(run, anomalies={"judged": judged, "signals": dict.fromkeys(judged, 1)})
    with acting(STAFF):
        one = {"below chance": True, "spammer score": True, "haste": False}
        Score.objects.filter(run=run).update(signals=one)
        assert watched.flagged(desk.project, run) == [], "two signals of one family"
        of_dave = Score.objects.filter(run=run, contributor=dave)
        of_dave.update(signals=one | {"drift": True})
    context, text = page(desk, alice, client_of)
    (person,) = context["flagged"]
    assert person.who == pseudonym(desk.project.id, dave.id) and person.who in text
    assert str(dave.id) not in text


def test_nothing_is_computed_that_was_not_disclosed(desk, rows, alice, client_of):
    disclose(desk, [])
    with acting(STAFF):
        desk.project.assignments.update(criteria=desk.project.criteria)
    run = score(desk)
    assert run.params["signals"] == []
    assert run.result["anomalies"]["signals"] == {}
    with acting(STAFF):
        assert {str(row.signals) for row in Score.objects.filter(run=run)} == {"{}"}
    assert "disclose no signal about them" in page(desk, alice, client_of)[1]
    assert "signals" not in desk.answer_of(next(iter(rows.values()))[0]).scores


# ── Machines, completeness, cited lines ─────────────────────────────────────────────────────────


def test_machines_are_marked(desk, rows, alice, client_of):
    run = score(desk)
    changed(
        run,
        labels={
            "non_human": {
                "classes": ["no", "yes"],
                "confusion": {"model:large-3": [[3, 1], [0, 4]]},
            }
        },
        machines={
            "model:large-3": {
                "answers": 8, "labelled": 8, "agreed": 7, "gold": 8, "correct": 7,
                "q": 0.83, "low": 0.6, "high": 0.97,
            }
        },
    )  # fmt: skip
    context, text = page(desk, alice, client_of)
    (machine,) = context["machines"]
    assert (machine.name, machine.kind, machine.agreed.right) == ("large-3", "Model", 7)
    assert [(name, share.right, share.n) for name, share in machine.matrix[0][1]] == [
        ("No", 3, 4), ("Yes", 1, 4),
    ]  # fmt: skip
    assert "no person" in text and "What large-3 takes for what" in text


def test_complete_items_and_answers_are_counted(desk, rows, carol, rob, alice, client_of):
    score(desk)
    context, _ = page(desk, alice, client_of)
    with acting(STAFF):
        found = completeness.counted(desk.project.id)
        wanted = sum(item.overlap for item in desk.project.items.filter(purpose="work"))
    assert (found["items"], found["wanted"], found["filled"]) == (12, wanted, min(wanted, 24))
    assert (found["checked"], found["valid"]) == (24, 24)
    desk.reject(rob, rows[carol][0])
    with acting(STAFF):
        again = completeness.counted(desk.project.id)
    assert again["checked"] == 23 and again["complete"] <= found["complete"]
    assert context["complete"]["valid"].value == 1


def test_answers_of_an_earlier_schema_are_counted_as_invalid(desk, rows, alice):
    with acting(system(desk.project.org_id)):
        row = CriteriaVersion.objects.get(project=desk.project)
        task = row.body["task"]
        config = {**task["config"], "choices": task["config"]["choices"][:2]}
        CriteriaVersion.objects.create(
            project=desk.project, org=desk.project.org, number=2, sha256="0" * 64,
            body={**row.body, "task": {**task, "config": config}},
            published_at=desk.now, published_by=row.published_by,
        )  # fmt: skip
        found = completeness.counted(desk.project.id)
    # Dave gave a third class to every fourth of twelve items.
    assert (found["checked"], found["valid"]) == (24, 21)


def test_cited_lines_question_the_rubric_first(desk, rows, carol, dave, rob, alice, client_of):
    with acting(STAFF):
        assert list(cited.lines(desk.project)) == []
    desk.reject(rob, rows[carol][0])
    desk.reject(rob, rows[dave][0])
    desk.reject(rob, rows[dave][1], criterion="care" if has_line(desk, "care") else "accuracy")
    score(desk)
    context, text = page(desk, alice, client_of)
    first = context["cited"][0]
    assert first.people.right == 2 and first.people.n == 2
    cites = sum(line.count for line in context["cited"])
    assert (cites, first.answers.n) == (3, 3)
    # Two of them stand against dave, one against carol: 9 / (1 + 4).
    assert first.count == 2 or first.spread == pytest.approx(9 / 5)
    assert not first.is_questioned, "two people are too few to question a line by"
    assert "Lines of the rubric that were cited" in text


def has_line(desk, key) -> bool:
    return any(line["key"] == key for line in desk.project.criteria_in_force.body["rubric"])


@pytest.mark.parametrize(
    ("people", "everybody", "is_questioned"),
    [(4, 4, False), (5, 5, True), (8, 10, False), (9, 10, True), (10, 40, False)],
)
def test_a_line_is_questioned_when_nearly_everybody_gets_it(people, everybody, is_questioned):
    share = cited.share_of(people, everybody, cited.Z_95)
    line = cited.CitedLine(
        title="Care", count=people, answers=share, people=share, spread=people, overturned=0
    )
    assert line.is_questioned is is_questioned


def test_since_the_last_run_stands_on_both_pages(desk, carol, dave, alice, client_of):
    for user in (carol, dave):
        desk.enrol(user)
        for place in range(10):
            desk.hand_in(user, ["yes", "no"][place % 2])
    score(desk)
    desk.as_system(work.count_online, project_id=desk.project.id)
    assert "No answer has come in since the run" in page(desk, alice, client_of)[1]
    desk.hand_in(carol, "yes")
    desk.as_system(work.count_online, project_id=desk.project.id)
    context, text = page(desk, alice, client_of)
    assert context["since"].state.added == 1
    assert "1 answer to 1 item came in after the run" in text
    own = client_of(carol).get(reverse("work:score", args=[desk.project.id])).text
    assert "1 answer of yours came in" in own and "no pay and no deadline rests on it" in own
    other = client_of(dave).get(reverse("work:score", args=[desk.project.id])).text
    assert "Nothing has changed: every answer of yours" in other
