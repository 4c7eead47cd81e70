"""How a refusal of an action comes back into the form that caused it."""

from django import forms

from apps.core.errors import WagefileError


def show_refusal(form: forms.BaseForm, error: WagefileError) -> None:
    """Put the sentence beside its field, or on top; everything typed stays in the form."""
    form.add_error(error.field if error.field in form.fields else None, error.sentence)


def status_of(form: forms.BaseForm) -> int:
    """422 for a form that came back with errors, else 200."""
    return 422 if form.errors else 200
