"""The tenant: organization, memberships, invitations."""

from django.conf import settings
from django.db import models

from apps.core.models import Row
from apps.core.tenancy import Actor
from apps.organizations.enums import InvitationState, Role


class OrganizationQuerySet(models.QuerySet["Organization"]):
    def visible_to(self, actor: Actor) -> "OrganizationQuerySet":
        return self if actor.is_staff else self.filter(id__in=actor.org_ids)


class OfOrganizationQuerySet(models.QuerySet):
    """Rows with `org`: members of that organization and staff see them."""

    def visible_to(self, actor: Actor) -> "OfOrganizationQuerySet":
        return self if actor.is_staff else self.filter(org_id__in=actor.org_ids)


class Organization(Row):
    """The tenant that buys work. Who owns it and what it trains stands on every offer."""

    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=60, unique=True)
    country = models.CharField(max_length=2)
    currency = models.CharField(max_length=3, default="USD")
    owners = models.TextField(help_text="Who owns and controls this organization")
    is_sandbox = models.BooleanField(default=False)
    frozen_at = models.DateTimeField(null=True, help_text="A chargeback freezes its money")
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="organization_says_who_owns_it", condition=~models.Q(owners="")
            ),
        ]

    def __str__(self) -> str:
        return self.name


class BillingDetails(models.Model):
    """What stands on the organization's invoices. The VAT number is a company's."""

    org = models.OneToOneField(
        Organization, on_delete=models.CASCADE, primary_key=True, related_name="billing"
    )
    legal_name = models.CharField(max_length=200, blank=True)
    address = models.TextField(max_length=500, blank=True)
    vat_number = models.CharField(max_length=20, blank=True, help_text="With its country's letters")
    po_number = models.CharField(max_length=40, blank=True)
    cost_centre = models.CharField(max_length=40, blank=True)

    objects = OfOrganizationQuerySet.as_manager()


class Membership(Row):
    org = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    role = models.CharField(max_length=10, choices=Role)
    since = models.DateTimeField()

    objects = OfOrganizationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["org", "user"], name="membership_once"),
        ]


class Invitation(Row):
    """An offer of a role to an e-mail address; whoever proves to own the address may take it."""

    org = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=10, choices=Role)
    state = models.CharField(max_length=10, choices=InvitationState, default=InvitationState.OPEN)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(null=True)

    objects = OfOrganizationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["org", "email"],
                condition=models.Q(state="open"),
                name="invitation_open_once",
            ),
        ]
