"""Due process: kinds and states of cases, and of the tickets of "contact a person"."""

from django.db import models


class CaseKind(models.TextChoices):
    APPEAL = "appeal", "Appeal of a rejection"
    DISPUTE = "dispute", "Payment dispute"
    DEACTIVATION = "deactivation", "Deactivation review"
    BAD_FAITH = "bad_faith", "Bad faith"
    GOLD_CONTEST = "gold_contest", "Contest of a known answer"
    LIFT_CONTEST = "lift_contest", "Contest of a lift figure"


class SignalKind(models.TextChoices):
    """What a bad-faith case may rest on. Published: every contributor can read the list."""

    ANSWER_TIME = "answer_time", "Answer time far outside the item's own distribution"
    GOLD_ACCURACY = "gold_accuracy", "Accuracy on known answers below chance"
    AGREEMENT = "agreement", "Agreement with others below chance"
    NEAR_DUPLICATE = "near_duplicate", "Near-duplicate of other people's answers"
    STRAIGHT_LINING = "straight_lining", "The same answer whatever the item"
    DRIFT = "drift", "Quality that falls over time"
    OUTSIDE_REPORT = "outside_report", "Report from outside"


# Two signals are independent when they come from different measurements. Copied answers and
# agreement are both read off other people's answers to the same item, so they count as one.
SIGNAL_SOURCES: dict[str, str] = {
    SignalKind.ANSWER_TIME: "clock",
    SignalKind.GOLD_ACCURACY: "known answers",
    SignalKind.AGREEMENT: "other people's answers",
    SignalKind.NEAR_DUPLICATE: "other people's answers",
    SignalKind.STRAIGHT_LINING: "own answers",
    SignalKind.DRIFT: "own past",
    SignalKind.OUTSIDE_REPORT: "outside",
}


# Kind → the signals of `gpu_jobs` that measure it; the others are measured elsewhere, or seen.
SIGNAL_NAMES: dict[SignalKind, tuple[str, ...]] = {
    SignalKind.ANSWER_TIME: ("haste",),
    SignalKind.AGREEMENT: ("below chance", "little agreement", "spammer score"),
    SignalKind.NEAR_DUPLICATE: ("shared errors", "near-duplicate texts"),
    SignalKind.STRAIGHT_LINING: ("one class", "straight-lining"),
    SignalKind.DRIFT: ("drift",),
}


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


class Topic(models.TextChoices):
    """What somebody writes to us about."""

    PAY = "pay", "Pay or a payout"
    WORK = "work", "Work, a project or a buyer"
    ACCOUNT = "account", "Signing in or my account"
    DATA = "data", "My data: see it, correct it, erase it"
    SAFETY = "safety", "Somebody pretends to be you, or harm"
    ACCESS = "access", "Something I cannot use"
    OTHER = "other", "Something else"


class TicketState(models.TextChoices):
    WAITING = "waiting", "Waits for us"
    ANSWERED = "answered"


TICKET_TRANSITIONS: dict[str, frozenset[str]] = {
    TicketState.WAITING: frozenset({TicketState.ANSWERED}),
    # Whoever asked writes again.
    TicketState.ANSWERED: frozenset({TicketState.WAITING}),
}


class TicketMail(models.TextChoices):
    """What goes out next to the address of somebody without an account."""

    NONE = "", "Nothing"
    RECEIVED = "received"
    ANSWERED = "answered"
    LINK = "link"
