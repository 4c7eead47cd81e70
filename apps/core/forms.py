"""How a refusal of an action comes back into the form that caused it."""

from django import forms

from apps.core.errors import WagefileError


def show_refusal(form: forms.BaseForm, error: WagefileError) -> None:
    """Put the sentence beside its field, or on top; everything typed stays in the form."""
    form.add_error(error.field if error.field in form.fields else None, error.sentence)
