"""Shapes of what contributors send."""

from collections.abc import Sequence
from typing import Any, cast

from django import forms
from django.http import QueryDict

from apps.work.enums import GiveBackReason
from apps.work.queries.offers import Tier

# The editor of a task type names its fields `answer.<field>`.
ANSWER_PREFIX = "answer."


def answer_of(data: QueryDict) -> dict:
    """The answer in a posted form; what it must hold is for its task type to say."""
    return {
        name.removeprefix(ANSWER_PREFIX): data[name]
        for name in data
        if name.startswith(ANSWER_PREFIX)
    }


class EnrolForm(forms.Form):
    """The consent to one offer, in one tier that is open to this person."""

    tier = forms.ChoiceField(widget=forms.RadioSelect)
    has_consented = forms.BooleanField(
        label="I have read the offer and agree to these consent terms for what I do here."
    )
    criteria = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, tiers: Sequence[Tier], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = cast("forms.ChoiceField", self.fields["tier"])
        field.choices = [(tier.key, tier.title) for tier in tiers]
        if len(tiers) == 1:
            field.initial = tiers[0].key


class GiveBackForm(forms.Form):
    """Skip, give back, or report as broken."""

    reason = forms.ChoiceField(choices=GiveBackReason.choices, widget=forms.RadioSelect)
    note = forms.CharField(
        max_length=500,
        required=False,
        label="What is broken",
        help_text="Needed for a broken item only; the buyer reads it.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )
