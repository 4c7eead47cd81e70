"""The sections of a draft as forms.

Nothing is required here: a draft is kept when it is incomplete, and the review step says what is
missing. What is refused is only what cannot be read, such as a letter in a price.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.text import slugify

from apps.projects.enums import Layer, Visibility
from apps.projects.forms.fields import MoneyField, WordsField, area
from apps.projects.queries import DECISION_QUESTIONS
from apps.projects.queries.lifts import METRICS, POOL_PERCENT_MAX, SECONDS_MAX
from apps.projects.rules import ALWAYS, REPEAT_PERCENT_MAX, TRIGGERS, Trigger, of_layer
from apps.tasktypes import registry

LEVELS = [(str(n), str(n)) for n in range(1, 6)]


class DraftForm(forms.Form):
    """Knows the currency; `kept()` is what could be read of a posted form."""

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.currency = currency
        self.build()
        for field in self.fields.values():
            field.required = False

    def build(self) -> None:
        """Fields that need the currency."""

    def kept(self) -> dict:
        self.is_valid()
        return {name: self.cleaned_data[name] for name in self.fields if name in self.cleaned_data}


class WorkForm(DraftForm):
    title = forms.CharField(
        max_length=120, help_text="What contributors see on the board. At most 120 characters."
    )
    layer = forms.ChoiceField(
        label="Work layer",
        choices=Layer.choices,
        help_text="The kind of work, one of the seven layers of the compensation map.",
    )
    complexity = forms.ChoiceField(
        label="How complex is the task?",
        choices=LEVELS,
        help_text="1: anybody can do it after reading the instructions. 5: needs long training.",
    )
    consequence = forms.ChoiceField(
        label="What follows from a wrong answer?",
        choices=LEVELS,
        help_text="1: nothing that is noticed. 5: people can come to harm.",
    )
    visibility = forms.ChoiceField(
        choices=[(Visibility.PUBLIC.value, "Public: on the board, for everybody a tier admits")],
        help_text="Projects by invitation and for own staff cannot be published yet.",
    )
    instructions = forms.CharField(
        widget=area(10),
        help_text="Read before the first item; the time of reading is counted and paid.",
    )
    estimate_seconds = forms.IntegerField(
        label="Time of one item in seconds",
        min_value=1,
        max_value=8 * 3600,
        help_text="Your own estimate. Three times as much, at least two minutes, is paid time.",
    )

    @staticmethod
    def initial_of(section: Mapping) -> dict:
        band = section.get("band") or {}
        return {
            "layer": Layer.LABELLING.value,
            "visibility": Visibility.PUBLIC.value,
            **section,
            "complexity": str(band.get("complexity") or "1"),
            "consequence": str(band.get("consequence") or "1"),
        }

    def section(self) -> dict:
        kept = self.kept()
        band = {key: int(kept.pop(key)) for key in ("complexity", "consequence") if kept.get(key)}
        kept.pop("complexity", None)
        kept.pop("consequence", None)
        return {**kept, "band": band}


class TypeForm(DraftForm):
    task_type = forms.ChoiceField(
        label="Task type",
        choices=[],
        help_text="What a contributor does with an item. Its settings follow below.",
    )

    def build(self) -> None:
        types = [(each.name, each.title) for each in registry.all_types()]
        self.fields["task_type"].choices = types  # type: ignore[attr-defined]


class PayForm(DraftForm):
    def build(self) -> None:
        self.fields["base"] = MoneyField(
            currency=self.currency,
            label="Base pay of an accepted item",
            help_text="Net, to the contributor. The platform's fee comes on top of it.",
        )
        self.fields["qualification"] = MoneyField(
            currency=self.currency,
            label="Pay of a qualification item",
            help_text="Paid whether it is passed or failed; it cannot be zero. Bears no fee.",
        )


class RubricLineForm(DraftForm):
    key = forms.SlugField(max_length=40, widget=forms.HiddenInput)
    title = forms.CharField(
        max_length=120, label="Criterion", help_text="What is judged, such as: accuracy."
    )
    weight = forms.IntegerField(
        min_value=1, max_value=100, help_text="How much it counts beside the others, 1 to 100."
    )
    anchor_1 = forms.CharField(
        widget=area(2), label="What a 1 looks like", help_text="An answer that fails here."
    )
    anchor_3 = forms.CharField(
        widget=area(2), label="What a 3 looks like", help_text="An answer that is good enough."
    )
    anchor_5 = forms.CharField(
        widget=area(2), label="What a 5 looks like", help_text="An answer that could not be better."
    )

    @staticmethod
    def initial_of(line: Mapping) -> dict:
        anchors = line.get("anchors") or {}
        return {**line, **{f"anchor_{step}": anchors.get(step, "") for step in ("1", "3", "5")}}

    def line(self) -> dict:
        kept = self.kept()
        return {
            "key": kept.get("key") or key_of(kept.get("title", "")),
            "title": kept.get("title", ""),
            "weight": kept.get("weight") or 1,
            "anchors": {step: kept.get(f"anchor_{step}", "") for step in ("1", "3", "5")},
        }


class PremiumForm(DraftForm):
    key = forms.SlugField(max_length=40, widget=forms.HiddenInput)
    trigger = forms.ChoiceField(
        label="Paid for",
        choices=[],
        initial=ALWAYS,
        help_text="Each trigger says who decides it. It is settled when an item is claimed, so "
        "that the premium is reserved and named before the work starts.",
    )
    label = forms.CharField(
        max_length=120,
        label="Reason in your words",
        help_text="Why it is paid, such as: reports of accidents. Empty: the name of the trigger.",
    )

    def __init__(self, *args: Any, layer: str = "", **kwargs: Any) -> None:
        self.layer = layer
        super().__init__(*args, **kwargs)

    def build(self) -> None:
        self.fields["trigger"].choices = _triggers(self.layer)  # type: ignore[attr-defined]
        self.fields["amount"] = MoneyField(
            currency=self.currency,
            label="Amount an item",
            help_text="Net, on top of the base of every accepted item.",
        )

    @staticmethod
    def initial_of(line: Mapping) -> dict:
        return dict(line)

    def line(self) -> dict:
        kept = self.kept()
        trigger = kept.get("trigger") or ALWAYS
        label = kept.get("label") or TRIGGERS[trigger].label
        return {
            "key": kept.get("key") or key_of(label),
            "label": label,
            "amount": kept.get("amount") or 0,
            "trigger": trigger,
        }


def _triggers(layer: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """Those that the compensation map names for the layer first, then all others."""
    suggested = of_layer(layer)
    rest = [t for t in TRIGGERS.values() if t not in suggested and t.key != ALWAYS]
    name = Layer(layer).label if layer in Layer.values else "Every layer"
    return [
        ("Without a trigger", _choices([TRIGGERS[ALWAYS]])),
        (f"What the compensation map names for {name.lower()}", _choices(suggested)),
        ("Of other work layers", _choices(rest)),
    ]


def _choices(triggers: Sequence[Trigger]) -> list[tuple[str, str]]:
    return [(trigger.key, f"{trigger.label}: {trigger.holds}") for trigger in triggers]


class TierForm(DraftForm):
    key = forms.SlugField(max_length=40, widget=forms.HiddenInput)
    title = forms.CharField(
        max_length=80, label="Name of the tier", help_text="Such as: everybody, or native speakers."
    )
    regions = WordsField(
        help_text="Country codes with commas, such as US, DE. Empty: all countries. The highest "
        "minimum of all of them becomes the pay floor for everybody."
    )
    languages = WordsField(help_text="Language codes with commas, such as en, de. Empty: any.")
    credentials = WordsField(
        help_text="Kinds of verified credentials with commas. They are checked before the "
        "qualification, never after it. Empty: none."
    )
    has_qualification = forms.BooleanField(
        label="A paid qualification opens this tier",
        help_text="Items with a known answer, done as paid work, before the first ordinary item.",
    )
    items = forms.IntegerField(
        label="Qualification: number of items",
        min_value=1,
        max_value=1000,
        help_text="How many items one attempt has; so many must be uploaded with known answers.",
    )
    pass_percent = forms.IntegerField(
        label="Qualification: percent right to pass",
        min_value=1,
        max_value=100,
        help_text="Whoever fails is paid too, sees which answers were wrong and when to retry.",
    )
    seats = forms.IntegerField(
        label="Qualification: funded seats",
        min_value=1,
        max_value=100_000,
        help_text="How many attempts you pay for. They are funded when you publish.",
    )

    @staticmethod
    def initial_of(line: Mapping) -> dict:
        qualification = line.get("qualification")
        return {**line, **(qualification or {}), "has_qualification": bool(qualification)}

    def line(self) -> dict:
        kept = self.kept()
        qualification = {key: kept.get(key) for key in ("items", "pass_percent", "seats")}
        return {
            "key": kept.get("key") or key_of(kept.get("title", "")),
            "title": kept.get("title", ""),
            "regions": [region.upper() for region in kept.get("regions") or []],
            "languages": [language.lower() for language in kept.get("languages") or []],
            "credentials": kept.get("credentials") or [],
            "qualification": qualification if kept.get("has_qualification") else None,
        }


class ItemsForm(DraftForm):
    overlap = forms.IntegerField(
        label="Answers an item",
        min_value=1,
        max_value=1000,
        help_text="How many people answer each item, without seeing each other's answers.",
    )
    overlap_max = forms.IntegerField(
        label="At most, where people disagree",
        required=False,
        min_value=1,
        max_value=1000,
        help_text="After each scoring run items whose label is not sure enough get one answer "
        "more, up to this number, as long as the budget lasts. Empty: no item gets more.",
    )
    gold_percent = forms.IntegerField(
        label="Gold in percent of the volume",
        min_value=0,
        max_value=15,
        help_text="Items with a known answer, mixed in and paid like all others: 5 to 15, or 0. "
        "So much of it meets who is not proven yet.",
    )
    gold_percent_min = forms.IntegerField(
        label="Gold for proven people, in percent",
        required=False,
        min_value=0,
        max_value=15,
        help_text="So much is left when the answers say on which side of the bar somebody stands. "
        "Empty: 5. The same as above: one share for everybody.",
    )
    repeat_percent = forms.IntegerField(
        label="Repeats in percent of what somebody takes",
        required=False,
        min_value=0,
        max_value=REPEAT_PERCENT_MAX,
        help_text="Items that the same person has answered before, given once more to learn how "
        "far people agree with themselves: 0 to 5, and 2 are enough for most. Each is paid like "
        "any item, from the same budget, and is no further answer to its item. Empty: none.",
    )


class ConsentForm(DraftForm):
    purpose = forms.CharField(
        widget=area(3), help_text="What the answers are collected for, in plain words."
    )
    licence = forms.CharField(max_length=300, help_text="Under which licence you use the answers.")
    term = forms.CharField(max_length=300, help_text="For how long, such as: five years.")
    secondary_use = forms.CharField(
        max_length=300, help_text="Uses beyond the purpose, or the word: none."
    )
    withdrawal = forms.CharField(
        widget=area(3), help_text="How a contributor withdraws consent, and what happens then."
    )

    def build(self) -> None:
        self.fields["price_per_use"] = MoneyField(
            currency=self.currency,
            label="Price of a secondary use",
            help_text="What a contributor gets for each of them. Zero if there is none.",
        )
        self.order_fields(
            ["purpose", "licence", "term", "secondary_use", "price_per_use", "withdrawal"]
        )


class DisclosureForm(DraftForm):
    trains = forms.CharField(
        widget=area(3),
        label="What the data trains",
        help_text="Which model or product, and what it does.",
    )
    owners = forms.CharField(
        widget=area(2), label="Who owns the buyer", help_text="Shown on the offer."
    )
    content_warnings = forms.CharField(
        widget=area(2), help_text="What may disturb a reader, or the word: none."
    )


class DecisionForm(DraftForm):
    """The decision file: ten answers about what human judgement is bought."""

    def build(self) -> None:
        for key, question in DECISION_QUESTIONS.items():
            self.fields[key] = forms.CharField(
                label=question,
                widget=area(3),
                max_length=4000,
                help_text="One or two sentences; published with the criteria.",
            )


class LiftForm(DraftForm):
    """Nothing to fill in unless it is on; then only what the buyer wants otherwise."""

    is_on = forms.BooleanField(
        label="Measure lift, and pay a bonus for it",
        help_text="Which work made a model better, with error bars: a model is trained with and "
        "without each contributor's accepted answers and measured on your items with a known "
        "answer, which no model is trained on.",
    )
    recipe = forms.ChoiceField(label="Model", choices=[], help_text="What is trained.")
    metric = forms.ChoiceField(
        label="How models are compared",
        choices=list(METRICS.items()),
        help_text="Where one answer is rare, accuracy hardly moves: take F1 or the Brier score.",
    )
    positive = forms.CharField(
        max_length=60, label="The rare answer", help_text="For F1 alone: the answer it is about."
    )
    pool_percent = forms.IntegerField(
        label="Lift pool in percent of the budget",
        min_value=1,
        max_value=POOL_PERCENT_MAX,
        help_text="Shared at the close by those whose interval lies above zero; what nobody earns "
        "goes back to your wallet.",
    )
    minimum_rows = forms.IntegerField(
        label="Least accepted answers of a contributor",
        min_value=1,
        max_value=100_000,
        help_text="Whoever has fewer is measured together with others like that, and gets no "
        "bonus.",
    )
    seconds_max = forms.IntegerField(
        label="Most computing, in seconds",
        min_value=1,
        max_value=SECONDS_MAX,
        help_text="Over all runs of the project. At the cap a run stops, with wider intervals.",
    )

    def __init__(self, *args: Any, recipes: Mapping[str, str], **kwargs: Any) -> None:
        self.recipes = recipes
        super().__init__(*args, **kwargs)

    def build(self) -> None:
        self.fields["recipe"].choices = list(self.recipes.items())  # type: ignore[attr-defined]


class BudgetForm(DraftForm):
    def build(self) -> None:
        self.fields["amount"] = MoneyField(
            currency=self.currency,
            label="Budget",
            help_text="Moves from the wallet to the project's held funds when you publish.",
        )


def key_of(title: str) -> str:
    return slugify(title)[:40].replace("-", "_")
