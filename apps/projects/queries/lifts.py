"""Lift in the criteria: what is frozen at publishing, the held-out test set, and what blocks it."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import rfc8785
from django.conf import settings
from django.db import connection

from apps.core import blobs
from apps.core.errors import WagefileError
from apps.projects import rules
from apps.projects.models import GoldAnswer, Project
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
    recipe = str(section.get("recipe") or "")
    return {
        "recipe": recipe or next(iter(recipes(task)), ""),
        "metric": str(section.get("metric") or "accuracy"),
        "positive": str(section.get("positive") or "").strip(),
        "method": numbers["lift_method"],
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


def test_items(project: Project) -> list[str]:
    """The buyer's ids of the items that models are measured on: those with a known answer."""
    rows = GoldAnswer.objects.filter(
        project=project, demoted_at=None, item__purpose="work", item__state="active"
    )
    return sorted(rows.values_list("item__external_id", flat=True))


def keep_test_items(project: Project) -> str:
    """Store the list of them at publishing; its SHA-256, as the criteria name it."""
    return blobs.put(_written(test_items(project)))


def _written(items: list[str]) -> bytes:
    return rfc8785.dumps(items)


# An item of the test set whose content another item has, too: by its payload, or its picture.
_LEAK = """
WITH content AS (
  SELECT i.external_id, coalesce(a.sha256, md5(i.payload::text)) AS content,
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
    if lift["metric"] == "f1" and not _is_answer(body["task"], lift["positive"]):
        yield "Lift: F1 needs the answer that it is about, one of those that can be given."
    if not 1 <= lift["pool_percent"] <= POOL_PERCENT_MAX or lift["pool"] <= 0:
        yield f"Lift: the pool is 1 to {POOL_PERCENT_MAX} percent of the budget, and not nothing."
    if not 1 <= lift["minimum_rows"] <= 100_000:
        yield "Lift: say from how many accepted answers on a contributor is measured."
    if not 1 <= lift["seconds_max"] <= SECONDS_MAX:
        yield "Lift: cap the computing at 1 second to 7 days."
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


def _is_answer(task: Mapping, answer: str) -> bool:
    try:
        registry.get(task["type"]).check_gold(task["config"], answer)
    except WagefileError:
        return False
    return bool(answer)


def _numbers() -> dict[str, Any]:
    return dict(settings.WAGEFILE)


def _whole(value: object, default: int) -> int:
    return default if isinstance(value, bool) or not isinstance(value, int) else value
