"""Assignments, submissions, verdicts and the earning lines that follow from them."""

import datetime as dt
import secrets

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Length
from django.db.models.lookups import GreaterThanOrEqual

from apps.core.models import Row
from apps.core.tenancy import Actor
from apps.ledger.enums import Purpose
from apps.organizations.models import OfOrganizationQuerySet, Organization
from apps.projects.models import CriteriaVersion, Item, Project
from apps.projects.rules import Facts, Kind, LineKind, Stage
from apps.scoring.enums import Reason
from apps.scoring.models import LiftRun, RepeatRun, ScoringRun
from apps.work.enums import (
    AssignmentState,
    Decider,
    EnrolmentState,
    GiveBackReason,
    PoolState,
    VerdictOutcome,
)

# The floor of the setting of the same name: PostgreSQL refuses shorter notes whatever is set.
REJECTION_NOTE_MINIMUM = 100
# And so long a stop of a review window, whatever the criteria say.
REVIEW_STOP_DAYS_MAXIMUM = 7
KINDS = [(kind.value, kind.value) for kind in Kind]
FUNDED_FROM = [(purpose.value, purpose.label) for purpose in (Purpose.HELD, Purpose.SEATS)]
DECIDED = [
    AssignmentState.ACCEPTED,
    AssignmentState.REJECTED,
    AssignmentState.OVERTURNED,
    AssignmentState.FINAL,
]
LINE_KINDS = [(kind.value, kind.value) for kind in LineKind]


def drawn_seed() -> int:
    """63 bits that nobody can guess."""
    return secrets.randbits(63)


class TwoSidedQuerySet(models.QuerySet):
    """Rows with `org` and `contributor`: both sides see them, and staff."""

    def visible_to(self, actor: Actor) -> "TwoSidedQuerySet":
        if actor.is_staff:
            return self
        return self.filter(Q(org_id__in=actor.org_ids) | Q(contributor_id=actor.user_id))

    def of_contributor(self, actor: Actor) -> "TwoSidedQuerySet":
        return self.filter(contributor_id=actor.user_id)

    def of_buyer(self, actor: Actor) -> "TwoSidedQuerySet":
        return self if actor.is_staff else self.filter(org_id__in=actor.org_ids)


class TwoSided(Row):
    org = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="%(class)ss")
    contributor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="%(class)ss"
    )

    objects = TwoSidedQuerySet.as_manager()

    class Meta:
        abstract = True


class Enrolment(TwoSided):
    """A contributor on a project: tier, qualification attempts, consent, place in the queue."""

    state = models.CharField(
        max_length=10, choices=EnrolmentState, default=EnrolmentState.QUALIFYING
    )
    tier = models.CharField(max_length=40, help_text="Key of a tier of the criteria")
    attempts = models.PositiveIntegerField(default=0)
    attempted_at = models.DateTimeField(null=True)
    retake_at = models.DateTimeField(null=True)
    result = models.JSONField(default=dict, help_text="Feedback per criterion of the last attempt")
    # The consent grant: which terms, when. Work starts only with it.
    consent_criteria = models.ForeignKey(
        CriteriaVersion, on_delete=models.PROTECT, related_name="+"
    )
    consent_scope = models.JSONField()
    consented_at = models.DateTimeField()
    # The claim walks the items in random order from here on.
    cursor = models.BigIntegerField(default=-(2**63))
    instruction_seconds = models.PositiveIntegerField(default=0)
    gold_count = models.PositiveIntegerField(default=0)
    gold_correct = models.PositiveIntegerField(default=0)
    gold_lower = models.DecimalField(
        max_digits=6, decimal_places=4, null=True, help_text="Lower 90% bound of accuracy"
    )
    gold_unsure = models.FloatField(
        null=True, help_text="0 to 1: how unsure the last run is of the side of the bar; null: none"
    )
    unreviewed_held = models.BigIntegerField(
        default=0, help_text="Reserved, unreviewed, or paid without an acceptance"
    )
    # With them it is drawn which claims are repeats. Never shown: who knows both can foresee it.
    claims = models.PositiveIntegerField(default=0, db_default=0, help_text="Claims so far")
    repeat_seed = models.PositiveBigIntegerField(default=drawn_seed)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["contributor", "project"], name="enrolment_once"),
            models.CheckConstraint(
                name="enrolment_gold", condition=Q(gold_correct__lte=F("gold_count"))
            ),
            models.CheckConstraint(
                name="enrolment_gold_unsure",
                condition=Q(gold_unsure=None) | Q(gold_unsure__gte=0, gold_unsure__lte=1),
            ),
        ]
        indexes = [models.Index(fields=["project"], name="enrolment_of_project")]


class Assignment(TwoSided):
    """One contributor's hold on one item, with its money already reserved."""

    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="assignments")
    criteria = models.ForeignKey(CriteriaVersion, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=13, choices=KINDS, default=Kind.WORK)
    state = models.CharField(
        max_length=10, choices=AssignmentState, default=AssignmentState.CLAIMED
    )
    tier = models.CharField(max_length=40)
    # The funding account, of the project: a column, since the qualifications of projects that were
    # published before seats had money of their own go on being paid from the held funds.
    funded_from = models.CharField(max_length=12, choices=FUNDED_FROM, default=Purpose.HELD)
    attempt = models.PositiveIntegerField(default=0, help_text="Qualification attempt")
    triggers = models.JSONField(default=list)
    rounds = models.PositiveSmallIntegerField(default=1)
    claimed_at = models.DateTimeField()
    last_beat_at = models.DateTimeField()
    last_input_at = models.DateTimeField()
    active_seconds = models.PositiveIntegerField(default=0)
    idle_seconds = models.PositiveIntegerField(default=0)
    instruction_seconds = models.PositiveIntegerField(default=0, help_text="Part of active_seconds")
    cap_seconds = models.PositiveIntegerField(help_text="Active time that can be paid")
    is_time_counted = models.BooleanField(default=True)
    draft = models.JSONField(null=True)
    submitted_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True, help_text="Given back, expired or decided")
    give_back_reason = models.CharField(max_length=10, choices=GiveBackReason, blank=True)
    give_back_note = models.CharField(max_length=500, blank=True)
    # The next moment at which silence decides something; the sweep walks this alone.
    next_due_at = models.DateTimeField(null=True)
    review_due_at = models.DateTimeField(null=True)
    rework_due_at = models.DateTimeField(null=True)
    appeal_due_at = models.DateTimeField(null=True)
    held_until = models.DateTimeField(null=True, help_text="An open case stops the release until")
    # A bad-faith case stops the review window once: from, until (at most some days after).
    review_stopped_at = models.DateTimeField(null=True)
    review_stopped_until = models.DateTimeField(null=True)
    is_bad_faith = models.BooleanField(
        default=False, db_default=False, help_text="Rejected, and staff found bad faith"
    )
    accept_requested_at = models.DateTimeField(null=True)
    accept_requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    # What is reserved now (pay/1: pay, fee, extra) and how often it was rewritten.
    held_pay = models.BigIntegerField(default=0)
    held_fee = models.BigIntegerField(default=0)
    held_extra = models.BigIntegerField(default=0)
    held_bonus = models.BigIntegerField(default=0, help_text="Part of held_extra")
    pay_step = models.PositiveSmallIntegerField(default=0)
    fee_step = models.PositiveSmallIntegerField(default=0)
    extra_step = models.PositiveSmallIntegerField(default=0)
    unreviewed = models.BigIntegerField(default=0, help_text="Counted in the enrolment")
    is_topped_up = models.BooleanField(default=False)
    is_disputed = models.BooleanField(
        default=False, db_default=False, help_text="A case was about its pay: it never comes again"
    )

    class Meta:
        constraints = [
            # Expired and given-back items may come again; everything else is once a person.
            models.UniqueConstraint(
                fields=["item", "contributor", "attempt"],
                condition=~Q(state__in=["given_back", "expired"]) & ~Q(kind="repeat"),
                name="assignment_once_per_item",
            ),
            # And once more as a repeat, whatever became of that.
            models.UniqueConstraint(
                fields=["item", "contributor"],
                condition=Q(kind="repeat"),
                name="assignment_repeated_once",
            ),
            models.UniqueConstraint(
                fields=["contributor", "project"],
                condition=Q(state="claimed"),
                name="assignment_one_open",
            ),
            models.CheckConstraint(
                name="assignment_holds_not_negative",
                condition=Q(
                    held_pay__gte=0,
                    held_fee__gte=0,
                    held_bonus__gte=0,
                    held_extra__gte=F("held_bonus"),
                ),
            ),
            models.CheckConstraint(
                name="assignment_seats_are_for_qualifications",
                condition=~Q(funded_from="seats") | Q(kind="qualification"),
            ),
            # No unfunded work: an open assignment has its pay reserved.
            models.CheckConstraint(
                name="assignment_funded",
                condition=~Q(state__in=["claimed", "submitted", "rework"]) | Q(held_pay__gt=0),
            ),
            models.CheckConstraint(
                name="assignment_windows",
                condition=(~Q(state="submitted") | Q(review_due_at__isnull=False))
                & (~Q(state="rework") | Q(rework_due_at__isnull=False))
                & (~Q(state="rejected") | Q(appeal_due_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="assignment_review_stops_for_days",
                condition=Q(review_stopped_at=None, review_stopped_until=None)
                | Q(
                    review_stopped_at__isnull=False,
                    review_stopped_until__isnull=False,
                    review_stopped_until__gte=F("review_stopped_at"),
                    review_stopped_until__lte=F("review_stopped_at")
                    + dt.timedelta(days=REVIEW_STOP_DAYS_MAXIMUM),
                ),
            ),
            # No kill fee only after a case: the buyer's reviewer alone cannot take it.
            models.CheckConstraint(
                name="assignment_bad_faith_after_a_case",
                condition=Q(is_bad_faith=False)
                | Q(
                    state__in=["rejected", "final"],
                    kind__in=["work", "repeat"],
                    review_stopped_at__isnull=False,
                ),
            ),
            models.CheckConstraint(
                name="assignment_accept_by_somebody",
                condition=Q(accept_requested_at=None, accept_requested_by=None)
                | Q(accept_requested_at__isnull=False, accept_requested_by__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_due_at"],
                name="assignment_due",
                condition=Q(next_due_at__isnull=False),
            ),
            # The review queue by deadline, and what was decided, the latest first.
            models.Index(fields=["project", "state", "review_due_at"], name="assignment_queue"),
            models.Index(
                fields=["project", "ended_at"],
                name="assignment_decided",
                condition=Q(state__in=DECIDED),
            ),
            models.Index(fields=["contributor", "-claimed_at"], name="assignment_of_person"),
            models.Index(
                fields=["contributor", "state", "claimed_at"], name="assignment_person_state"
            ),
            models.Index(fields=["contributor", "project"], name="assignment_person_project"),
            models.Index(fields=["item"], name="assignment_of_item"),
            # Seats are counted from the attempts.
            models.Index(
                fields=["project", "tier", "contributor", "attempt"],
                name="assignment_attempts",
                condition=Q(kind="qualification"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id} ({self.state})"

    @property
    def held(self) -> int:
        return self.held_pay + self.held_fee + self.held_extra

    def is_review_stopped(self, now: dt.datetime) -> bool:
        """Whether a bad-faith case has stopped the review window and it stands still at `now`."""
        return self.review_stopped_until is not None and now < self.review_stopped_until

    @property
    def told_kind(self) -> str:
        """As its contributor reads it: which items come again is not told."""
        return Kind.WORK if self.kind == Kind.REPEAT else self.kind

    @property
    def paid_seconds(self) -> int:
        """Active time that counts: at most the cap of its criteria."""
        return min(self.active_seconds, self.cap_seconds) if self.is_time_counted else 0

    @property
    def open_facts(self) -> Facts:
        """Facts for the pay rules as if nothing of it were decided yet."""
        return Facts(
            kind=Kind(self.kind),
            stage=Stage.OPEN,
            cap_seconds=self.cap_seconds,
            triggers=frozenset(self.triggers),
            rounds=self.rounds,
        )


class SeatCount(Row):
    """Seats of a tier's qualification that are taken: attempts begun. One row is one queue."""

    org = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    tier = models.CharField(max_length=40)
    taken = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "tier"], name="seat_count_once"),
        ]

    def __str__(self) -> str:
        return f"{self.taken} of {self.tier}"


class SecondaryUse(Row):
    """A use of the answers beyond the purpose of the consent, with what it paid their authors."""

    org = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="uses")
    use = models.CharField(max_length=160)
    people = models.PositiveIntegerField()
    net = models.BigIntegerField()
    fee = models.BigIntegerField()
    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    objects = OfOrganizationQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [
            models.CheckConstraint(
                name="use_is_paid", condition=Q(people__gt=0, net__gt=0, fee__gte=0)
            ),
        ]

    @property
    def gross(self) -> int:
        return self.net + self.fee


class Submission(TwoSided):
    """An answer as it was given; the second round of a rework is a second row."""

    assignment = models.ForeignKey(Assignment, on_delete=models.PROTECT, related_name="submissions")
    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="submissions")
    kind = models.CharField(max_length=13, choices=KINDS, default=Kind.WORK)
    round = models.PositiveSmallIntegerField(default=1)
    answer = models.JSONField()
    answer_key = models.CharField(max_length=200, help_text="What agreement and gold compare")
    submitted_at = models.DateTimeField()
    undo_until = models.DateTimeField()
    undone_at = models.DateTimeField(null=True)
    scored_at = models.DateTimeField(null=True)
    scores = models.JSONField(default=dict, help_text="As the last finished run left them")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["assignment", "round"],
                condition=Q(undone_at=None),
                name="submission_once_per_round",
            ),
        ]
        indexes = [
            models.Index(
                fields=["project"],
                name="submission_unscored",
                condition=Q(scored_at=None, undone_at=None),
            ),
            models.Index(fields=["item"], name="submission_of_item"),
            models.Index(
                fields=["contributor", "project", "submitted_at"], name="submission_of_person"
            ),
            # Against the label: what a contributor looks for among thousands of others.
            models.Index(
                fields=["contributor", "project", "submitted_at"],
                name="submission_off_label",
                condition=Q(scores__label=False),
            ),
            # Missed known answers, which can be contested.
            models.Index(
                fields=["contributor", "project"],
                name="submission_off_gold",
                condition=Q(scores__gold=False),
            ),
            models.Index(fields=["project", "submitted_at"], name="submission_of_project"),
            models.Index(
                fields=["project", "undo_until"],
                name="submission_repeats",
                condition=Q(kind="repeat"),
            ),
        ]


class Verdict(TwoSided):
    """A decision over a submission, with the scores that stood when it was made."""

    assignment = models.ForeignKey(Assignment, on_delete=models.PROTECT, related_name="verdicts")
    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, related_name="verdicts")
    outcome = models.CharField(max_length=10, choices=VerdictOutcome)
    decider = models.CharField(max_length=8, choices=Decider)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField()
    criterion = models.CharField(max_length=40, blank=True, help_text="Key of the rubric line")
    note = models.TextField(blank=True)
    evidence = models.TextField(blank=True)
    scores = models.JSONField(default=dict)
    is_bad_faith = models.BooleanField(
        default=False, db_default=False, help_text="A rejection by staff after a bad-faith case"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="verdict_bad_faith_rejects",
                condition=Q(is_bad_faith=False) | Q(outcome="rejected"),
            ),
            models.CheckConstraint(
                name="verdict_rejection_cites",
                condition=~Q(outcome="rejected")
                | Q(decider="person")
                & Q(GreaterThanOrEqual(Length("note"), REJECTION_NOTE_MINIMUM))
                & ~Q(criterion="")
                & ~Q(evidence=""),
            ),
            models.CheckConstraint(
                name="verdict_person_named",
                condition=Q(decider="person", decided_by__isnull=False)
                | ~Q(decider="person") & Q(decided_by=None),
            ),
            models.CheckConstraint(
                name="verdict_rework_cites",
                condition=~Q(outcome="rework") | ~Q(criterion="") & ~Q(note=""),
            ),
        ]
        indexes = [
            models.Index(fields=["project", "decided_at"], name="verdict_of_project"),
        ]


class Settlement(TwoSided):
    """What one settlement of a contributor on a project came to; never negative, never undone."""

    at = models.DateTimeField()
    is_last = models.BooleanField(default=False)
    criteria = models.ForeignKey(CriteriaVersion, on_delete=models.PROTECT, related_name="+")
    assignments = models.PositiveIntegerField()
    paid_seconds = models.PositiveBigIntegerField()
    earned_before = models.BigIntegerField()
    bonus = models.BigIntegerField()
    bonus_fee = models.BigIntegerField()
    top_up = models.BigIntegerField()
    facts = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["contributor", "project", "at"], name="settlement_once"
            ),
            models.CheckConstraint(
                name="settlement_only_adds",
                condition=Q(bonus__gte=0, bonus_fee__gte=0, top_up__gte=0),
            ),
        ]


class EarningLine(TwoSided):
    """One reason for money, with its criteria version and the ledger transfer that moved it."""

    assignment = models.ForeignKey(
        Assignment, null=True, on_delete=models.PROTECT, related_name="lines"
    )
    settlement = models.ForeignKey(
        Settlement, null=True, on_delete=models.PROTECT, related_name="lines"
    )
    criteria = models.ForeignKey(CriteriaVersion, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=14, choices=LINE_KINDS)
    net = models.BigIntegerField()
    fee = models.BigIntegerField()
    gross = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    reason = models.CharField(max_length=400)
    code = models.CharField(max_length=30, help_text="The ledger code of its transfers")
    at = models.DateTimeField()

    class Meta:
        ordering = ["at", "id"]
        constraints = [
            models.CheckConstraint(
                name="line_adds_up",
                condition=Q(gross=F("net") + F("fee"), net__gte=0, gross__gte=0),
            ),
            # What the platform pays out of its own fee: the buyer pays nothing.
            models.CheckConstraint(
                name="line_fee_not_negative",
                condition=Q(fee__gte=0)
                | Q(kind__in=[LineKind.CASE_TIME.value, LineKind.LIFT_BONUS.value], gross=0),
            ),
            models.CheckConstraint(
                name="line_of_something",
                condition=Q(assignment__isnull=False) | Q(settlement__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["contributor", "-at"], name="line_of_person"),
            models.Index(fields=["project"], name="line_of_project"),
            models.Index(fields=["contributor", "net"], name="line_by_net"),
        ]


class Earnings(TwoSided):
    """What a contributor has earned and done on a project, in sum. Minor units and seconds.

    Recomputed by `refresh_figures`, never added up in place; read where there are too many rows to
    add up for a page.
    """

    currency = models.CharField(max_length=3)
    gross = models.BigIntegerField()
    fee = models.BigIntegerField()
    net = models.BigIntegerField()
    active_seconds = models.PositiveBigIntegerField()
    assignments = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["contributor", "project"], name="earnings_once"),
        ]

    def __str__(self) -> str:
        return f"{self.net} {self.currency} for {self.assignments}"


class OverlapPlan(Row):
    """What was made of a run: which items got another answer, which were closed as sure enough.

    `error` is a share of 1. `wrong` of `checked` are labels of known items that the same rule takes
    for sure, `low` and `high` the 95% interval of that share: how far the promise can be believed.
    """

    org = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="plans")
    run = models.OneToOneField(ScoringRun, on_delete=models.PROTECT, related_name="plan")
    at = models.DateTimeField()
    sure = models.PositiveIntegerField(help_text="Items with a label that is sure enough")
    unsure = models.PositiveIntegerField(help_text="Items with answers, and not sure enough")
    exhausted = models.PositiveIntegerField(help_text="Of those: nothing more is asked for")
    opened = models.PositiveIntegerField(help_text="Answers more that can be given since")
    closed = models.PositiveIntegerField(help_text="Answers that are no longer asked for")
    unfunded = models.PositiveIntegerField(help_text="Wanted, and not covered by the budget")
    saved = models.PositiveIntegerField(help_text="Answers less than the most for sure items")
    added = models.PositiveIntegerField(help_text="Answers more than the least, over all items")
    error = models.FloatField(null=True, help_text="Expected, mean over the sure labels")
    wrong = models.PositiveIntegerField()
    checked = models.PositiveIntegerField()
    low = models.FloatField(null=True, help_text="Of the share that is wrong, 95% interval")
    high = models.FloatField(null=True)
    promised = models.FloatField(null=True, help_text="The error at which a label is sure enough")
    is_too_sure = models.BooleanField(
        default=False, help_text="The expected error lies below the interval"
    )
    is_from_gold = models.BooleanField(help_text="Whether known answers calibrated it")
    note = models.CharField(max_length=300, blank=True, help_text="Why there is none")

    objects = OfOrganizationQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [
            models.CheckConstraint(
                name="plan_counts",
                condition=Q(exhausted__lte=F("unsure"), wrong__lte=F("checked"))
                & (Q(error=None) | Q(error__gte=0, error__lte=1)),
            ),
        ]
        indexes = [models.Index(fields=["project", "-at"], name="plan_of_project")]

    def __str__(self) -> str:
        return f"{self.opened} more, {self.closed} fewer"

    @property
    def is_broken(self) -> bool:
        """Even the lower end of what was found is more than was promised."""
        return self.low is not None and self.promised is not None and self.low > self.promised


class Score(TwoSided):
    """What the last run of a week says of a contributor on a project; its id can be recomputed.

    A row of the running week is written anew by each run, one of a week that is over never again.
    Shares are of 1; intervals are two-sided 90% ones, `gold_lower` is the one-sided 90% bound that
    the bonus compares with `bar`.
    """

    run = models.ForeignKey(ScoringRun, on_delete=models.PROTECT, related_name="+")
    week = models.DateField(help_text="Its Monday, UTC")
    at = models.DateTimeField(help_text="When the run was taken")
    answers = models.PositiveIntegerField()
    labelled = models.PositiveIntegerField(help_text="Answers to items that have a label")
    agreed = models.PositiveIntegerField(help_text="Of those, equal to the label")
    gold_count = models.PositiveIntegerField()
    gold_correct = models.PositiveIntegerField()
    gold_mean = models.FloatField()
    gold_low = models.FloatField()
    gold_high = models.FloatField()
    gold_lower = models.FloatField()
    bar = models.DecimalField(max_digits=5, decimal_places=4)
    gold_minimum = models.PositiveIntegerField()
    more_right = models.PositiveIntegerField(
        null=True, help_text="Right gold answers to the bar; null: too many to say"
    )
    signals = models.JSONField(
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        help_text="Signal → whether it speaks, of those with enough answers to judge by",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["contributor", "project", "week"], name="score_once_a_week"
            ),
            models.CheckConstraint(
                name="score_counts",
                condition=Q(
                    agreed__lte=F("labelled"),
                    labelled__lte=F("answers"),
                    gold_correct__lte=F("gold_count"),
                ),
            ),
        ]
        indexes = [models.Index(fields=["project", "week"], name="score_of_project")]

    def __str__(self) -> str:
        return f"{self.agreed} of {self.labelled} in the week of {self.week}"


class OnlineState(models.Model):
    """What answers since the last full run have changed in a project's scores.

    The state itself is the run's answers and, in their order, the `OnlineAnswer` rows: it can be
    built again from these wherever a worker is. `reason` says why there is none.
    """

    project = models.OneToOneField(
        Project, on_delete=models.CASCADE, primary_key=True, related_name="online"
    )
    org = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    run = models.ForeignKey(ScoringRun, on_delete=models.PROTECT, related_name="+")
    added = models.PositiveIntegerField(default=0, help_text="Answers since the run")
    waiting = models.PositiveIntegerField(default=0, help_text="Of new classes: for the next run")
    figures = models.JSONField(default=dict)
    difference = models.JSONField(
        default=dict, help_text="How far the state before this run was from the run"
    )
    reason = models.CharField(max_length=300, blank=True)
    updated_at = models.DateTimeField()

    objects = OfOrganizationQuerySet.as_manager()


class OnlineAnswer(models.Model):
    """An answer that was added to the state, once; `number` is its place among them."""

    submission = models.OneToOneField(
        Submission, on_delete=models.CASCADE, primary_key=True, related_name="online"
    )
    org = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    number = models.PositiveIntegerField()
    is_counted = models.BooleanField(help_text="Not when its class is new: it waits for the run")

    objects = OfOrganizationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "number"], name="online_answer_number"),
        ]


class OnlineScore(TwoSided):
    """A contributor's expected share of right answers at the last full run and since."""

    run = models.ForeignKey(ScoringRun, on_delete=models.PROTECT, related_name="+")
    answers = models.PositiveIntegerField(help_text="Own answers since the run")
    before = models.FloatField()
    now = models.FloatField()
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["contributor", "project"], name="online_score_once"),
        ]


class RepeatScore(TwoSided):
    """How far a contributor agrees with themselves, from items that they were given twice.

    Shares of 1; the interval is Wilson's of 95%. The last run alone: written anew by each.
    """

    run = models.ForeignKey(RepeatRun, on_delete=models.PROTECT, related_name="+")
    items = models.PositiveIntegerField(help_text="Answered twice")
    agreement = models.FloatField()
    low = models.FloatField()
    high = models.FloatField()
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["contributor", "project"], name="repeat_score_once"),
            models.CheckConstraint(
                name="repeat_score_shares",
                condition=Q(
                    items__gt=0, low__gte=0, high__lte=1,
                    agreement__gte=F("low"), agreement__lte=F("high"),
                ),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.agreement:.3f} over {self.items}"


class LiftRound(Row):
    """One measuring of lift that was asked for; a worker writes its rows and begins its runs."""

    org = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="lift_rounds")
    reason = models.CharField(max_length=8, choices=Reason)
    asked_at = models.DateTimeField()
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    seed = models.PositiveBigIntegerField(default=0)
    further = models.PositiveIntegerField(
        null=True, help_text="Accepted answers that a learning curve looks ahead"
    )
    begun_at = models.DateTimeField(null=True, help_text="Its runs are queued, or it is refused")
    note = models.CharField(max_length=300, blank=True, help_text="Why nothing was measured")

    objects = OfOrganizationQuerySet.as_manager()

    class Meta:
        ordering = ["-asked_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "reason"],
                condition=Q(begun_at=None),
                name="lift_round_one_waits",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reason} of {self.asked_at:%Y-%m-%d}"


class LiftPool(Row):
    """The lift pool of a project from its close on: until then it just lies in its account."""

    org = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    project = models.OneToOneField(Project, on_delete=models.PROTECT, related_name="lift_pool")
    state = models.CharField(max_length=8, choices=PoolState, default=PoolState.WAITING)
    amount = models.BigIntegerField(help_text="As the criteria promise it, fee included")
    closed_at = models.DateTimeField()
    run = models.ForeignKey(
        LiftRun, null=True, on_delete=models.PROTECT, related_name="+", help_text="That paid it"
    )
    net = models.BigIntegerField(default=0)
    fee = models.BigIntegerField(default=0)
    people = models.PositiveIntegerField(default=0, help_text="Who got a part")
    note = models.CharField(max_length=300, blank=True, help_text="Why nobody got one")
    paid_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True, help_text="When the rest goes back")
    returned_at = models.DateTimeField(null=True)

    objects = OfOrganizationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="pool_never_more",
                condition=Q(net__gte=0, fee__gte=0, amount__gte=F("net") + F("fee")),
            ),
            models.CheckConstraint(
                name="pool_times",
                condition=Q(state="waiting", paid_at=None, returned_at=None)
                | Q(state="paid", paid_at__isnull=False, due_at__isnull=False, returned_at=None)
                | Q(state="returned", paid_at__isnull=False, returned_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["state"], name="pool_open", condition=~Q(state="returned")),
        ]

    def __str__(self) -> str:
        return f"{self.amount} of {self.project_id} ({self.state})"

    @property
    def gross(self) -> int:
        return self.net + self.fee


class LiftScore(TwoSided):
    """What a lift run says of one contributor, in units of the run's metric; append-only.

    `net` and `fee` are what it paid: nothing for a run that does not pay the pool.
    """

    run = models.ForeignKey(LiftRun, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=8, choices=Reason)
    at = models.DateTimeField()
    group = models.CharField(max_length=40, help_text="The pseudonym in the run's file")
    rows = models.PositiveIntegerField(help_text="Accepted answers that models were trained on")
    value = models.FloatField()
    error = models.FloatField(null=True)
    low = models.FloatField(null=True)
    high = models.FloatField(null=True)
    significant = models.CharField(max_length=8, blank=True, help_text="positive or negative")
    part = models.BigIntegerField(default=0, help_text="Of the pool, fee included")
    net = models.BigIntegerField(default=0)
    fee = models.BigIntegerField(default=0)
    facts = models.JSONField(default=dict, help_text="Metric, model, method, seed, input, command")
    examples = models.JSONField(default=list, help_text="Own answers that helped or hurt most")

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["run", "contributor"], name="lift_score_once"),
            models.CheckConstraint(
                name="lift_score_only_adds",
                condition=Q(net__gte=0, fee__gte=0, part__gte=F("net") + F("fee")),
            ),
            # Invariant 10, in the database: an interval that holds zero is paid nothing.
            models.CheckConstraint(
                name="lift_score_pays_above_zero",
                condition=Q(net=0, fee=0) | Q(low__gt=0),
            ),
        ]
        indexes = [models.Index(fields=["project", "-at"], name="lift_score_of_project")]

    def __str__(self) -> str:
        return f"{self.value:+.4f} of {self.group}"
