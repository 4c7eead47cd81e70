"""Money as integer minor units. The one place where amounts are rounded and written out."""

from collections.abc import Sequence
from dataclasses import dataclass

# ISO 4217 decimals that are not 2.
DECIMALS = {"JPY": 0, "KRW": 0, "CLP": 0, "VND": 0, "KWD": 3, "BHD": 3, "TND": 3}
SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}


@dataclass(frozen=True, slots=True)
class Money:
    """`amount` minor units of `currency`."""

    amount: int
    currency: str

    def __str__(self) -> str:
        return written(self.amount, self.currency)


def decimals(currency: str) -> int:
    return DECIMALS.get(currency, 2)


def written(amount: int, currency: str) -> str:
    """`$1,234.50`; a currency without a sign of its own is named: `1,234.500 KWD`."""
    places = decimals(currency)
    sign = "−" if amount < 0 else ""
    whole, rest = divmod(abs(amount), 10**places)
    number = f"{whole:,}" + (f".{rest:0{places}d}" if places else "")
    symbol = SIGNS.get(currency)
    return f"{sign}{symbol}{number}" if symbol else f"{sign}{number} {currency}"


def half_even(numerator: int, denominator: int) -> int:
    """Numerator ÷ denominator, ties to the even neighbour. Both in integers; denominator > 0."""
    quotient, remainder = divmod(numerator, denominator)
    twice = 2 * remainder
    if twice > denominator or (twice == denominator and quotient % 2):
        return quotient + 1
    return quotient


def ceiling(numerator: int, denominator: int) -> int:
    """Numerator ÷ denominator, upwards: for reserves and floors, which must never fall short."""
    return -(-numerator // denominator)


def shared(amount: int, weights: Sequence[int]) -> list[int]:
    """`amount` in parts by weight that add up to it (largest remainder; ties to the earlier)."""
    total = sum(weights)
    if total <= 0:
        parts = [0] * len(weights)
        if parts:
            parts[0] = amount
        return parts
    parts = [amount * weight // total for weight in weights]
    order = sorted(range(len(weights)), key=lambda i: (-(amount * weights[i] % total), i))
    for i in order[: amount - sum(parts)]:
        parts[i] += 1
    return parts
