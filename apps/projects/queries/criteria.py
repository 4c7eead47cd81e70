"""From the draft to the body of the criteria, its hash, and the terms that money follows."""

import hashlib
import uuid
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import rfc8785
from django.conf import settings
from django.db import connection

from apps.core.errors import Invalid
from apps.projects import rules
from apps.projects.enums import Visibility
from apps.projects.models import CriteriaVersion, Project, ProjectDraft
from apps.projects.queries.lifts import lift_of
from apps.tasktypes import registry

SECTIONS = (
    "work", "pay", "rubric", "tiers", "items", "consent", "disclosure", "decision", "budget",
    "lift",
)  # fmt: skip

DECISION_QUESTIONS = {
    "judgement": "What human judgement is bought?",
    "use": "What will it be used for?",
    "consequence": "What follows if the judgement is wrong, and for whom?",
    "worker_brings": "What must the contributor bring that a machine does not have?",
    "worker_status": "In which status do contributors work?",
    "wage_benchmark": "Which wage for comparable work is the pay measured against?",
    "protections": "What protects contributors from harm in this work?",
    "data_rights": "Who owns the answers, and what may be done with them?",
    "internal_path": "Which way leads from this work to better paid work?",
    "budget_owner": "Who answers for the budget?",
}
GATES = ["schema", "completeness", "item_time"]


def sha256_of(body: Mapping) -> str:
    """SHA-256 in hex over the JSON canonicalization scheme (RFC 8785) of the body."""
    return hashlib.sha256(rfc8785.dumps(dict(body))).hexdigest()


def terms(criteria_id: uuid.UUID) -> rules.Terms:
    """The pay rules of a published version; kept, since a version never changes."""
    return _terms(criteria_id, connection.settings_dict["NAME"])


@lru_cache(maxsize=4096)
def _terms(criteria_id: uuid.UUID, _database: str) -> rules.Terms:
    criteria = kept(criteria_id)
    return rules.Terms.of(criteria.body, version=criteria.number)


def terms_for(
    *, base: int, currency: str, estimate_seconds: int, regions: list[str]
) -> rules.Terms:
    """The money rules that a project with these choices would publish today; no regions mean all.

    `base` is in minor units of `currency`. For examples: nothing is stored.
    """
    pay = _pay({"base": base}, currency, [{"regions": regions}], estimate_seconds)
    return rules.Terms.of({"engine": _numbers()["engine"], "currency": currency, "pay": pay})


def kept(criteria_id: uuid.UUID) -> CriteriaVersion:
    """A published version by its id, read once a process: a version never changes.

    For rows that were found through `visible_to`; their criteria are theirs to see.
    """
    return _kept(criteria_id, connection.settings_dict["NAME"])


@lru_cache(maxsize=1024)
def _kept(criteria_id: uuid.UUID, _database: str) -> CriteriaVersion:
    return CriteriaVersion.objects.get(id=criteria_id)


def configured_type(project: Project) -> tuple[registry.TaskType, dict]:
    """The task type and config that the next imported row is checked against.

    Those of the published criteria, before that those of the draft. Raises Invalid when the draft
    does not have them yet.
    """
    if project.criteria is not None:
        task = project.criteria.body["task"]
        return registry.get(task["type"]), task["config"]
    work = _section(draft_of(project), "work")
    if not work.get("task_type"):
        raise Invalid("Choose the task type before you add items.")
    task_type = registry.get(str(work["task_type"]))
    return task_type, task_type.check_config(_mapping(work.get("config")))


def item_triggers(body: Mapping) -> frozenset[str]:
    """The triggers that a row of items may name: those of its premiums that the row decides."""
    return frozenset(
        premium["trigger"]
        for premium in body["pay"]["premiums"]
        if premium.get("source") == rules.Source.ITEM
    )


def row_triggers(project: Project) -> frozenset[str]:
    """The same of the published criteria, before that of the draft."""
    return item_triggers(project.criteria.body if project.criteria else draft_body(project))


def draft_of(project: Project) -> dict:
    draft = (
        ProjectDraft.objects.filter(project_id=project.id).values_list("body", flat=True).first()
    )
    return draft or {}


def draft_body(project: Project) -> dict:
    """The criteria that the draft would become now: complete in its keys, whatever is missing.

    Every number that is not the buyer's own comes from `settings.WAGEFILE`.
    """
    draft = draft_of(project)
    work, tiers = _section(draft, "work"), _tiers(_section(draft, "tiers"))
    estimate = whole(work.get("estimate_seconds"))
    body: dict[str, Any] = {
        "engine": _numbers()["engine"],
        "currency": project.currency,
        "unit": project.unit,
        "visibility": str(work.get("visibility") or project.visibility),
        "title": str(work.get("title") or project.title),
        "layer": str(work.get("layer") or project.layer),
        "band": {
            key: whole(_mapping(work.get("band")).get(key)) for key in ("complexity", "consequence")
        },
        "task": {
            "type": str(work.get("task_type") or ""),
            "config": dict(_mapping(work.get("config"))),
            "instructions": str(work.get("instructions") or "").strip(),
            "estimate_seconds": estimate,
        },
        "rubric": [_rubric_line(line) for line in _list(_section(draft, "rubric"), "lines")],
        "gates": GATES,
        "pay": _pay(_section(draft, "pay"), project.currency, tiers, estimate),
        "windows": _windows(),
        "limits": _limits(str(work.get("visibility") or project.visibility)),
        "tiers": tiers,
        "overlap": whole(_section(draft, "items").get("overlap"), 1),
        "overlap_max": overlap_max(_section(draft, "items")),
        "label_error_percent": _numbers()["label_error_percent"],
        "gold_percent": whole(
            _section(draft, "items").get("gold_percent"), _numbers()["gold_percent"]
        ),
        "gold_percent_min": gold_percent_min(_section(draft, "items")),
        # Never by default: whoever says nothing of repeats pays for none.
        "repeat_percent": whole(_section(draft, "items").get("repeat_percent")),
        "repeat_between": _numbers()["repeat_between"],
        "consent": _consent(_section(draft, "consent")),
        "disclosure": _disclosure(_section(draft, "disclosure"), project),
        "decision": {
            key: str(_section(draft, "decision").get(key) or "").strip()
            for key in DECISION_QUESTIONS
        },
        "attachments": {},
    }
    # Criteria without lift say nothing of it, as those from before there was lift.
    lift = lift_of(
        project,
        _section(draft, "lift"),
        task=body["task"],
        budget=whole(_section(draft, "budget").get("amount")),
    )
    return {**body, "lift": lift} if lift else body


def overlap_max(section: Mapping) -> int:
    """The most answers an item gets where people disagree; if not said, as many as all get."""
    return whole(section.get("overlap_max"), whole(section.get("overlap"), 1))


def gold_percent_min(section: Mapping) -> int:
    """The share of known answers that proven people meet; the general lower bound if not said."""
    most = whole(section.get("gold_percent"), _numbers()["gold_percent"])
    return whole(section.get("gold_percent_min"), min(most, _numbers()["gold_percent_min"]))


def whole(value: object, default: int = 0) -> int:
    """An integer of a draft; what is no whole number counts as missing."""
    if isinstance(value, bool) or value is None:
        return default
    if isinstance(value, int):
        return value
    if isinstance(value, str) and value.strip().lstrip("-").isdecimal():
        return int(value)
    return default


def floor_per_hour(currency: str, tiers: list[dict]) -> int:
    """The highest minimum of all regions that any tier is open to; no regions mean all.

    The regional minima are amounts of USD and the marketplace never converts: another currency
    has the one floor of its own table. 0 when the currency has none.
    """
    floor = _numbers()["floor_per_hour"].get(currency, 0)
    if currency != "USD":
        return floor
    minima = _numbers()["region_floors"]
    regions: set[str] = set()
    for tier in tiers:
        regions |= set(tier["regions"]) or set(minima)
    return max([floor, *(minima[region] for region in regions if region in minima)])


def _numbers() -> dict[str, Any]:
    return dict(settings.WAGEFILE)


def _mapping(value: object) -> Mapping:
    return value if isinstance(value, Mapping) else {}


def _section(draft: Mapping, name: str) -> Mapping:
    return _mapping(draft.get(name))


def _list(section: Mapping, name: str) -> list[Mapping]:
    value = section.get(name)
    return [_mapping(entry) for entry in value] if isinstance(value, list) else []


def _words(value: object) -> list[str]:
    """A list of words, also written as one string with commas."""
    parts = value.split(",") if isinstance(value, str) else value
    return (
        [str(part).strip() for part in parts if str(part).strip()]
        if isinstance(parts, list)
        else []
    )


def _rubric_line(line: Mapping) -> dict:
    anchors = _mapping(line.get("anchors"))
    return {
        "key": str(line.get("key") or "").strip(),
        "title": str(line.get("title") or "").strip(),
        "weight": whole(line.get("weight"), 1),
        "anchors": {step: str(anchors.get(step) or "").strip() for step in ("1", "3", "5")},
    }


def _tiers(section: Mapping) -> list[dict]:
    found = []
    for tier in _list(section, "tiers"):
        asked = tier.get("qualification")
        qualification = None
        if isinstance(asked, Mapping):
            qualification = {
                key: whole(asked.get(key)) for key in ("items", "pass_percent", "seats")
            }
        found.append(
            {
                "key": str(tier.get("key") or "").strip(),
                "title": str(tier.get("title") or "").strip(),
                "regions": [region.upper() for region in _words(tier.get("regions"))],
                "languages": [language.lower() for language in _words(tier.get("languages"))],
                "credentials": _words(tier.get("credentials")),
                "qualification": qualification,
            }
        )
    return found


def _pay(section: Mapping, currency: str, tiers: list[dict], estimate: int) -> dict:
    numbers = _numbers()
    base = whole(section.get("base"))
    return {
        "base": base,
        "qualification": whole(section.get("qualification"), base),
        "fee_bps": numbers["fee_bps"],
        "floor_per_hour": floor_per_hour(currency, tiers),
        "kill_fee_percent": numbers["kill_fee_percent"],
        "rework_percent": numbers["kill_fee_percent"],
        "quality_bonus_percent": numbers["quality_bonus_percent"],
        "quality_bar": numbers["quality_bar"],
        "gold_minimum": numbers["gold_minimum"],
        "paid_seconds_max": rules.paid_seconds_max(
            estimate,
            factor=numbers["paid_minutes_factor"],
            minimum_minutes=numbers["paid_minutes_minimum"],
        ),
        "instruction_seconds_max": numbers["instruction_minutes_max"] * 60,
        "case_seconds": numbers["case_minutes"] * 60,
        "wind_down_percent": numbers["wind_down_percent"],
        "wind_down_days": numbers["wind_down_days"],
        "premiums": [_premium(premium) for premium in _list(section, "premiums")],
    }


def _premium(premium: Mapping) -> dict:
    """With who decides that it holds, in words: a reader needs no table beside the criteria."""
    trigger = str(premium.get("trigger") or rules.ALWAYS).strip()
    known = rules.TRIGGERS.get(trigger)
    return {
        "key": str(premium.get("key") or "").strip(),
        "label": str(premium.get("label") or "").strip(),
        "amount": whole(premium.get("amount")),
        "trigger": trigger,
        "source": str(known.source) if known else "",
        "holds": known.holds if known else "",
    }


def _windows() -> dict:
    numbers = _numbers()
    return {
        "review_hours": numbers["review_window_hours"],
        "rework_hours": numbers["rework_window_hours"],
        "appeal_days": numbers["appeal_days"],
        "appeal_decision_days": numbers["appeal_decision_days"],
        "integrity_stop_days": numbers["integrity_stop_days"],
        "hold_minutes": numbers["hold_minutes"],
        "hold_hours_max": numbers["hold_hours_max"],
        "undo_seconds": numbers["undo_seconds"],
    }


def _limits(visibility: str) -> dict:
    numbers = _numbers()
    share = numbers["newcomer_share_percent"]
    return {
        # Named contributors are no newcomers that nobody knows.
        # A known answer that everybody has seen measures memory: it rests after so many.
        "gold_exposure_max": numbers["gold_exposure_max"],
        "newcomer_share_percent": 100 if visibility == Visibility.ASSIGNED else share,
        "unsubmitted_paid_per_day": numbers["unsubmitted_paid_per_day"],
        "unsubmitted_paid_per_attempt": numbers["unsubmitted_paid_per_attempt"],
        "attempts_per_week": numbers["qualification_attempts_per_week"],
        "attempts_per_year": numbers["qualification_attempts_per_year"],
        "retake_days": numbers["retake_days"],
        "breaker_percent": numbers["breaker_percent"],
        "breaker_per_contributor_day": numbers["breaker_per_contributor_day"],
    }


def _consent(section: Mapping) -> dict:
    return {
        "purpose": str(section.get("purpose") or "").strip(),
        "licence": str(section.get("licence") or "").strip(),
        "term": str(section.get("term") or "").strip(),
        "secondary_use": str(section.get("secondary_use") or "none").strip(),
        "price_per_use": whole(section.get("price_per_use")),
        "withdrawal": str(section.get("withdrawal") or "").strip(),
    }


def _disclosure(section: Mapping, project: Project) -> dict:
    return {
        "trains": str(section.get("trains") or "").strip(),
        "owners": str(section.get("owners") or project.org.owners).strip(),
        "content_warnings": str(section.get("content_warnings") or "none").strip(),
        "signals": list(rules.SIGNALS),
    }
