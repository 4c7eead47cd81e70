"""Fields that speak the product's units: money in minor units, words as lists."""

from decimal import Decimal
from typing import Any

from django import forms

from apps.core.money import decimals

AMOUNT_MAX = 10**13  # minor units: far below what a bigint holds


class MoneyField(forms.DecimalField):
    """Typed in major units of a currency (`0.40`), an integer of minor units (`40`) inside."""

    def __init__(self, *, currency: str, **options: Any) -> None:
        self.currency = currency
        places = decimals(currency)
        options.setdefault("min_value", 0)
        options.setdefault("max_value", AMOUNT_MAX // 10**places)
        super().__init__(decimal_places=places, **options)
        if "label" in options:
            self.label = f"{options['label']} ({currency})"

    def clean(self, value: Any) -> int | None:
        amount: Decimal | None = super().clean(value)
        return None if amount is None else int(amount.scaleb(decimals(self.currency)))

    def prepare_value(self, value: Any) -> Any:
        """Stored minor units are integers; what a person typed is text and stays as it is."""
        if isinstance(value, int) and not isinstance(value, bool):
            return f"{Decimal(value).scaleb(-decimals(self.currency)):f}"
        return value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)


class WordsField(forms.CharField):
    """Words with commas between them; a list inside."""

    def clean(self, value: Any) -> list[str]:
        text = super().clean(value)
        return list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(map(str, value)) if isinstance(value, list) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)


class FilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """One file or several; a list inside."""

    widget = FilesInput

    def clean(self, data: Any, initial: Any = None) -> list:
        files = data if isinstance(data, (list, tuple)) else [data]
        cleaned = [super(FilesField, self).clean(file, initial) for file in files]
        return [file for file in cleaned if file]


def area(rows: int) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows})
