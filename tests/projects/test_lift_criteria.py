"""Which model lift is measured by: what fits a task, what it takes, and what blocks publishing."""

import hypothesis
import pytest
from django.conf import settings
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from apps.core.tenancy import acting
from apps.projects import actions as projects
from apps.projects import queries, rules
from apps.projects.models import GoldAnswer, Item, Project
from apps.projects.queries import lifts
from apps.projects.rules import LiftTerms
from apps.tasktypes import registry

PAIRWISE = {
    "task_type": "pairwise",
    "config": {"question": "Which is better?", "needs_reason": False, "allows_tie": True},
}
PAIRS = b"item_id,prompt,a,b,gold\n" + b"".join(
    b"p%d,Say %d,One %d,Two %d,%s\n" % (n, n, n, n, (b"a", b"b", b"tie", b"")[n % 4])
    for n in range(80)
)
SENTENCES = b"item_id,text,gold\n" + b"".join(
    b"s%d,Number %d?,%s\n" % (n, n, b"yes" if n < 40 else b"") for n in range(200)
)


def switched_on(project: Project, owner, now, **section: object) -> Project:
    with acting(owner):
        projects.save_draft(
            project_id=project.id, step="lift", data={"is_on": True, **section}, by=owner, now=now
        )  # fmt: skip
        return Project.objects.get(id=project.id)


def about_lift(project: Project, owner, now) -> list[str]:
    with acting(owner):
        return [said for said in queries.problems(project, now=now) if said.startswith("Lift")]


@pytest.mark.django_db
def test_a_pairwise_project_is_measured_by_a_reward_and_ties_measure_nothing(
    draft, load, owner, now
):
    made = draft(work=PAIRWISE)
    assert load(made, PAIRS).state == "done"
    made = switched_on(made, owner, now)
    assert about_lift(made, owner, now) == []
    with acting(owner):
        body = queries.draft_body(made)["lift"]
        known = GoldAnswer.objects.filter(project=made)
        assert (known.count(), body["test_items"]) == (60, 40)
        assert set(lifts.test_items(made)) == {f"p{n}" for n in range(80) if n % 4 < 2}
    assert (body["recipe"], body["encoder"], body["method"]) == (
        "pairwise", "all-MiniLM-L6-v2", "shapley",
    )  # fmt: skip


@pytest.mark.django_db
def test_f1_of_ties_is_refused_because_no_model_says_them(draft, load, owner, now):
    made = draft(work=PAIRWISE)
    load(made, PAIRS)
    made = switched_on(made, owner, now, metric="f1", positive="tie")
    (said,) = about_lift(made, owner, now)
    assert said.startswith("Lift: F1 needs the answer that it is about")
    made = switched_on(made, owner, now, metric="f1", positive="a")
    assert about_lift(made, owner, now) == []


@pytest.mark.django_db
def test_two_responses_the_other_way_round_are_the_same_content(draft, load, owner, now):
    made = draft(work=PAIRWISE)
    load(made, PAIRS + b"turned,Say 4,Two 4,One 4,\n")
    made = switched_on(made, owner, now)
    (said,) = about_lift(made, owner, now)
    assert said == (
        "Lift: item p4 has a known answer and the same content as item turned, so models would be "
        "trained on what they are measured on. Take one of them out."
    )


@pytest.mark.django_db
def test_a_model_that_takes_more_than_the_run_that_pays_is_sure_of_is_refused(
    draft, load, owner, now
):
    made = draft()
    load(made, SENTENCES)
    made = switched_on(made, owner, now, recipe="text-minilm")
    assert about_lift(made, owner, now) == []
    made = switched_on(made, owner, now, recipe="text-minilm", seconds_max=8)
    (said,) = about_lift(made, owner, now)
    assert said == (
        "Lift: for 10 contributors this model takes about 5 seconds of computing, and the run that "
        "pays is sure of 4: raise the cap, or choose a model that takes less."
    )
    made = switched_on(made, owner, now, recipe="text-minilm", seconds_max=10)
    assert about_lift(made, owner, now) == []


@pytest.mark.django_db
def test_the_wizard_says_what_each_model_takes(draft, load, owner, now, alice, client_of):
    made = draft()
    load(made, SENTENCES)
    switched_on(made, owner, now)
    text = client_of(alice).get(reverse("projects:draft", args=[made.id, "terms"])).text
    assert "Sentence vectors: an encoder that is not trained further" in text
    assert '"Trained to measure">1,024<' in text and '"Against chance">320<' in text
    assert "a training of its own" not in text and "over the cap" not in text


@pytest.mark.django_db
def test_a_trained_network_is_over_the_cap_and_pairs_of_trainings_are_its_method(
    draft, owner, now, acme
):
    made = draft(
        work={"config": {"question": "Red?", "content": "image", "choices": [
            {"key": "yes", "label": "Yes"}, {"key": "no", "label": "No"}]}},
    )  # fmt: skip
    with acting(owner):
        Item.objects.bulk_create(
            Item(
                project=made, org=acme, external_id=f"i{n}", payload={"image": f"{n}.png"},
                overlap=2, open_slots=2, sort_key=n,
            )
            for n in range(300)
        )  # fmt: skip
    made = switched_on(made, owner, now, recipe="image-finetune")
    with acting(owner):
        body = queries.draft_body(made)
        found = {
            each.recipe: each
            for each in queries.lift_estimates(
                made, task=body["task"], overlap=2, section=body["lift"]
            )
        }
    assert body["lift"]["method"] == settings.WAGEFILE["lift_trained_method"] == "with-without"
    price = body["lift"]["price_per_hour"]
    for each in found.values():
        assert each.cost == rules.compute_cost(each.milliseconds, price)
        assert each.seconds == -(-each.milliseconds // 1000)
    tuned, frozen = found["image-finetune"], found["image-linear"]
    assert (tuned.models, tuned.controls) == (2 * 11 * 5, 2 * 16 * 10)
    assert tuned.is_trained and tuned.is_over
    assert not frozen.is_trained and not frozen.is_over
    assert any("10 contributors this model takes" in s for s in about_lift(made, owner, now))


def test_every_recipe_that_a_task_offers_has_an_effort_and_its_encoder():
    configs = {
        "choice": [
            {"question": "?", "content": content, "choices": [{"key": "a", "label": "A"}] * 2}
            for content in ("text", "pair", "image")
        ],
        "pairwise": [PAIRWISE["config"]],
    }
    for task_type in registry.all_types():
        for config in configs[task_type.name]:
            for recipe in task_type.lift_recipes(config):
                assert recipe in rules.EFFORTS
                has_encoder = recipe in settings.WAGEFILE["lift_encoders"]
                assert has_encoder == (recipe not in {"text-linear", "tabular"})


@hypothesis.settings(suppress_health_check=[hypothesis.HealthCheck.too_slow], deadline=None)
@given(
    st.sampled_from(sorted(rules.EFFORTS)), st.sampled_from(["shapley", "with-without"]),
    st.integers(2, 40), st.integers(0, 10_000), st.integers(0, 50_000),
)  # fmt: skip
def test_more_people_items_or_answers_never_take_less(recipe, method, people, items, rows):
    effort = rules.EFFORTS[recipe]

    def takes(people: int, items: int, rows: int) -> int:
        models = rules.models_of(method, people, seeds=5, chance=16)
        return rules.lift_milliseconds(effort, models, method=method, items=items, rows=rows)

    least = takes(people, items, rows)
    assert takes(people, items + 1, rows) >= least
    assert takes(people, items, rows + 2) >= least
    # Up to twelve people all coalitions are trained, beyond only some.
    if people != 12 or method != "shapley":
        assert takes(people + 1, items, rows) >= least


def test_criteria_from_before_there_were_encoders_are_read():
    body = {"lift": {"recipe": "text-linear", "metric": "accuracy", "positive": "",
        "method": "shapley", "rows": "given", "seeds": 5, "chance": 16, "confidence_percent": 95,
        "minimum_rows": 20, "pool_percent": 10, "pool": 1, "seconds_max": 1,
        "price_per_hour": 1, "compute": 1, "contest_days": 14, "test_items": 30,
        "test_sha256": "0" * 64}}  # fmt: skip
    terms = LiftTerms.of(body)
    assert terms is not None and terms.encoder == ""
