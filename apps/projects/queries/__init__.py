"""Reads about projects: the criteria a draft would become, what blocks it, what it costs."""

from apps.projects.queries.costs import (
    CostPreview,
    Example,
    Split,
    cost_preview,
    extension_slots,
    lift_funds,
    minimum_budget,
    qualification_exposure,
    reserve_of,
    seat_costs,
    seats_of,
    version_seats,
)
from apps.projects.queries.criteria import (
    DECISION_QUESTIONS,
    SECTIONS,
    configured_type,
    draft_body,
    row_triggers,
    sha256_of,
    terms,
)
from apps.projects.queries.funds import Funds, funds, held, wallet
from apps.projects.queries.lifts import keep_test_items, lift_estimates
from apps.projects.queries.problems import (
    ItemCounts,
    item_counts,
    problems,
    shown_counts,
    version_problems,
)

__all__ = [
    "DECISION_QUESTIONS",
    "SECTIONS",
    "CostPreview",
    "Example",
    "Funds",
    "ItemCounts",
    "Split",
    "configured_type",
    "cost_preview",
    "draft_body",
    "extension_slots",
    "funds",
    "held",
    "item_counts",
    "keep_test_items",
    "lift_estimates",
    "lift_funds",
    "minimum_budget",
    "problems",
    "qualification_exposure",
    "reserve_of",
    "row_triggers",
    "seat_costs",
    "seats_of",
    "sha256_of",
    "shown_counts",
    "terms",
    "version_problems",
    "version_seats",
    "wallet",
]
