"""VAT on the platform's fee. The contributors' pay is passed on and bears none here.

Who supplies what: contributors supply the work, and the platform pays them on the buyer's behalf,
so their pay is a pass-through item. The platform supplies its service, and the fee is its price.
The sentences are those of the European VAT directive; the operator's tax adviser has the last word.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from apps.core.money import half_even

EU = frozenset(
    {
        "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE",
        "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tax:
    """`rate` in percent, `amount` in minor units, `sentence` as it stands on the invoice."""

    rate: Decimal
    amount: int
    sentence: str
    is_reverse_charge: bool = False


def tax(
    fee: int, *, operator: str, buyer: str, has_vat_number: bool, rates: Mapping[str, str]
) -> Tax:
    """The tax on a fee of `fee` minor units; `operator` and `buyer` are countries, or ""."""
    if not operator:
        return _none("No VAT is charged: this installation's operator has not said its country.")
    if operator == buyer:
        return _charged(fee, operator, rates)
    if buyer in EU and has_vat_number:
        return Tax(
            Decimal(0),
            0,
            "Reverse charge: VAT is due from the recipient of the service "
            "(Articles 44 and 196 of Directive 2006/112/EC).",
            is_reverse_charge=True,
        )
    if operator in EU and buyer in EU:
        return _charged(fee, operator, rates)
    return _none("Not taxable where the operator is: the service is supplied where its buyer is.")


def _charged(fee: int, country: str, rates: Mapping[str, str]) -> Tax:
    if country not in rates:
        return _none(f"No VAT is charged: there is no rate for {country}.")
    rate = Decimal(rates[country])
    return Tax(rate, half_even(fee * int(rate * 100), 10_000), f"VAT of {rate}% on the fee.")


def _none(sentence: str) -> Tax:
    return Tax(Decimal(0), 0, sentence)
