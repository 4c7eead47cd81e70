"""What people may type about papers."""

from django import forms
from stdnum import get_cc_module
from stdnum.exceptions import ValidationError as StdnumError

from apps.exports.queries.statements import default_percent, display_currencies
from apps.exports.rules.taxes import EU

WITH_VAT = EU | {"GB", "CH", "NO"}


class StatementChoiceForm(forms.Form):
    set_aside_percent = forms.IntegerField(
        label="To set aside for taxes, in percent",
        required=False,
        min_value=0,
        max_value=100,
    )
    display_currency = forms.ChoiceField(
        label="Show sums in this currency besides",
        required=False,
        help_text="For orientation: the ledger and payouts are never converted here.",
    )

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        percent = self.fields["set_aside_percent"]
        percent.help_text = (
            f"An estimate for yourself; empty is the usual {default_percent()}%. No advice."
        )
        currencies = display_currencies()
        if currencies:
            choices = [("", "None"), *((code, code) for code in currencies)]
            self.fields["display_currency"].choices = choices  # type: ignore[attr-defined]
        else:
            # Without a rate that the operator has entered there is nothing to choose.
            del self.fields["display_currency"]

    def clean(self) -> dict:
        return {"display_currency": "", **(super().clean() or {})}


class BillingForm(forms.Form):
    legal_name = forms.CharField(
        label="Legal name", max_length=200, required=False,
        help_text="Empty: the organization's name.",
    )  # fmt: skip
    address = forms.CharField(
        label="Address", max_length=500, required=False, widget=forms.Textarea(attrs={"rows": 4})
    )
    vat_number = forms.CharField(
        label="VAT number", max_length=20, required=False,
        help_text="With the two letters of its country, such as DE136695976.",
    )  # fmt: skip
    po_number = forms.CharField(label="PO number", max_length=40, required=False)
    cost_centre = forms.CharField(label="Cost centre", max_length=40, required=False)

    def __init__(self, *args: object, country: str, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.country = country

    def clean_vat_number(self) -> str:
        """Compact, with the country's letters. The form of the number only: nobody is asked."""
        typed = self.cleaned_data["vat_number"].strip().upper()
        if not typed:
            return ""
        module = get_cc_module(self.country, "vat") if self.country in WITH_VAT else None
        if module is None:
            raise forms.ValidationError(
                "A VAT number is for organizations in the European Union, the United Kingdom, "
                "Switzerland and Norway; yours is elsewhere."
            )
        try:
            compact = module.validate(typed)
        except StdnumError as error:
            raise forms.ValidationError(
                f"This is no VAT number of {self.country}: check the letters and digits."
            ) from error
        letters = "EL" if self.country == "GR" else self.country
        return compact if compact.startswith(letters) else f"{letters}{compact}"


class ProjectBillingForm(forms.Form):
    po_number = forms.CharField(label="PO number", max_length=40, required=False)
    cost_centre = forms.CharField(label="Cost centre", max_length=40, required=False)
