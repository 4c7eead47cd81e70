"""The lists of cases and tickets: their columns and filters, the same for every side."""

from django import forms
from django.db.models import QuerySet

from apps.cases.enums import CaseKind, CaseState, TicketState, Topic
from apps.core.tables import Column, Table

_COLUMNS = (
    Column("case", "Case", "kind"),
    Column("person", "Person"),
    Column("project", "Project", "project__title"),
    Column("asked", "Asked for", "amount", is_number=True),
    Column("state", "State", "state"),
)
CASES = Table(
    *_COLUMNS,
    Column("deadline", "Deadline", "is_decided due_at"),
    sort="deadline",
    size=30,
    is_long=False,
)
WAITING = Table(
    Column("case", "Case"),
    Column("person", "Person"),
    Column("project", "Project"),
    Column("asked", "Asked for", is_number=True),
    Column("state", "State"),
    Column("deadline", "Deadline", "due_at"),
    sort="deadline",
    size=50,
)
TICKETS = Table(
    Column("subject", "Subject", "subject"),
    Column("number", "Number", "number", is_number=True),
    Column("about", "About", "topic"),
    Column("from", "From"),
    Column("state", "State", "state"),
    Column("latest", "Answer by", "last_at"),
    sort="-latest",
    size=30,
)
TICKETS_WAITING = Table(
    Column("subject", "Subject"),
    Column("number", "Number", "number", is_number=True),
    Column("about", "About"),
    Column("from", "From"),
    Column("state", "State"),
    Column("due", "Answer by", "due_at"),
    sort="due",
    size=30,
)


class CaseFilter(forms.Form):
    kind = forms.ChoiceField(
        required=False, choices=[("", "All"), *CaseKind.choices], help_text="What it is about."
    )
    state = forms.ChoiceField(
        required=False, choices=[("", "All"), *CaseState.choices], help_text="Where it stands."
    )


class TicketFilter(forms.Form):
    topic = forms.ChoiceField(
        required=False, choices=[("", "All"), *Topic.choices], help_text="What it is about."
    )


class OwnTicketFilter(TicketFilter):
    state = forms.ChoiceField(
        required=False, choices=[("", "All"), *TicketState.choices], help_text="Where it stands."
    )


def filtered[R: QuerySet](rows: R, form: forms.Form) -> R:
    """The rows that have what was chosen. A choice that there is not counts as none."""
    form.is_valid()
    return rows.filter(**{name: value for name, value in form.cleaned_data.items() if value})
