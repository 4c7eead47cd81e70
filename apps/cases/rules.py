"""Due process in numbers and words: pure functions, no rows."""

import datetime as dt
from collections.abc import Iterable, Mapping
from enum import StrEnum

from apps.cases.enums import SIGNAL_SOURCES, CaseKind, CaseState

# Characters of a written reason. A yes or a no alone is no decision.
DECISION_MINIMUM = 40
REASON_MINIMUM = 20
# No signal alone decides anything: two of different origin, and a human.
SIGNALS_MINIMUM = 2
LETTER_MINIMUM = 10


class Ground(StrEnum):
    """Why an account should be deactivated."""

    CONDUCT = "conduct"
    QUALITY = "quality"
    FRAUD = "fraud"
    SAFETY = "safety"


GROUND_LABELS = {
    Ground.CONDUCT: "Breach of the rules",
    Ground.QUALITY: "Work that is not done in good faith",
    Ground.FRAUD: "Fraud",
    Ground.SAFETY: "Safety of people",
}
# Only these may act before the notice is over; a person then decides within hours.
IMMEDIATE_GROUNDS = frozenset({Ground.FRAUD, Ground.SAFETY})


def decision_due(windows: Mapping, now: dt.datetime) -> dt.datetime:
    """When silence decides an appeal or a dispute filed at `now` under these criteria windows."""
    return now + dt.timedelta(days=windows["appeal_decision_days"])


def outcome(kind: str, state: str, *, is_by_contributor: bool) -> str:
    """What a decided case came to, as one sentence for both sides; empty while it is open."""
    side = _side(kind, is_by_contributor=is_by_contributor)
    return _OUTCOMES[side].get(state, "")


def question(kind: str, *, is_by_contributor: bool) -> tuple[str, str]:
    """The two answers a decider chooses from: granted, upheld."""
    return _QUESTIONS[_side(kind, is_by_contributor=is_by_contributor)]


def independent(kinds: Iterable[str]) -> int:
    """How many different measurements these kinds of signals come from."""
    return len({SIGNAL_SOURCES[kind] for kind in kinds})


def _side(kind: str, *, is_by_contributor: bool) -> str:
    if kind == CaseKind.DISPUTE and not is_by_contributor:
        return "buyer_dispute"
    return kind


_OUTCOMES: dict[str, dict[str, str]] = {
    CaseKind.APPEAL: {
        CaseState.GRANTED: "The rejection was overturned; the rest of the full pay is booked.",
        CaseState.UPHELD: "The rejection stands; what was paid for the work stays paid.",
        CaseState.LAPSED: "Nobody decided in time, so the contributor is right: the rejection is "
        "overturned and the rest of the full pay is booked.",
    },
    CaseKind.DISPUTE: {
        CaseState.GRANTED: "The dispute was granted; the amount is booked to the contributor.",
        CaseState.UPHELD: "The dispute was not granted; the reason is below.",
        CaseState.LAPSED: "Nobody decided in time, so the contributor is right.",
    },
    "buyer_dispute": {
        CaseState.GRANTED: "The buyer is right. Accepted money is never taken back, so nothing is "
        "booked; the reasoned decision stands on record.",
        CaseState.UPHELD: "The payment was right; the reason is below.",
        CaseState.LAPSED: "Nobody decided in time: the payment stands.",
    },
    CaseKind.DEACTIVATION: {
        CaseState.GRANTED: "The account is deactivated at the end of the notice. What was earned "
        "stays payable and downloadable.",
        CaseState.UPHELD: "The account stays active.",
        CaseState.LAPSED: "Nobody decided in time: the account stays active.",
    },
    CaseKind.BAD_FAITH: {
        CaseState.GRANTED: "Bad faith was found: the work is rejected without a kill fee. "
        "Everything it could have paid stays held while this can be appealed.",
        CaseState.UPHELD: "Bad faith was not found: the buyer's review window goes on with the "
        "time that was left, and silence accepts the work.",
        CaseState.LAPSED: "Nobody decided in time: nothing was found, and the buyer's review "
        "window goes on with the time that was left.",
    },
    CaseKind.GOLD_CONTEST: {
        CaseState.GRANTED: "The known answer was taken back. It leaves every score and the bar of "
        "the bonus, for everybody who met it; rejections that rested on it are paid in full.",
        CaseState.UPHELD: "The known answer stands, and so does the score that counts it.",
        CaseState.LAPSED: "Nobody decided in time, so the contributor is right: the known answer "
        "was taken back, and rejections that rested on it are paid in full.",
    },
    CaseKind.LIFT_CONTEST: {
        CaseState.GRANTED: "The repeated run gives more than was paid: the difference is booked.",
        CaseState.UPHELD: "The figure stands; the repeated run is named below.",
        CaseState.LAPSED: "Nobody decided in time, so the repeated run did: what it gives more "
        "than was paid is booked.",
    },
}
_QUESTIONS: dict[str, tuple[str, str]] = {
    CaseKind.APPEAL: (
        "Overturn the rejection: the rest of the full pay is booked at once",
        "The rejection stands: what is held for it goes back to the project",
    ),
    CaseKind.DISPUTE: (
        "Grant it: the amount is booked from the project, else from the buyer's wallet",
        "Do not grant it: nothing is booked",
    ),
    "buyer_dispute": (
        "The buyer is right: it is put on record; accepted money is never taken back",
        "The payment was right",
    ),
    CaseKind.DEACTIVATION: (
        "Deactivate at the end of the notice",
        "Do not deactivate",
    ),
    CaseKind.BAD_FAITH: (
        "Bad faith: reject without a kill fee; the full pay stays held for an appeal",
        "Not bad faith: the review window goes on with the time that was left",
    ),
    CaseKind.GOLD_CONTEST: (
        "Take it back: it leaves all scores, and rejections that rested on it are paid in full",
        "The known answer stands",
    ),
    CaseKind.LIFT_CONTEST: (
        "The repeated run gives more: what is left of the pool pays it, else the platform's fees",
        "The figure stands",
    ),
}
