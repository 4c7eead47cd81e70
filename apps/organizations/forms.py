"""Shapes of what people send about organizations."""

from django import forms

from apps.core.money import SIGNS
from apps.core.regions import COUNTRIES
from apps.organizations.enums import Role

ROLE_CHOICES = [
    (Role.OWNER, "Owner: everything"),
    (Role.MANAGER, "Manager: projects, people, verdicts, releases"),
    (Role.REVIEWER, "Reviewer: verdicts"),
    (Role.FINANCE, "Finance: fund, refund, invoices"),
    (Role.VIEWER, "Viewer: reads"),
]


class OrganizationForm(forms.Form):
    name = forms.CharField(label="Name", max_length=120)
    country = forms.ChoiceField(
        label="Country of registration",
        choices=[("", "Choose a country"), *COUNTRIES.items()],
    )
    owners = forms.CharField(
        label="Who owns and controls it",
        widget=forms.Textarea(attrs={"rows": 4}),
        max_length=2000,
        help_text="Contributors read this on every offer: legal name, owners, parent companies.",
    )


class NewOrganizationForm(OrganizationForm):
    currency = forms.ChoiceField(
        label="Currency of its wallet",
        choices=[(code, f"{code} ({sign})") for code, sign in SIGNS.items()],
        help_text="It stays: the ledger never converts.",
    )
    field_order = ["name", "country", "currency", "owners"]


class InvitationForm(forms.Form):
    email = forms.EmailField(
        label="E-mail address", widget=forms.EmailInput(attrs={"autocomplete": "off"})
    )
    role = forms.ChoiceField(label="Role", choices=ROLE_CHOICES, initial=Role.VIEWER)


class RoleForm(forms.Form):
    role = forms.ChoiceField(label="Role", choices=ROLE_CHOICES)
