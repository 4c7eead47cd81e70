"""The wizard's form for pairwise preference."""

from collections.abc import Mapping

from django import forms

from apps.core.errors import Invalid
from apps.tasktypes import registry


class PairwiseConfigForm(forms.Form):
    """Valid, `cleaned_data["config"]` is the checked config."""

    question = forms.CharField(
        max_length=500,
        initial="Which response is better?",
        help_text="What the contributor is asked about every pair.",
    )
    allows_tie = forms.BooleanField(
        label="A tie can be chosen",
        required=False,
        initial=True,
        help_text="Without it, one of the two must be named better.",
    )
    needs_reason = forms.BooleanField(
        label="A reason is required",
        required=False,
        help_text="At least 20 characters; it counts as working time.",
    )

    @classmethod
    def initial_of(cls, config: Mapping) -> dict:
        return {
            "question": config.get("question", "Which response is better?"),
            "allows_tie": config.get("allows_tie", True),
            "needs_reason": config.get("needs_reason", False),
        }

    def clean(self) -> dict:
        data = super().clean() or {}
        if self.errors:
            return data
        try:
            data["config"] = registry.get("pairwise").check_config(data)
        except Invalid as refusal:
            self.add_error(
                refusal.field if refusal.field in self.fields else None, refusal.sentence
            )
        return data
