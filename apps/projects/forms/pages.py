"""Forms of the pages around the wizard: creating, uploading, running."""

from typing import Any

from django import forms

from apps.organizations.models import Organization
from apps.projects.enums import AnnotatorKind, ItemPurpose, ItemState
from apps.projects.forms.fields import FilesField, MoneyField


class CreateForm(forms.Form):
    org = forms.ModelChoiceField(
        queryset=Organization.objects.none(),
        label="Organization",
        empty_label=None,
        help_text="Whose project it is and whose wallet pays.",
    )
    title = forms.CharField(
        max_length=120,
        help_text="What contributors will see on the board. You can change it later.",
    )

    def __init__(self, *args: Any, organizations: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["org"].queryset = organizations  # type: ignore[attr-defined]


class UploadForm(forms.Form):
    file = forms.FileField(
        label="File of items",
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.jsonl,.ndjson,.parquet"}),
        help_text="CSV with a header line, JSONL or Parquet, up to 1,000,000 rows.",
    )
    purpose = forms.ChoiceField(
        choices=[
            (ItemPurpose.WORK.value, "Work: the items that you want answered"),
            (ItemPurpose.QUALIFICATION.value, "Qualification: items with known answers"),
        ],
        label="What the items are for",
        help_text="Qualification items need the column gold.",
    )


class AnswersForm(forms.Form):
    file = forms.FileField(
        label="File of answers",
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.jsonl,.ndjson,.parquet"}),
        help_text="CSV with a header line, JSONL or Parquet, with the columns item_id, annotator "
        "and answer.",
    )
    kind = forms.ChoiceField(
        choices=AnnotatorKind.choices,
        label="Who gave them",
        help_text="A model was trained; a labelling function is a rule that somebody wrote. Both "
        "are marked in every result.",
    )
    tokens = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=10**9,
        label="Tokens of an answer",
        help_text="Of a model: on average, what it read and wrote. With the price it says whether "
        "people were needed at equal cost.",
    )

    def __init__(self, *args: Any, currency: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["price"] = MoneyField(
            currency=currency,
            required=False,
            label="Price of a million tokens",
            help_text="What you pay for the model.",
        )


class PicturesForm(forms.Form):
    pictures = FilesField(
        label="Pictures",
        help_text="PNG, JPEG, WebP or GIF files, or zip files of them. They are re-encoded without "
        "their metadata; items name them in the column image.",
    )


class ItemFilterForm(forms.Form):
    q = forms.CharField(
        required=False, label="Item id", max_length=200, help_text="The beginning of an item's id."
    )
    purpose = forms.ChoiceField(
        required=False,
        choices=[("", "All"), *ItemPurpose.choices],
        help_text="Work or qualification.",
    )
    state = forms.ChoiceField(
        required=False,
        choices=[("", "All"), *ItemState.choices],
        help_text="Whether it is given out.",
    )
    gold = forms.ChoiceField(
        required=False,
        choices=[("", "All"), ("yes", "With a known answer"), ("no", "Without")],
        label="Gold",
        help_text="Whether the right answer is known.",
    )


class TopUpForm(forms.Form):
    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["amount"] = MoneyField(
            currency=currency,
            min_value=0,
            label="Amount",
            help_text="Moves from the wallet to the project's held funds at once.",
        )


class ExtendForm(forms.Form):
    overlap = forms.IntegerField(
        label="Answers an item",
        min_value=1,
        max_value=1000,
        help_text="How many people answer each item from now on. It can only grow.",
    )
