"""Pure functions of what leaves: no ORM, no clock."""

from apps.exports.rules.releases import (
    SMALL_TIER,
    WAGE_FILE_VERSION,
    evidence_class,
    pseudonym,
    public_tiers,
    rejection,
    whole_minutes,
)

__all__ = [
    "SMALL_TIER",
    "WAGE_FILE_VERSION",
    "evidence_class",
    "pseudonym",
    "public_tiers",
    "rejection",
    "whole_minutes",
]
