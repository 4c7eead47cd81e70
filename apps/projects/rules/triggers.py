"""Premium triggers: the trigger column of the compensation map, each with who decides it, and when.

Every trigger is decided at the claim at the latest, from something that was published or written
down before: so the premium is reserved with the claim and named before the work starts.
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from apps.projects.enums import Layer
from apps.projects.rules.terms import Premium

ALWAYS = "always"
RUBRIC_LINES_COMPLEX = 5
NIGHT_FROM, NIGHT_TO = 22, 6  # hours, UTC
SATURDAY = 5


class Source(StrEnum):
    """Where it is written that a trigger holds."""

    CRITERIA = "criteria"  # the published criteria: it holds for every item or for none
    ITEM = "item"  # the column `triggers` of the item's row, written by the buyer
    TIER = "tier"  # the tier in which the contributor claims
    CLOCK = "clock"  # the moment of the claim


@dataclass(frozen=True, slots=True)
class Trigger:
    """`holds` completes the sentence "this premium is paid because …"; `layers` use it mostly."""

    key: str
    label: str
    source: Source
    holds: str
    layers: frozenset[Layer] = frozenset()


_BY_ROW = "the buyer named it in the item's row before anybody claimed the item"


def _item(key: str, label: str, *layers: Layer) -> Trigger:
    return Trigger(key, label, Source.ITEM, _BY_ROW, frozenset(layers))


_ALL: tuple[Trigger, ...] = (
    Trigger(ALWAYS, "Every item", Source.CRITERIA, "paid on every accepted item"),
    # Data labelling and annotation.
    Trigger(
        "scarce_language", "Scarce language", Source.TIER,
        "the tier in which you claimed asks for a language", frozenset({Layer.LABELLING}),
    ),
    _item("difficult_modality", "Difficult modality", Layer.LABELLING),
    _item("harmful_content", "Exposure to harmful content", Layer.LABELLING),
    _item("high_accuracy", "High accuracy required", Layer.LABELLING),
    # Model response evaluation.
    Trigger(
        "complex_rubric", "Complex rubric", Source.CRITERIA,
        f"the rubric has {RUBRIC_LINES_COMPLEX} lines or more", frozenset({Layer.EVALUATION}),
    ),
    _item("high_defect_cost", "High cost of a defect", Layer.EVALUATION),
    _item("production_release", "Decides over a production release", Layer.EVALUATION),
    # Domain expert review.
    Trigger(
        "credential", "Verified credential", Source.TIER,
        "the tier in which you claimed asks for a verified credential", frozenset({Layer.DOMAIN}),
    ),
    _item("liability", "Exposure to liability", Layer.DOMAIN),
    Trigger(
        "scarce_expertise", "Scarce expertise", Source.TIER,
        "the tier in which you claimed opens with a qualification", frozenset({Layer.DOMAIN}),
    ),
    _item("named_signoff", "Sign-off with your name", Layer.DOMAIN),
    # Data-quality operations.
    _item("dataset_ownership", "Ownership of a dataset", Layer.DATA_QUALITY),
    _item("release_gating", "Gates a release", Layer.DATA_QUALITY),
    _item("customer_impact", "Impact on customers", Layer.DATA_QUALITY),
    # Applied AI operations.
    _item("workflow_ownership", "Ownership of a workflow", Layer.APPLIED_OPS),
    _item("review_authority", "Authority of human review", Layer.APPLIED_OPS),
    _item("measurable_impact", "Measured impact on productivity or trust", Layer.APPLIED_OPS),
    # Worker-generated physical data.
    Trigger(
        "commercial_reuse", "Commercial reuse", Source.CRITERIA,
        "the consent terms name a secondary use", frozenset({Layer.PHYSICAL}),
    ),
    _item("biometric_safety", "Biometric or safety-sensitive data", Layer.PHYSICAL),
    _item("similar_automation", "Automates similar work", Layer.PHYSICAL),
    # Internal evaluation lead.
    _item("release_authority", "Authority over a release", Layer.INTERNAL_LEAD),
    _item("external_audit", "Supports an external audit", Layer.INTERNAL_LEAD),
    _item("customer_trust", "Impact on customers' trust", Layer.INTERNAL_LEAD),
    # Of every layer.
    _item("urgent", "Urgent deadline"),
    Trigger(
        "night", "Night work", Source.CLOCK,
        f"you claimed between {NIGHT_FROM}:00 and 0{NIGHT_TO}:00 UTC",
    ),
    Trigger("weekend", "Weekend work", Source.CLOCK, "you claimed on a Saturday or Sunday, UTC"),
)  # fmt: skip
TRIGGERS: dict[str, Trigger] = {trigger.key: trigger for trigger in _ALL}


def of_layer(layer: str) -> Sequence[Trigger]:
    """The triggers that the compensation map names for this layer, then those of every layer."""
    named = [trigger for trigger in _ALL if layer in trigger.layers]
    return [*named, *(t for t in _ALL if not t.layers and t.key != ALWAYS)]


def holding(
    premiums: Sequence[Premium],
    *,
    body: Mapping,
    tier: str,
    item: Collection[str],
    at: dt.datetime,
) -> frozenset[str]:
    """Which triggers of these premiums hold for a claim: `item` are those that its row names.

    The premium says who decides, as it was published; one without a source (pay/1) never holds.
    """
    row = next((row for row in body["tiers"] if row["key"] == tier), None)
    return frozenset(
        premium.trigger
        for premium in premiums
        if (premium.source == Source.ITEM and premium.trigger in item)
        or (premium.source == Source.TIER and row is not None and _of_tier(premium.trigger, row))
        or (premium.source == Source.CLOCK and _of_clock(premium.trigger, at))
        or (premium.source == Source.CRITERIA and _of_criteria(premium.trigger, body))
    )


def _of_tier(trigger: str, tier: Mapping) -> bool:
    asks = {
        "scarce_language": tier["languages"],
        "credential": tier["credentials"],
        "scarce_expertise": tier["qualification"],
    }
    return bool(asks.get(trigger))


def _of_clock(trigger: str, at: dt.datetime) -> bool:
    moment = at.astimezone(dt.UTC)
    if trigger == "night":
        return moment.hour >= NIGHT_FROM or moment.hour < NIGHT_TO
    return trigger == "weekend" and moment.weekday() >= SATURDAY


def _of_criteria(trigger: str, body: Mapping) -> bool:
    if trigger == "complex_rubric":
        return len(body["rubric"]) >= RUBRIC_LINES_COMPLEX
    return trigger == "commercial_reuse" and body["consent"]["secondary_use"] != "none"
