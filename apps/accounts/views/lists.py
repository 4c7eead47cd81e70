"""The list of people for administrators: its columns and its filter."""

from django import forms
from django.db.models import QuerySet

from apps.accounts import queries
from apps.accounts.models import User
from apps.core.http import HttpRequest
from apps.core.tables import Column, Table

PEOPLE = Table(
    Column("person", "Person", "name"),
    Column("email", "E-mail", "email"),
    Column("since", "Since", "date_joined"),
    Column("what", "What"),
    sort="-since",
    size=50,
)


class PeopleForm(forms.Form):
    q = forms.CharField(required=False, label="Name or e-mail", help_text="A part of either.")
    what = forms.ChoiceField(
        required=False,
        choices=[
            ("", "Everybody"),
            ("is_contributor", "Contributors"),
            ("is_staff", "Administrators"),
            ("is_deactivated", "Deactivated"),
            ("is_simulated", "Simulated"),
        ],
        help_text="What the person is here.",
    )


def people_asked(request: HttpRequest) -> tuple[PeopleForm, QuerySet[User]]:
    """The filter as it was sent, and the people whom it finds."""
    form = PeopleForm(request.GET)
    form.is_valid()
    wanted = form.cleaned_data
    rows = queries.people(request.actor, search=wanted.get("q", ""))
    return form, rows.filter(**{wanted["what"]: True}) if wanted.get("what") else rows
