"""Rounding and sharing, for all amounts."""

from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from apps.core import money
from apps.core.errors import Invalid
from apps.payments.rules import minor
from apps.projects.forms.fields import MoneyField

amounts = st.integers(min_value=0, max_value=10**12)
weights = st.lists(st.integers(min_value=0, max_value=10**6), min_size=1, max_size=40)


@given(amounts, weights)
def test_shares_add_up_and_are_fair(amount, weights):
    parts = money.shared(amount, weights)
    assert sum(parts) == amount
    assert all(part >= 0 for part in parts)
    total = sum(weights)
    if total:
        for part, weight in zip(parts, weights, strict=True):
            assert abs(part - Fraction(amount * weight, total)) < 1
            assert weight or part == 0


def test_the_rest_goes_to_the_largest_remainder_and_then_to_the_earlier():
    assert money.shared(100, [1, 1, 1]) == [34, 33, 33]
    assert money.shared(10, [1, 2, 4]) == [1, 3, 6]
    assert money.shared(7, []) == []


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**6))
def test_half_even_is_that_of_decimal(numerator, denominator):
    exact = Fraction(numerator, denominator)
    found = money.half_even(numerator, denominator)
    assert abs(found - exact) <= Fraction(1, 2)
    if abs(found - exact) == Fraction(1, 2):
        assert found % 2 == 0


@given(st.integers(-(10**9), 10**9))
def test_half_even_of_halves(numerator):
    expected = (Decimal(numerator) / 2).to_integral_value(ROUND_HALF_EVEN)
    assert money.half_even(numerator, 2) == expected


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**6))
def test_a_ceiling_never_falls_short(numerator, denominator):
    found = money.ceiling(numerator, denominator)
    assert 0 <= found - Fraction(numerator, denominator) < 1


@given(st.integers(-(10**12), 10**12), st.sampled_from(["USD", "EUR", "JPY", "KWD", "CHF"]))
def test_a_written_amount_says_the_amount(amount, currency):
    text = money.written(amount, currency)
    digits = "".join(character for character in text if character.isdigit())
    assert int(digits) == abs(amount)
    assert text.startswith("−") == (amount < 0)


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (123_450, "USD", "$1,234.50"),
        (5, "EUR", "€0.05"),
        (1_200, "JPY", "¥1,200"),
        (1_234_500, "KWD", "1,234.500 KWD"),
        (-1, "GBP", "−£0.01"),
    ],
)
def test_amounts_as_people_read_them(amount, currency, text):
    assert str(money.Money(amount, currency)) == text


def test_a_hundred_contributors_who_share_a_cent_lose_and_invent_nothing():
    parts = money.shared(1, [1] * 100)
    assert (sum(parts), parts.count(1), parts.count(0)) == (1, 1, 99)
    assert parts == money.shared(1, [1] * 100), "who gets it does not change from run to run"


@given(st.integers(1, 10**9), weights)
def test_what_is_taken_back_is_shared_as_it_was_given(amount, weights):
    assert money.shared(-amount, weights) == [-part for part in money.shared(amount, weights)]


THREE = st.sampled_from(["JPY", "USD", "KWD", "BHD"])


@pytest.mark.parametrize(("currency", "places"), [("JPY", 0), ("USD", 2), ("KWD", 3), ("BHD", 3)])
def test_a_currency_has_its_decimals(currency, places):
    assert money.decimals(currency) == places


def test_what_is_no_currency_has_none():
    with pytest.raises(KeyError):
        money.decimals("XXX")


@given(st.integers(0, 10**10), THREE)
def test_a_typed_amount_comes_back_as_it_was_written(amount, currency):
    field = MoneyField(currency=currency)
    assert field.clean(field.prepare_value(amount)) == amount
    typed = Decimal(amount).scaleb(-money.decimals(currency))
    assert minor(typed, currency) == amount


@given(st.integers(1, 10**6), THREE)
def test_more_decimals_than_a_currency_has_are_refused(amount, currency):
    finer = Decimal(amount * 10 + 1).scaleb(-money.decimals(currency) - 1)
    with pytest.raises(ValidationError):
        MoneyField(currency=currency).clean(f"{finer:f}")
    with pytest.raises(Invalid):
        minor(finer, currency)
