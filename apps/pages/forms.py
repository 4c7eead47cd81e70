"""The small form of the live example."""

from collections.abc import Mapping
from decimal import Decimal

from django import forms
from django.conf import settings

from apps.core.regions import COUNTRIES
from apps.pages.rules import Ending, Example, example
from apps.projects.queries.criteria import terms_for
from apps.projects.rules import Kind

CURRENCY = "USD"
# What stands in the form when somebody comes: work that takes longer than was thought.
DEFAULTS = {
    "pay": "0.40",
    "estimate": "60",
    "seconds": "150",
    "kind": str(Kind.WORK),
    "ending": str(Ending.ACCEPTED),
    "region": "",
}


class ExampleForm(forms.Form):
    """Sent with GET; what is not in the address has its default."""

    pay = forms.DecimalField(
        label="Pay for an item, in US dollars",
        min_value=Decimal("0.01"),
        max_value=Decimal(1000),
        decimal_places=2,
    )
    estimate = forms.IntegerField(
        label="Seconds that the buyer thinks it takes", min_value=1, max_value=7200
    )
    seconds = forms.IntegerField(label="Seconds that it took you", min_value=0, max_value=86_400)
    kind = forms.ChoiceField(
        label="Kind of item",
        choices=[(Kind.WORK, "Work"), (Kind.QUALIFICATION, "Qualification for a tier")],
    )
    ending = forms.ChoiceField(
        label="What becomes of it",
        choices=[
            (Ending.ACCEPTED, "Accepted, by a person or by silence"),
            (Ending.REJECTED, "Rejected, in good faith"),
            (Ending.OVERTURNED, "Rejected, and overturned on appeal"),
        ],
    )
    region = forms.ChoiceField(label="The tier is open to", required=False)
    reaches_bar = forms.BooleanField(
        label="Your accuracy reaches the published bar", required=False
    )

    def __init__(self, sent: Mapping[str, str]) -> None:
        super().__init__({**DEFAULTS, **sent})
        floors = settings.WAGEFILE["region_floors"]
        self.fields["region"].choices = [  # type: ignore[attr-defined]
            ("", "All countries"),
            *((code, COUNTRIES[code]) for code in sorted(floors, key=COUNTRIES.__getitem__)),
        ]

    def example(self) -> Example:
        """What the engine computes for a form that is valid."""
        sent = self.cleaned_data
        terms = terms_for(
            base=int(sent["pay"] * 100),
            currency=CURRENCY,
            estimate_seconds=sent["estimate"],
            regions=[sent["region"]] if sent["region"] else [],
        )
        return example(
            terms,
            kind=Kind(sent["kind"]),
            ending=Ending(sent["ending"]),
            seconds=sent["seconds"],
            reaches_bar=sent["reaches_bar"],
        )
