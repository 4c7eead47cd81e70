"""Cases: appeal, dispute, deactivation review. Evidence, a deadline, a named human decider.

Tickets are letters to the staff and their answers; they decide nothing.
"""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Length
from django.db.models.lookups import GreaterThanOrEqual

from apps.cases.enums import CaseKind, CaseState, TicketMail, TicketState, Topic
from apps.core.models import Row
from apps.core.tenancy import Actor
from apps.organizations.models import Organization
from apps.projects.models import Project
from apps.work.models import Assignment, EarningLine

# The floor of the setting `rejection_note_minimum`: PostgreSQL refuses shorter reasons.
BAD_FAITH_REASON_MINIMUM = 100


class CaseQuerySet(models.QuerySet["Case"]):
    def visible_to(self, actor: Actor) -> "CaseQuerySet":
        if actor.is_staff:
            return self
        return self.filter(Q(org_id__in=actor.org_ids) | Q(contributor_id=actor.user_id))

    def open(self) -> "CaseQuerySet":
        return self.filter(state=CaseState.OPEN)


class Case(Row):
    """`contributor` is the person concerned; a deactivation has no organization."""

    kind = models.CharField(max_length=12, choices=CaseKind)
    state = models.CharField(max_length=9, choices=CaseState, default=CaseState.OPEN)
    contributor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="cases"
    )
    org = models.ForeignKey(Organization, null=True, on_delete=models.PROTECT, related_name="+")
    project = models.ForeignKey(Project, null=True, on_delete=models.PROTECT, related_name="cases")
    assignment = models.ForeignKey(
        Assignment, null=True, on_delete=models.PROTECT, related_name="cases"
    )
    line = models.ForeignKey(EarningLine, null=True, on_delete=models.PROTECT, related_name="cases")
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    opened_at = models.DateTimeField()
    reason = models.TextField()
    evidence = models.TextField(blank=True)
    # Of a bad-faith case: the line of the rubric that a rejection would cite, and the signals as
    # [{kind, evidence, measured}]; `measured` is what the platform's own numbers said then.
    criterion = models.CharField(max_length=40, blank=True, db_default="")
    signals = models.JSONField(default=list, db_default=[])
    amount = models.BigIntegerField(null=True, help_text="What a dispute asks for, minor units")
    answer = models.TextField(blank=True, help_text="What the other side said")
    answered_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    decision = models.TextField(blank=True, help_text="The written reason")
    transfer_id = models.UUIDField(null=True, help_text="The ledger transfer it ended in, if any")

    objects = CaseQuerySet.as_manager()

    class Meta:
        ordering = ["due_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["assignment", "kind"],
                condition=Q(state="open"),
                name="case_open_once_per_assignment",
            ),
            # The window of an assignment stops once, so there is one such case about it, ever.
            models.UniqueConstraint(
                fields=["assignment"],
                condition=Q(kind="bad_faith"),
                name="case_bad_faith_once",
            ),
            # That the signals are two at least and independent is said in sql/bad_faith.sql.
            models.CheckConstraint(
                name="case_bad_faith_has_grounds",
                condition=~Q(kind="bad_faith")
                | Q(GreaterThanOrEqual(Length("reason"), BAD_FAITH_REASON_MINIMUM))
                & Q(assignment__isnull=False, org__isnull=False)
                & ~Q(criterion="")
                & ~Q(opened_by=F("contributor")),
            ),
            # Decided once: who was told that a known answer stands does not ask again and again.
            models.UniqueConstraint(
                fields=["assignment"],
                condition=Q(kind="gold_contest"),
                name="case_gold_contest_once",
            ),
            models.CheckConstraint(
                name="case_gold_contest_has_grounds",
                condition=~Q(kind="gold_contest")
                | Q(assignment__isnull=False, org__isnull=False, opened_by=F("contributor"))
                & ~Q(evidence=""),
            ),
            # The repeated run settles it; asking again would repeat the same run.
            models.UniqueConstraint(
                fields=["contributor", "project"],
                condition=Q(kind="lift_contest"),
                name="case_lift_contest_once",
            ),
            models.CheckConstraint(
                name="case_lift_contest_is_own",
                condition=~Q(kind="lift_contest")
                | Q(project__isnull=False, org__isnull=False, opened_by=F("contributor")),
            ),
            models.UniqueConstraint(
                fields=["contributor"],
                condition=Q(state="open", kind="deactivation"),
                name="case_one_deactivation",
            ),
            # A named human and a written reason; silence alone needs neither.
            models.CheckConstraint(
                name="case_decided_by_a_person",
                condition=Q(state__in=["open", "lapsed", "withdrawn"], decided_by=None)
                | Q(
                    state__in=["upheld", "granted"],
                    decided_by__isnull=False,
                    decided_at__isnull=False,
                )
                & ~Q(decision=""),
            ),
            models.CheckConstraint(
                name="case_decider_did_not_open_it",
                condition=Q(decided_by=None) | ~Q(decided_by=F("opened_by")),
            ),
            models.CheckConstraint(name="case_has_a_reason", condition=~Q(reason="")),
        ]
        indexes = [
            models.Index(fields=["due_at"], name="case_due", condition=Q(state="open")),
        ]

    @property
    def state_word(self) -> str:
        """The state for both sides: a finding of bad faith is "found", to nobody "granted"."""
        if self.kind != CaseKind.BAD_FAITH:
            return self.state
        found = {str(CaseState.GRANTED): "found", str(CaseState.UPHELD): "not_found"}
        return found.get(str(self.state), self.state)


class TicketQuerySet(models.QuerySet["Ticket"]):
    def visible_to(self, actor: Actor) -> "TicketQuerySet":
        """Own ones and staff's; those of people without an account open by their link alone."""
        if actor.is_staff:
            return self
        return self.filter(user_id=actor.user_id) if actor.user_id else self.none()


class Ticket(Row):
    """A question to a person of the staff. Either `user` asks, or somebody at `email`."""

    number = models.PositiveIntegerField(unique=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="tickets"
    )
    email = models.EmailField(blank=True)
    topic = models.CharField(max_length=8, choices=Topic)
    subject = models.CharField(max_length=150)
    state = models.CharField(max_length=8, choices=TicketState, default=TicketState.WAITING)
    opened_at = models.DateTimeField()
    # Until when a person answers the latest letter.
    due_at = models.DateTimeField()
    last_at = models.DateTimeField(help_text="Of the latest letter")
    mail = models.CharField(max_length=8, choices=TicketMail, default=TicketMail.NONE, blank=True)

    objects = TicketQuerySet.as_manager()

    class Meta:
        ordering = ["due_at"]
        constraints = [
            models.CheckConstraint(
                name="ticket_of_a_user_or_an_address",
                condition=Q(user__isnull=False, email="") | Q(user=None) & ~Q(email=""),
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], name="ticket_due", condition=Q(state="waiting")),
            models.Index(fields=["last_at"], name="ticket_mail", condition=~Q(mail="")),
        ]

    def __str__(self) -> str:
        return f"Ticket {self.number}"


class LetterQuerySet(models.QuerySet["Letter"]):
    def visible_to(self, actor: Actor) -> "LetterQuerySet":
        if actor.is_staff:
            return self
        return self.filter(user_id=actor.user_id) if actor.user_id else self.none()


class Letter(Row):
    """One text of a ticket. `user` is the ticket's, `answered_by` the person of the staff."""

    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="letters")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+"
    )
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    text = models.TextField()
    written_at = models.DateTimeField()

    objects = LetterQuerySet.as_manager()

    class Meta:
        ordering = ["written_at", "id"]
        constraints = [models.CheckConstraint(name="letter_has_a_text", condition=~Q(text=""))]
