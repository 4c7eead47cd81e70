"""Stripe's side of the money. No identity, tax or bank data: those live at Stripe only."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from apps.core.errors import Conflict
from apps.core.models import Row
from apps.core.tenancy import Actor
from apps.organizations.models import OfOrganizationQuerySet, Organization
from apps.payments.enums import (
    CallState,
    CorrectionKind,
    CorrectionState,
    DisputeState,
    FundingState,
    PayoutState,
)


class OwnQuerySet(models.QuerySet):
    def visible_to(self, actor: Actor) -> "OwnQuerySet":
        return self if actor.is_staff else self.filter(user_id=actor.user_id)


class StaffOnlyQuerySet(models.QuerySet):
    def visible_to(self, actor: Actor) -> "StaffOnlyQuerySet":
        return self if actor.is_staff else self.none()


class Funding(Row):
    """A payment of a buyer into the organization's wallet (Stripe Checkout)."""

    org = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="fundings")
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=8, choices=FundingState, default=FundingState.OPEN)
    session_id = models.CharField(max_length=120, blank=True)
    payment_intent_id = models.CharField(max_length=120, blank=True, db_index=True)
    checkout_url = models.URLField(max_length=800, blank=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    paid_at = models.DateTimeField(null=True)
    is_automatic = models.BooleanField(default=False, help_text="By the rule of the wallet")
    hold_until = models.DateTimeField(
        null=True, help_text="Until then the platform may hold it; what is unspent goes back"
    )

    objects = OfOrganizationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(name="funding_positive", condition=Q(amount__gt=0)),
            models.UniqueConstraint(
                fields=["session_id"], condition=~Q(session_id=""), name="funding_session_once"
            ),
        ]


class TopUpRule(Row):
    """What a buyer lets the wallet do by itself: pay in `amount` when less than `level` is free.

    The payment method and the consent to use it again are kept at Stripe; here stand their ids.
    """

    org = models.OneToOneField(Organization, on_delete=models.PROTECT, related_name="top_up_rule")
    level = models.BigIntegerField()
    amount = models.BigIntegerField()
    monthly_cap = models.BigIntegerField(help_text="At most so much by itself in a calendar month")
    currency = models.CharField(max_length=3)
    customer_id = models.CharField(max_length=120)
    method_id = models.CharField(max_length=120, blank=True, help_text="Of the first payment")
    consent_funding = models.ForeignKey(
        Funding, null=True, on_delete=models.PROTECT, related_name="+"
    )
    is_on = models.BooleanField(default=False)
    failures = models.PositiveSmallIntegerField(default=0, help_text="In a row")
    off_reason = models.CharField(max_length=300, blank=True)
    set_at = models.DateTimeField()
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    objects = OfOrganizationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="top_up_amounts",
                condition=Q(level__gt=0, amount__gt=0, monthly_cap__gte=F("amount")),
            ),
            models.CheckConstraint(
                name="top_up_on_has_method", condition=Q(is_on=False) | ~Q(method_id="")
            ),
        ]


class Refund(Row):
    """Unspent wallet money on its way back to the buyer."""

    org = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="refunds")
    funding = models.ForeignKey(Funding, on_delete=models.PROTECT, related_name="refunds")
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=8, choices=CallState, default=CallState.WAITING)
    stripe_id = models.CharField(max_length=120, blank=True, db_index=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Null: the time for which it may be held is over",
    )

    objects = OfOrganizationQuerySet.as_manager()

    class Meta:
        constraints = [models.CheckConstraint(name="refund_positive", condition=Q(amount__gt=0))]


class StripeAccount(models.Model):
    """A contributor's connected account: its id, whether it can be paid, what Stripe still asks."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, primary_key=True, related_name="stripe"
    )
    account_id = models.CharField(max_length=60, unique=True)
    country = models.CharField(max_length=2)
    transfers_status = models.CharField(max_length=30, default="inactive")
    requirements = models.JSONField(default=list, help_text="Codes of what Stripe still asks for")
    created_at = models.DateTimeField()
    checked_at = models.DateTimeField(null=True)
    destination_key = models.CharField(
        max_length=64, blank=True, help_text="A keyed hash: tells that the destination changed"
    )
    wait_until = models.DateTimeField(null=True, help_text="No payout before: it has changed")
    stopped_at = models.DateTimeField(null=True, help_text="Its owner says: not my change")

    objects = OwnQuerySet.as_manager()

    @property
    def is_verified(self) -> bool:
        return self.transfers_status == "active"


class Payout(Row):
    """A contributor's money on its way out: ledger → connected account → bank."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="payouts"
    )
    amount = models.BigIntegerField()
    taken_back = models.BigIntegerField(default=0, help_text="By reversals; payable again")
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=11, choices=PayoutState, default=PayoutState.REQUESTED)
    is_automatic = models.BooleanField(default=False)
    account_id = models.CharField(max_length=60, db_index=True)
    transfer_id = models.CharField(max_length=120, blank=True, db_index=True)
    bank_payout_id = models.CharField(max_length=120, blank=True)
    reason = models.CharField(max_length=300, blank=True, help_text="Why it failed or waits")
    created_at = models.DateTimeField()
    transferred_at = models.DateTimeField(null=True)
    paid_at = models.DateTimeField(null=True)

    objects = OwnQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(name="payout_positive", condition=Q(amount__gt=0)),
            models.CheckConstraint(
                name="payout_taken_back_in_bounds",
                condition=Q(taken_back__gte=0, taken_back__lte=F("amount")),
            ),
        ]


class Reversal(models.Model):
    """Money of a transfer that came back from the connected account, by Stripe's id of it."""

    id = models.CharField(max_length=120, primary_key=True)
    payout = models.ForeignKey(Payout, on_delete=models.PROTECT, related_name="reversals")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    amount = models.BigIntegerField()
    booked_at = models.DateTimeField()

    objects = OwnQuerySet.as_manager()


class Dispute(Row):
    """A payment that a buyer's bank disputes. Its money is booked from Stripe's own books."""

    org = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="disputes")
    funding = models.ForeignKey(Funding, on_delete=models.PROTECT, related_name="disputes")
    stripe_id = models.CharField(max_length=120, unique=True)
    state = models.CharField(max_length=6, choices=DisputeState, default=DisputeState.OPEN)
    stripe_status = models.CharField(max_length=40, help_text="Stripe's word for it")
    reason = models.CharField(max_length=60, blank=True)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    withdrawn = models.BigIntegerField(default=0, help_text="Taken from us, fee included")
    reinstated = models.BigIntegerField(default=0, help_text="Given back to us")
    opened_at = models.DateTimeField()
    evidence_due_at = models.DateTimeField(null=True)
    decided_at = models.DateTimeField(null=True)
    workers_told_at = models.DateTimeField(null=True, help_text="Taken up by the floor above")
    settled_at = models.DateTimeField(null=True, help_text="Decided, and nothing is owed")

    objects = OfOrganizationQuerySet.as_manager()

    class Meta:
        ordering = ["-opened_at"]
        constraints = [
            models.CheckConstraint(name="dispute_positive", condition=Q(amount__gt=0)),
            models.CheckConstraint(
                name="dispute_settled_is_decided",
                condition=Q(settled_at=None) | ~Q(state="open"),
            ),
        ]


class CorrectionQuerySet(models.QuerySet):
    def visible_to(self, actor: Actor) -> "CorrectionQuerySet":
        """A buyer sees what concerns the own organization's money."""
        return self if actor.is_staff else self.filter(org_id__in=actor.org_ids)


class Correction(Row):
    """Money that moves only when two administrators say so: one proposes, another decides."""

    kind = models.CharField(max_length=18, choices=CorrectionKind)
    state = models.CharField(
        max_length=8, choices=CorrectionState, default=CorrectionState.PROPOSED
    )
    org = models.ForeignKey(
        Organization, null=True, on_delete=models.PROTECT, related_name="corrections"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="corrections"
    )
    payout = models.ForeignKey(
        Payout, null=True, on_delete=models.PROTECT, related_name="corrections"
    )
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    reason = models.TextField(blank=True)
    evidence = models.TextField(blank=True, help_text="Where it can be checked")
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField()
    proposed_at = models.DateTimeField(null=True)
    decided_at = models.DateTimeField(null=True)
    decision = models.TextField(blank=True, help_text="The written reason")

    objects = CorrectionQuerySet.as_manager()

    @property
    def buyer_id(self) -> uuid.UUID:
        """`org_id` of a correction about a buyer's money."""
        if self.org_id is None:
            raise Conflict("This correction is about no buyer.")
        return self.org_id

    @property
    def payout_taken_back_id(self) -> uuid.UUID:
        """`payout_id` of a reversal."""
        if self.payout_id is None:
            raise Conflict("This correction is about no payout.")
        return self.payout_id

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(name="correction_positive", condition=Q(amount__gt=0)),
            models.CheckConstraint(
                name="correction_two_administrators",
                condition=Q(state__in=["asked", "proposed", "refused"])
                | Q(proposed_by__isnull=False, decided_by__isnull=False),
            ),
            models.CheckConstraint(
                name="correction_not_by_the_same",
                condition=Q(decided_by=None)
                | Q(proposed_by=None)
                | ~Q(decided_by=F("proposed_by")),
            ),
            models.CheckConstraint(
                name="correction_has_grounds",
                condition=Q(state__in=["asked", "refused"]) | ~Q(reason="") & ~Q(evidence=""),
            ),
            # Refused before anybody proposed it, or proposed by a named person.
            models.CheckConstraint(
                name="correction_proposed_by_somebody",
                condition=~Q(state="proposed") | Q(proposed_by__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["org"],
                condition=Q(kind="refund", state__in=["asked", "proposed"]),
                name="correction_one_refund_at_a_time",
            ),
        ]


class OutboxCall(Row):
    """Written before every call that moves money; its key makes a repeated call harmless.

    Keyed by the ledger transfer: a time-out after Stripe committed is tried again with the same
    key and gets the first answer.
    """

    kind = models.CharField(max_length=20)
    subject_id = models.UUIDField(help_text="The payout or refund")
    ledger_transfer_id = models.UUIDField()
    attempt_class = models.PositiveSmallIntegerField(default=1)
    idempotency_key = models.CharField(max_length=120, unique=True)
    params = models.JSONField()
    state = models.CharField(max_length=8, choices=CallState, default=CallState.WAITING)
    stripe_id = models.CharField(max_length=120, blank=True)
    error = models.CharField(max_length=300, blank=True)
    tries = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField()
    created_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)

    objects = StaffOnlyQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["next_try_at"], name="outbox_waiting", condition=Q(state="waiting")
            ),
        ]


class StripeEvent(models.Model):
    """A webhook as it came: stored, answered, processed later. Duplicates change nothing."""

    event_id = models.CharField(max_length=120)
    account_id = models.CharField(max_length=60, blank=True)
    endpoint = models.CharField(max_length=10)
    type = models.CharField(max_length=120)
    body = models.JSONField()
    received_at = models.DateTimeField()
    handled_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=300, blank=True)
    tries = models.PositiveIntegerField(default=0)

    objects = StaffOnlyQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["event_id", "account_id"], name="event_once"),
        ]
        indexes = [
            models.Index(fields=["received_at"], name="event_open", condition=Q(handled_at=None)),
        ]


class BalanceTxn(models.Model):
    """Stripe's own books: each has exactly one booking of ours."""

    id = models.CharField(max_length=120, primary_key=True)
    type = models.CharField(max_length=60)
    source_id = models.CharField(max_length=120, blank=True)
    amount = models.BigIntegerField()
    fee = models.BigIntegerField()
    net = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    created_at = models.DateTimeField()
    available_on = models.DateTimeField(null=True)
    booked_at = models.DateTimeField(null=True)

    objects = StaffOnlyQuerySet.as_manager()


class Reconciliation(Row):
    """Stripe's books beside ours, as they were compared one night."""

    at = models.DateTimeField()
    transactions = models.PositiveIntegerField(help_text="Balance transactions that were compared")
    differences = models.PositiveIntegerField()
    sentences = models.JSONField(default=list, help_text="The first of them, with amounts")

    objects = StaffOnlyQuerySet.as_manager()

    class Meta:
        ordering = ["-at"]


class StripeBalance(models.Model):
    """The last balance that Stripe told, per currency: what solvency is compared with."""

    currency = models.CharField(max_length=3, primary_key=True)
    available = models.BigIntegerField()
    pending = models.BigIntegerField()
    fetched_at = models.DateTimeField()

    objects = StaffOnlyQuerySet.as_manager()
