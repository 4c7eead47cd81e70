"""Stripe's side of the money. No identity, tax or bank data: those live at Stripe only."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.core.models import Row
from apps.core.tenancy import Actor
from apps.organizations.models import OfOrganizationQuerySet, Organization
from apps.payments.enums import CallState, FundingState, PayoutState


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

    objects = OfOrganizationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(name="funding_positive", condition=Q(amount__gt=0)),
            models.UniqueConstraint(
                fields=["session_id"], condition=~Q(session_id=""), name="funding_session_once"
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
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
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
        constraints = [models.CheckConstraint(name="payout_positive", condition=Q(amount__gt=0))]


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


class StripeBalance(models.Model):
    """The last balance that Stripe told, per currency: what solvency is compared with."""

    currency = models.CharField(max_length=3, primary_key=True)
    available = models.BigIntegerField()
    pending = models.BigIntegerField()
    fetched_at = models.DateTimeField()

    objects = StaffOnlyQuerySet.as_manager()
