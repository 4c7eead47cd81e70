"""Shapes of what leaves with a release: pure functions, no ORM."""

import hashlib
import hmac
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping

WAGE_FILE_VERSION = "wage-file/1"
# Below so many people a tier is merged into "others" in the public form.
SMALL_TIER = 5


def pseudonym(key: bytes, person: uuid.UUID) -> str:
    """HMAC-SHA-256 with the release's own key, 16 hex digits: not linkable between releases."""
    return hmac.new(key, person.bytes, hashlib.sha256).hexdigest()[:16]


def whole_minutes(seconds: int) -> int:
    """Minutes, upwards: the file never shows less time than was worked."""
    return -(-seconds // 60)


def evidence_class(scores: Mapping) -> str:
    """What kind of evidence stands behind an answer; never the evidence itself."""
    classes = []
    if isinstance(scores.get("gold"), bool):
        classes.append("gold")
    if isinstance(scores.get("agreement"), int | float):
        classes.append("agreement")
    if scores.get("anomaly") not in {None, "not available"}:
        classes.append("time")
    return "+".join(classes) or "none"


def rejection(*, criterion: str, is_bad_faith: bool) -> dict[str, str]:
    """Why work was rejected, and whether that took the kill fee: `ground`, `criterion`, `why`."""
    if is_bad_faith:
        why = "found by administrators of the platform on two independent signals; no kill fee"
        return {"ground": "bad faith", "criterion": criterion, "why": why}
    why = "the buyer's reviewer, in good faith; the kill fee is paid"
    return {"ground": "criteria", "criterion": criterion, "why": why}


def public_tiers(people: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Tier → its name in the public form. `people` are (person, tier) pairs."""
    sizes = Counter(tier for _, tier in set(people))
    return {tier: tier if size >= SMALL_TIER else "others" for tier, size in sizes.items()}
