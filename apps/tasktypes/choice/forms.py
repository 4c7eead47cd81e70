"""The wizard's form for single choice."""

from collections.abc import Mapping

from django import forms

from apps.core.errors import Invalid
from apps.tasktypes import registry


class ChoiceConfigForm(forms.Form):
    """Valid, `cleaned_data["config"]` is the checked config."""

    question = forms.CharField(
        max_length=500, help_text="What the contributor is asked about every item."
    )
    content = forms.ChoiceField(
        choices=[("text", "A text"), ("pair", "A pair of texts"), ("image", "A picture")],
        help_text="What an item shows.",
    )
    choices = forms.CharField(
        label="Answers",
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text=(
            "One answer a line, as key = label, or the label alone. The key is what releases and "
            "the gold column hold."
        ),
    )

    @classmethod
    def initial_of(cls, config: Mapping) -> dict:
        lines = [f"{choice['key']} = {choice['label']}" for choice in config.get("choices", [])]
        return {
            "question": config.get("question", ""),
            "content": config.get("content", "text"),
            "choices": "\n".join(lines),
        }

    def clean(self) -> dict:
        data = super().clean() or {}
        if self.errors:
            return data
        raw = {
            **data,
            "choices": [_choice(line) for line in data["choices"].splitlines() if line.strip()],
        }
        try:
            data["config"] = registry.get("choice").check_config(raw)
        except Invalid as refusal:
            self.add_error(
                refusal.field if refusal.field in self.fields else None, refusal.sentence
            )
        return data


def _choice(line: str) -> dict[str, str]:
    key, equals, label = line.partition("=")
    if equals and key.strip() and label.strip():
        return {"key": key.strip(), "label": label.strip()}
    label = line.strip()
    return {"key": label.lower().replace(" ", "_"), "label": label}
