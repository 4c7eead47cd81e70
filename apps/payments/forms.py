"""Amounts that people type, in whole units of the currency."""

from decimal import Decimal
from typing import Any

from django import forms

from apps.core.errors import Invalid
from apps.core.money import SIGNS, Money, decimals
from apps.payments.enums import CorrectionKind
from apps.payments.rules import FUNDING_MAXIMUM, FUNDING_MINIMUM, minor


class AmountForm(forms.Form):
    """`cleaned_data["amount"]` is minor units of `currency`."""

    amount = forms.DecimalField(max_digits=12)

    def __init__(
        self,
        *args: Any,
        currency: str,
        label: str,
        most: int | None = None,
        least: int = 1,
        help_text: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.currency, self.least, self.most = currency, least, most
        field = self.fields["amount"]
        field.label = f"{label} ({currency})"
        field.help_text = help_text
        field.widget.attrs.update(
            {"inputmode": "decimal", "step": str(Decimal(1).scaleb(-decimals(currency)))}
        )

    def clean_amount(self) -> int:
        try:
            amount = minor(self.cleaned_data["amount"], self.currency)
        except Invalid as error:
            raise forms.ValidationError(error.sentence) from error
        if amount < self.least:
            raise forms.ValidationError(f"At least {Money(self.least, self.currency)}.")
        if self.most is not None and amount > self.most:
            raise forms.ValidationError(f"At most {Money(self.most, self.currency)}.")
        return amount


class FundForm(AmountForm):
    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(
            *args,
            currency=currency,
            label="Amount to pay in",
            least=FUNDING_MINIMUM,
            most=FUNDING_MAXIMUM,
            help_text="You pay on Stripe's page. Nothing is booked before Stripe says it is paid.",
            **kwargs,
        )


class RefundForm(AmountForm):
    def __init__(self, *args: Any, currency: str, most: int, **kwargs: Any) -> None:
        super().__init__(
            *args,
            currency=currency,
            label="Amount to refund",
            most=most,
            help_text=f"At most {Money(most, currency)}, back to the payment methods it came from.",
            **kwargs,
        )


class TopUpForm(forms.Form):
    """All three in minor units of `currency` once cleaned."""

    level = forms.DecimalField(max_digits=12)
    amount = forms.DecimalField(max_digits=12)
    monthly_cap = forms.DecimalField(max_digits=12)

    LABELS = {
        "level": "When less than this is free",
        "amount": "pay in",
        "monthly_cap": "and at most this in a month",
    }

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.currency = currency
        for name, label in self.LABELS.items():
            self.fields[name].label = f"{label} ({currency})"
            self.fields[name].widget.attrs.update(
                {"inputmode": "decimal", "step": str(Decimal(1).scaleb(-decimals(currency)))}
            )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        for name in self.LABELS:
            if name in data:
                try:
                    data[name] = minor(data[name], self.currency)
                except Invalid as error:
                    self.add_error(name, error.sentence)
        return data


class PayoutForm(AmountForm):
    """Empty means everything that is payable."""

    amount = forms.DecimalField(max_digits=12, required=False)

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(
            *args,
            currency=currency,
            label="Amount",
            help_text="Leave it empty to be paid everything.",
            **kwargs,
        )

    def clean_amount(self) -> int | None:  # type: ignore[override]
        if self.cleaned_data["amount"] is None:
            return None
        return super().clean_amount()


class GroundsForm(forms.Form):
    """Why, and where another administrator can check it."""

    reason = forms.CharField(label="Reason", widget=forms.Textarea({"rows": 3}))
    evidence = forms.CharField(
        label="Evidence",
        help_text="Where it can be checked: the number of a transfer, of a ticket, of Stripe's.",
        widget=forms.Textarea({"rows": 2}),
    )


class CorrectionForm(GroundsForm):
    """`cleaned_data["amount"]` is minor units of `currency`."""

    kind = forms.ChoiceField(
        label="What is corrected",
        choices=[row for row in CorrectionKind.choices if row[0] != CorrectionKind.REFUND],
    )
    whom = forms.CharField(
        label="Whom",
        max_length=120,
        help_text="A buyer by the short name in its address, a contributor by the e-mail address, "
        "a payout by its number.",
    )
    amount = forms.DecimalField(label="Amount", max_digits=12)
    currency = forms.ChoiceField(label="Currency", choices=[(sign, sign) for sign in SIGNS])

    field_order = ("kind", "whom", "amount", "currency", "reason", "evidence")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if "amount" in data and "currency" in data:
            try:
                data["amount"] = minor(data["amount"], data["currency"])
            except Invalid as error:
                self.add_error("amount", error.sentence)
        return data


class DecisionForm(forms.Form):
    outcome = forms.ChoiceField(
        label="Decision",
        choices=[("approve", "Approve: it is carried out at once"), ("refuse", "Refuse")],
        widget=forms.RadioSelect,
    )
    decision = forms.CharField(label="Written reason", widget=forms.Textarea({"rows": 3}))
