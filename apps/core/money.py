"""Money as integer minor units. The one place where amounts are rounded and written out."""

from collections.abc import Sequence
from dataclasses import dataclass

# The currencies of ISO 4217 that are money to be spent (no metals, no units of account), by the
# digits after the point of their minor unit.
_BY_DECIMALS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
    2: "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN "
    "BZD CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP "
    "GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD "
    "KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN "
    "NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG "
    "SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH "
    "USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG",
    3: "BHD IQD JOD KWD LYD OMR TND",
}
DECIMALS = {code: places for places, codes in _BY_DECIMALS.items() for code in codes.split()}
ISO_4217 = tuple(sorted(DECIMALS))
SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}


@dataclass(frozen=True, slots=True)
class Money:
    """`amount` minor units of `currency`."""

    amount: int
    currency: str

    def __str__(self) -> str:
        return written(self.amount, self.currency)


def decimals(currency: str) -> int:
    """Digits after the point. Raises KeyError for what is no currency of ISO 4217."""
    return DECIMALS[currency]


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
    """`amount` in parts by weight that add up to it, each less than one unit from its exact share.

    The remainder rule: each part is rounded down, and the units that are left go one by one to the
    parts that were cut most, of equals to the earlier. Without any weight the first takes all. A
    negative amount is shared as the positive one.
    """
    if amount < 0:
        return [-part for part in shared(-amount, weights)]
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
