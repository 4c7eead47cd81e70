"""Releases with their wage file, contributors' statements, buyers' invoices."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from apps.core.models import Row
from apps.core.tenancy import Actor
from apps.exports.enums import InvoiceKind, ReleaseState
from apps.organizations.models import OfOrganizationQuerySet, Organization
from apps.projects.models import Project


class Release(Row):
    """`as_of` is the number of the last ledger transfer that its wage file counts."""

    org = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="releases")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=8, choices=ReleaseState, default=ReleaseState.BUILDING)
    as_of = models.BigIntegerField(null=True)
    files = models.JSONField(default=dict, help_text="name → {sha256, bytes}")
    summary = models.JSONField(default=dict)
    error = models.CharField(max_length=300, blank=True)
    claimed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    ready_at = models.DateTimeField(null=True)

    objects = OfOrganizationQuerySet.as_manager()

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["project", "number"], name="release_number"),
            models.CheckConstraint(
                name="release_ready_has_as_of",
                condition=~Q(state="ready") | Q(as_of__isnull=False, ready_at__isnull=False),
            ),
        ]


class ReleaseKey(models.Model):
    """The key of a release's pseudonyms (HMAC). Apart from the release, never exported."""

    release = models.OneToOneField(
        Release, on_delete=models.CASCADE, primary_key=True, related_name="pseudonym_key"
    )
    org = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    key = models.BinaryField()

    objects = OfOrganizationQuerySet.as_manager()


class OfPersonQuerySet(models.QuerySet):
    """Rows with `user`: that person and staff see them."""

    def visible_to(self, actor: Actor) -> "OfPersonQuerySet":
        return self if actor.is_staff else self.filter(user_id=actor.user_id)


class Statement(Row):
    """A month of a contributor, closed: from then on it says the same whenever it is asked.

    It covers what was booked for a time before the month's end, up to transfer number `as_of`, less
    what the statement before covers. What is booked later for an earlier time stands in the next
    one. Append-only; `facts` keeps what the ledger does not know, or what can still change.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="statements"
    )
    month = models.DateField(help_text="Its first day; months are those of UTC")
    number = models.PositiveIntegerField(help_text="Counted from 1 for each person")
    as_of = models.BigIntegerField()
    issued_at = models.DateTimeField()
    facts = models.JSONField(default=dict)

    objects = OfPersonQuerySet.as_manager()

    class Meta:
        ordering = ["-month"]
        constraints = [
            models.UniqueConstraint(fields=["user", "month"], name="statement_once_a_month"),
            models.UniqueConstraint(fields=["user", "number"], name="statement_number"),
            models.CheckConstraint(name="statement_of_a_month", condition=Q(month__day=1)),
        ]


class StatementChoice(models.Model):
    """What a contributor wants to read on statements besides the ledger's own figures."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    set_aside_percent = models.PositiveSmallIntegerField(null=True)
    display_currency = models.CharField(max_length=3, blank=True)

    objects = OfPersonQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="statement_choice_percent",
                condition=Q(set_aside_percent=None) | Q(set_aside_percent__lte=100),
            ),
        ]


class ProjectBilling(models.Model):
    """What the buyer's bookkeeping wants to read beside one project."""

    project = models.OneToOneField(
        Project, on_delete=models.CASCADE, primary_key=True, related_name="billing"
    )
    org = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    po_number = models.CharField(max_length=40, blank=True)
    cost_centre = models.CharField(max_length=40, blank=True)

    objects = OfOrganizationQuerySet.as_manager()


class Invoice(Row):
    """A month of an organization, or a credit note that takes back part of one. Append-only.

    `serial` is given by PostgreSQL at the insert: one series a kind, without gaps. All amounts are
    minor units and not negative; those of a credit note count against the buyer's total.
    """

    org = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="invoices")
    kind = models.CharField(max_length=11, choices=InvoiceKind, default=InvoiceKind.INVOICE)
    serial = models.PositiveIntegerField(null=True, help_text="Written by a trigger")
    corrects = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="notes")
    month = models.DateField(help_text="Its first day; months are those of UTC")
    currency = models.CharField(max_length=3)
    pay = models.BigIntegerField(help_text="Contributors' pay, passed on")
    fee = models.BigIntegerField(help_text="The platform's fee")
    compute = models.BigIntegerField(
        default=0, db_default=0, help_text="Metered computing of lift runs"
    )
    tax = models.BigIntegerField(help_text="On the platform's own supply: fee and computing")
    total = models.BigIntegerField()
    as_of = models.BigIntegerField(help_text="The last ledger transfer that is counted")
    issued_at = models.DateTimeField()
    facts = models.JSONField(default=dict, help_text="Both parties and the tax, as at issue")

    objects = OfOrganizationQuerySet.as_manager()

    class Meta:
        ordering = ["-issued_at", "-serial"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "serial"], name="invoice_serial"),
            models.UniqueConstraint(
                fields=["org", "month", "currency"],
                condition=Q(kind="invoice"),
                name="invoice_once_a_month",
            ),
            models.CheckConstraint(name="invoice_of_a_month", condition=Q(month__day=1)),
            models.CheckConstraint(
                name="invoice_adds_up",
                condition=Q(
                    total=F("pay") + F("fee") + F("compute") + F("tax"),
                    pay__gte=0,
                    fee__gte=0,
                    compute__gte=0,
                    tax__gte=0,
                ),
            ),
            models.CheckConstraint(
                name="invoice_note_corrects",
                condition=Q(kind="invoice", corrects=None)
                | Q(kind="credit_note", corrects__isnull=False),
            ),
        ]

    @property
    def name(self) -> str:
        prefix = "CN" if self.kind == InvoiceKind.CREDIT_NOTE else "INV"
        return f"{prefix}-{self.serial or 0:06d}"


class InvoiceLine(Row):
    """One project on an invoice: pay that is passed on, and the fee."""

    org = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="lines")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    title = models.CharField(max_length=200)
    layer = models.CharField(max_length=40, blank=True)
    po_number = models.CharField(max_length=40, blank=True)
    cost_centre = models.CharField(max_length=40, blank=True)
    pay = models.BigIntegerField()
    fee = models.BigIntegerField()
    compute = models.BigIntegerField(default=0, db_default=0)

    objects = OfOrganizationQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["invoice", "project"], name="invoice_line_once"),
            models.CheckConstraint(
                name="invoice_line_not_negative",
                condition=Q(pay__gte=0, fee__gte=0, compute__gte=0),
            ),
        ]

    @property
    def gross(self) -> int:
        return self.pay + self.fee + self.compute
