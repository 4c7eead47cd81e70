"""Accounts and transfers: double entry, and nothing else.

One debit and one credit account per transfer, a positive integer amount of minor units: balanced
by construction. The application's role may read these tables and execute the posting function; it
cannot write them. See sql/posting.sql and docs/adr/0003-ledger-transfers.md.
"""

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from apps.core.tenancy import Actor
from apps.ledger.enums import Purpose, TransferKind


class AccountQuerySet(models.QuerySet["Account"]):
    def visible_to(self, actor: Actor) -> "AccountQuerySet":
        if actor.is_staff:
            return self
        return self.filter(Q(holder_id__in=actor.org_ids) | Q(holder_id=actor.user_id))


class Account(models.Model):
    """Counters are kept for guarded accounts alone, by the posting function alone.

    balance = credits_posted − debits_posted; available = balance − debits_pending. A trigger
    (sql/single.sql) refuses counters below zero and an overdraft of a guarded account.
    """

    purpose = models.CharField(max_length=12, choices=Purpose)
    holder_id = models.UUIDField(null=True, help_text="The organization or person it belongs to")
    scope_id = models.UUIDField(null=True, help_text="The project, for what is put apart for one")
    currency = models.CharField(max_length=3)
    is_guarded = models.BooleanField()
    debits_posted = models.BigIntegerField(default=0)
    debits_pending = models.BigIntegerField(default=0)
    credits_posted = models.BigIntegerField(default=0)
    credits_pending = models.BigIntegerField(default=0)
    opened_at = models.DateTimeField(db_default=Now())

    objects = AccountQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["purpose", "holder_id", "scope_id", "currency"],
                name="ledger_account_name",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purpose}:{self.scope_id or self.holder_id or 'platform'}:{self.currency}"

    @property
    def balance(self) -> int:
        return self.credits_posted - self.debits_posted

    @property
    def available(self) -> int:
        return self.balance - self.debits_pending


class TransferQuerySet(models.QuerySet["Transfer"]):
    def visible_to(self, actor: Actor) -> "TransferQuerySet":
        if actor.is_staff:
            return self
        mine = Account.objects.visible_to(actor).values("id")
        return self.filter(Q(debit__in=mine) | Q(credit__in=mine))

    def settled(self) -> "TransferQuerySet":
        """Transfers that moved money."""
        return self.filter(kind__in=[TransferKind.POSTED, TransferKind.POST])

    def unresolved(self) -> "TransferQuerySet":
        """Pending transfers that still hold their amount."""
        resolving = Transfer.objects.filter(pending=OuterRef("pk"))
        return self.filter(~Exists(resolving), kind=TransferKind.PENDING)


class Transfer(models.Model):
    """Append-only. The id is the caller's: the same id and content again changes nothing.

    A trigger (sql/single.sql) refuses rows whose kind, amount, accounts or `pending` do not fit.
    """

    id = models.UUIDField(primary_key=True)
    number = models.BigIntegerField(help_text="Order of writing, of each guarded account its own")
    kind = models.CharField(max_length=7, choices=TransferKind)
    # No foreign keys in PostgreSQL: each would lock the row that it names, so the fee account
    # at every acceptance. The writer looks for the rows; their tables refuse that any ever goes.
    debit = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="debits", db_constraint=False
    )
    credit = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="credits", db_constraint=False
    )
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    code = models.CharField(max_length=30, help_text="What it is for")
    pending = models.ForeignKey(
        "self",
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    reverses = models.ForeignKey(
        "self",
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    scope_id = models.UUIDField(null=True, help_text="Project")
    subject_id = models.UUIDField(null=True, help_text="Assignment, payout, funding …")
    request_hash = models.BinaryField(help_text="SHA-256 of what it says, without `at`")
    expires_at = models.DateTimeField(null=True, help_text="Until when a pending one can be posted")
    at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    objects = TransferQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["pending"],
                condition=Q(pending__isnull=False),
                name="ledger_transfer_resolved_once",
            ),
        ]
        indexes = [
            models.Index(fields=["scope_id", "number"], name="ledger_transfer_scope"),
            models.Index(fields=["subject_id"], name="ledger_transfer_subject"),
            models.Index(
                fields=["reverses"],
                condition=Q(reverses__isnull=False),
                name="ledger_transfer_reverses",
            ),
            models.Index(
                fields=["expires_at"],
                condition=Q(expires_at__isnull=False),
                name="ledger_transfer_expires",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.code} {self.amount} {self.currency}"
