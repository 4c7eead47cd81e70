"""What may be looked at in how somebody answers: each phrase of a disclosure and what it covers.

Criteria publish the phrases. A run keeps only the signals under phrases that every answer in it was
given under, so nobody is judged by what was not said before they accepted.
"""

from collections.abc import Iterable

# Phrase on the offer → signals of `gpu_jobs.anomalies`.
SIGNALS: dict[str, tuple[str, ...]] = {
    "time against the item's own distribution": ("haste",),
    "gold items": (),
    "agreement with others": ("below chance", "little agreement", "spammer score"),
    "the same answer whatever the item": ("one class", "straight-lining"),
    "errors shared with another person": ("shared errors", "near-duplicate texts"),
    "quality that falls over time": ("drift",),
}
# Signal → what it says, to whom it speaks about.
MEANINGS = {
    "haste": "many answers far faster than is usual for their items",
    "below chance": "less agreement with others than dealing the same answers at random gives",
    "little agreement": "less than half of the agreement that most people reach",
    "spammer score": "answers that tell little about what the item is",
    "one class": "one answer far more often than others give it on the same items",
    "straight-lining": "runs of the same answer, or a rhythm, that the items do not explain",
    "shared errors": "the same mistakes as another person, more often than by chance",
    "near-duplicate texts": "texts nearly the same as another person's",
    "drift": "quality that fell somewhere along the way",
}


def kept_under(disclosures: Iterable[Iterable[str]]) -> list[str]:
    """Names of the signals that all of these disclosures cover, sorted; none without one."""
    found = [
        {name for phrase in phrases for name in SIGNALS.get(phrase, ())} for phrases in disclosures
    ]
    return sorted(set.intersection(*found)) if found else []
