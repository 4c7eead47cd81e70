"""Lift in the criteria: what is frozen at publishing, the held-out test set, and what blocks it."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import rfc8785
from django.conf import settings
from django.db import connection

from apps.core import blobs
from apps.core.errors import NotThere, WagefileError
from apps.projects import rules
from apps.projects.models import GoldAnswer, Item, Project
from apps.tasktypes import registry

METRICS = {
    "accuracy": "Accuracy: the share of known answers that the model gets right",
    "macro-f1": "Macro F1: every answer counts the same, however rare",
    "f1": "F1 of one answer: for an answer that is rare",
    "brier": "Brier score: how sure the model is, and with what right",
}
POOL_PERCENT_MAX = 50
SECONDS_MAX = 7 * 24 * 3600


def lift_of(project: Project, section: Mapping, *, task: Mapping, budget: int) -> dict | None:
    """The lift part of the criteria; None where it is off.

    Once published it is that of the version in force: the money for it is set apart.
    """
    if project.criteria is not None:
        return project.criteria.body.get("lift")
    if not section.get("is_on"):
        return None
    numbers = _numbers()
    percent = _whole(section.get("pool_percent"), numbers["lift_pool_percent"])
    seconds = _whole(section.get("seconds_max"), numbers["lift_seconds_max"])
    price = numbers["lift_price_per_hour"].get(project.currency, 0)
    items = test_items(project)
    recipe = str(section.get("recipe") or "") or next(iter(recipes(task)), "")
    return {
        "recipe": recipe,
        "encoder": numbers["lift_encoders"].get(recipe, ""),
        "metric": str(section.get("metric") or "accuracy"),
        "positive": str(section.get("positive") or "").strip(),
        "method": _method(recipe),
        "rows": numbers["lift_rows"],
        "seeds": numbers["lift_seeds"],
        "chance": numbers["lift_chance"],
        "confidence_percent": numbers["lift_confidence_percent"],
        "minimum_rows": _whole(section.get("minimum_rows"), numbers["lift_minimum_rows"]),
        "pool_percent": percent,
        "pool": rules.pool_of(budget, percent),
        "seconds_max": seconds,
        "price_per_hour": price,
        "compute": rules.compute_reserve(seconds, price),
        "contest_days": numbers["lift_contest_days"],
        "test_items": len(items),
        "test_sha256": hashlib.sha256(_written(items)).hexdigest(),
    }


def recipes(task: Mapping) -> dict[str, str]:
    """Recipe → its name in words, of those that fit the task; none while it is incomplete."""
    try:
        task_type = registry.get(task["type"])
        return task_type.lift_recipes(task_type.check_config(task["config"]))
    except WagefileError:
        return {}


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run over `people` contributors with all answers takes by one recipe, about.

    `models` are trained to measure, `controls` to hold that against chance. `milliseconds` are of
    one processor core; `cost` is what a run that took as many is charged, minor units. `is_over`:
    more than the run at the close is sure of.
    """

    recipe: str
    title: str
    people: int
    models: int
    controls: int
    is_trained: bool
    milliseconds: int
    cost: int
    sure_of: int

    @property
    def seconds(self) -> int:
        return -(-self.milliseconds // 1000)

    @property
    def is_over(self) -> bool:
        return self.seconds > self.sure_of


def lift_estimates(
    project: Project, *, task: Mapping, overlap: int, section: Mapping
) -> list[Estimate]:
    """Of every recipe that fits the task."""
    numbers = _numbers()
    rows = Item.objects.filter(project=project, purpose="work", state="active")
    items, known = rows.count(), len(test_items(project))
    people = numbers["lift_estimate_people"]
    cap = _whole(section.get("seconds_max"), numbers["lift_seconds_max"])
    price = numbers["lift_price_per_hour"].get(project.currency, 0)
    found = []
    for recipe, title in recipes(task).items():
        effort, method = rules.EFFORTS[recipe], _method(recipe)
        models = rules.models_of(
            method, people, seeds=numbers["lift_seeds"], chance=numbers["lift_chance"]
        )
        milliseconds = rules.lift_milliseconds(
            effort, models, method=method, items=items, rows=(items - known) * overlap
        )
        found.append(
            Estimate(
                recipe=recipe,
                title=title,
                people=people,
                models=models[0],
                controls=models[1],
                is_trained=effort.is_trained,
                milliseconds=milliseconds,
                cost=rules.compute_cost(milliseconds, price),
                sure_of=cap * numbers["lift_kept_percent"] // 100,
            )
        )
    return found


def _method(recipe: str) -> str:
    numbers, effort = _numbers(), rules.EFFORTS.get(recipe)
    is_trained = effort is not None and effort.is_trained
    return numbers["lift_trained_method" if is_trained else "lift_method"]


def test_items(project: Project) -> list[str]:
    """The buyer's ids of the items that models are measured on: those with a known answer.

    A known answer that no model can be right about, such as a tie of two responses, measures none.
    """
    rows = GoldAnswer.objects.filter(
        project=project, demoted_at=None, item__purpose="work", item__state="active"
    ).exclude(answer_key__in=_skips(project))
    return sorted(rows.values_list("item__external_id", flat=True))


def _skips(project: Project) -> frozenset[str]:
    try:
        return registry.get(project.task_type).lift_skips
    except NotThere:
        return frozenset()


def keep_test_items(project: Project) -> str:
    """Store the list of them at publishing; its SHA-256, as the criteria name it."""
    return blobs.put(_written(test_items(project)))


def _written(items: list[str]) -> bytes:
    return rfc8785.dumps(items)


# An item of the test set whose content another item has, too: by its payload, or its picture. Two
# responses in the other order are the same content.
_LEAK = """
WITH content AS (
  SELECT i.external_id, coalesce(a.sha256, (
      SELECT md5(string_agg(p.value, chr(30) ORDER BY p.value)) FROM jsonb_each_text(i.payload) p
    )) AS content,
    EXISTS (SELECT 1 FROM projects_goldanswer g WHERE g.item_id = i.id AND g.demoted_at IS NULL)
      AS is_test
  FROM projects_item i
  LEFT JOIN projects_asset a ON a.project_id = i.project_id AND a.name = i.payload->>'image'
  WHERE i.project_id = %s AND i.purpose = 'work' AND i.state = 'active'
)
SELECT test.external_id, other.external_id FROM content test JOIN content other
  ON other.content = test.content AND NOT other.is_test
WHERE test.is_test ORDER BY 1, 2 LIMIT 1
"""


def lift_problems(project: Project, body: Mapping) -> Iterator[str]:
    """The sentences about lift that block publishing."""
    lift, numbers = body.get("lift"), _numbers()
    if not lift:
        return
    known = recipes(body["task"])
    if not known:
        yield "Lift cannot be measured for this task type: switch it off."
    elif lift["recipe"] not in known:
        yield "Lift: choose a model recipe that fits the task."
    if lift["metric"] not in METRICS:
        yield "Lift: choose how models are compared."
    if lift["metric"] == "f1" and not _is_answer(project, body["task"], lift["positive"]):
        yield "Lift: F1 needs the answer that it is about, one of those that can be given."
    if not 1 <= lift["pool_percent"] <= POOL_PERCENT_MAX or lift["pool"] <= 0:
        yield f"Lift: the pool is 1 to {POOL_PERCENT_MAX} percent of the budget, and not nothing."
    if not 1 <= lift["minimum_rows"] <= 100_000:
        yield "Lift: say from how many accepted answers on a contributor is measured."
    if not 1 <= lift["seconds_max"] <= SECONDS_MAX:
        yield "Lift: cap the computing at 1 second to 7 days."
    for each in lift_estimates(project, task=body["task"], overlap=body["overlap"], section=lift):
        if each.recipe == lift["recipe"] and each.is_over:
            yield (
                f"Lift: for {each.people} contributors this model takes about {each.seconds:,} "
                f"seconds of computing, and the run that pays is sure of {each.sure_of:,}: raise "
                "the cap, or choose a model that takes less."
            )
    if lift["price_per_hour"] <= 0:
        yield f"Lift: there is no price of computing in {body['currency']} yet."
    if lift["test_items"] < numbers["lift_test_minimum"]:
        yield (
            f"Lift: models are measured on items with a known answer; there are "
            f"{lift['test_items']}, at least {numbers['lift_test_minimum']} are needed."
        )
    with connection.cursor() as cursor:
        cursor.execute(_LEAK, [project.id])
        leak = cursor.fetchone()
    if leak:
        yield (
            f"Lift: item {leak[0]} has a known answer and the same content as item {leak[1]}, so "
            "models would be trained on what they are measured on. Take one of them out."
        )


def _is_answer(project: Project, task: Mapping, answer: str) -> bool:
    try:
        registry.get(task["type"]).check_gold(task["config"], answer)
    except WagefileError:
        return False
    return bool(answer) and answer not in _skips(project)


def _numbers() -> dict[str, Any]:
    return dict(settings.WAGEFILE)


def _whole(value: object, default: int) -> int:
    return default if isinstance(value, bool) or not isinstance(value, int) else value
