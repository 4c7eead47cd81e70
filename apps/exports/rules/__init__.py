"""Pure functions of what leaves: no ORM, no clock."""

from apps.exports.rules.croissant import (
    MEDIA_TYPE,
    WAGE_COLUMNS,
    Facts,
    Pay,
    about,
    content,
    wage_row,
)
from apps.exports.rules.croissant import NAME as CROISSANT
from apps.exports.rules.releases import (
    SMALL_TIER,
    WAGE_FILE_VERSION,
    evidence_class,
    pseudonym,
    public_tiers,
    rejection,
    whole_minutes,
)
from apps.exports.rules.tallies import AnswerTally, Columns, WageTally

__all__ = [
    "CROISSANT",
    "MEDIA_TYPE",
    "SMALL_TIER",
    "WAGE_COLUMNS",
    "WAGE_FILE_VERSION",
    "AnswerTally",
    "Columns",
    "Facts",
    "Pay",
    "WageTally",
    "about",
    "content",
    "evidence_class",
    "pseudonym",
    "public_tiers",
    "rejection",
    "wage_row",
    "whole_minutes",
]
