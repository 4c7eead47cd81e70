"""States of assignments and enrolments, verdicts, and their transition tables."""

from django.db import models


class AssignmentState(models.TextChoices):
    CLAIMED = "claimed"
    SUBMITTED = "submitted"
    GIVEN_BACK = "given_back"
    EXPIRED = "expired"
    ACCEPTED = "accepted"
    REWORK = "rework"
    REJECTED = "rejected"
    OVERTURNED = "overturned"
    FINAL = "final"


S = AssignmentState
ASSIGNMENT_TRANSITIONS: dict[str, frozenset[str]] = {
    S.CLAIMED: frozenset({S.SUBMITTED, S.GIVEN_BACK, S.EXPIRED}),
    # Back to claimed is the undo of the first seconds.
    S.SUBMITTED: frozenset({S.CLAIMED, S.REWORK, S.ACCEPTED, S.REJECTED}),
    S.REWORK: frozenset({S.SUBMITTED}),
    S.REJECTED: frozenset({S.OVERTURNED, S.FINAL}),
    S.GIVEN_BACK: frozenset(),
    S.EXPIRED: frozenset(),
    S.ACCEPTED: frozenset(),
    S.OVERTURNED: frozenset(),
    S.FINAL: frozenset(),
}

# In these the item's slot is taken; in the others it is open again or was never used.
HOLDS_SLOT = frozenset({S.CLAIMED, S.SUBMITTED, S.REWORK, S.ACCEPTED, S.OVERTURNED})
UNSUBMITTED = frozenset({S.GIVEN_BACK, S.EXPIRED})
PAID_AS_ACCEPTED = frozenset({S.ACCEPTED, S.OVERTURNED})
DECIDED = frozenset({S.ACCEPTED, S.REJECTED, S.OVERTURNED, S.FINAL, S.GIVEN_BACK, S.EXPIRED})


class EnrolmentState(models.TextChoices):
    """A contributor on a project."""

    QUALIFYING = "qualifying"
    QUALIFIED = "qualified"
    FAILED = "failed"


ENROLMENT_TRANSITIONS: dict[str, frozenset[str]] = {
    EnrolmentState.QUALIFYING: frozenset({EnrolmentState.QUALIFIED, EnrolmentState.FAILED}),
    # A retake after a failed attempt; or a known answer that was missed is taken back.
    EnrolmentState.FAILED: frozenset({EnrolmentState.QUALIFYING, EnrolmentState.QUALIFIED}),
    EnrolmentState.QUALIFIED: frozenset(),
}


class VerdictOutcome(models.TextChoices):
    ACCEPTED = "accepted"
    REWORK = "rework"
    REJECTED = "rejected"
    OVERTURNED = "overturned"


class Decider(models.TextChoices):
    """Who accepted: only a person ever rejects."""

    PERSON = "person"
    SILENCE = "silence"
    RULE = "rule"


class GiveBackReason(models.TextChoices):
    SKIP = "skip", "Skipped"
    GIVEN_BACK = "given_back", "Given back"
    BROKEN = "broken", "The item is broken"


class PoolState(models.TextChoices):
    """The lift pool of a project that has closed."""

    WAITING = "waiting"  # for the run that pays it
    PAID = "paid"  # bonuses are booked; the rest stays while they can be contested
    RETURNED = "returned"  # the rest is back in the wallet


POOL_TRANSITIONS: dict[str, frozenset[str]] = {
    PoolState.WAITING: frozenset({PoolState.PAID}),
    PoolState.PAID: frozenset({PoolState.RETURNED}),
    PoolState.RETURNED: frozenset(),
}
