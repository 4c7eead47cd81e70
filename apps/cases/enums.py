"""Due process: kinds and states of cases."""

from django.db import models


class CaseKind(models.TextChoices):
    APPEAL = "appeal", "Appeal of a rejection"
    DISPUTE = "dispute", "Payment dispute"
    DEACTIVATION = "deactivation", "Deactivation review"
    BAD_FAITH = "bad_faith", "Bad faith"


class CaseState(models.TextChoices):
    OPEN = "open"
    UPHELD = "upheld"  # what was decided before stands
    GRANTED = "granted"  # the person who opened it, or against whom it was opened, is right
    LAPSED = "lapsed"  # silence: decided for the contributor by the deadline
    WITHDRAWN = "withdrawn"


CASE_TRANSITIONS: dict[str, frozenset[str]] = {
    CaseState.OPEN: frozenset(
        {CaseState.UPHELD, CaseState.GRANTED, CaseState.LAPSED, CaseState.WITHDRAWN}
    ),
    CaseState.UPHELD: frozenset(),
    CaseState.GRANTED: frozenset(),
    CaseState.LAPSED: frozenset(),
    CaseState.WITHDRAWN: frozenset(),
}
