from decimal import Decimal

import iso4217
import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.domain.currencies import EXPONENTS
from payments.domain.errors import FieldError, InvalidMoney
from payments.domain.money import MAX_MINOR, Currency, Money, zero

PAYABLE = sorted(code for code, exponent in EXPONENTS.items() if exponent is not None)


def test_the_table_of_currencies_is_iso_4217_whole() -> None:
    assert {c.code: c.exponent for c in iso4217.Currency} == EXPONENTS


@given(st.integers(-MAX_MINOR, MAX_MINOR), st.sampled_from(PAYABLE))
def test_text_made_from_money_reads_back_as_the_same_money(minor: int, code: str) -> None:
    money = Money(minor, Currency.of(code))
    assert Money.of(money.decimal, code) == money
    assert Money.of(Decimal(money.decimal), code) == money


@given(st.integers(0, 10**12), st.sampled_from(PAYABLE))
def test_text_has_exactly_the_digits_of_the_currency(minor: int, code: str) -> None:
    currency = Currency.of(code)
    fraction = Money(minor, currency).decimal.partition(".")[2]
    assert len(fraction) == currency.exponent


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("1000.00", "ETB", 100000),
        ("0.01", "KES", 1),
        ("5", "NGN", 500),
        ("5.5", "GHS", 550),
        ("1.500", "USD", 150),
        ("100", "JPY", 100),
        ("1.234", "KWD", 1234),
        (Decimal("1E+2"), "ETB", 10000),
    ],
)
def test_amounts_convert_exactly(amount: object, currency: str, minor: int) -> None:
    assert Money.of(amount, currency).minor == minor


@pytest.mark.parametrize(
    "amount",
    [
        "1.001",
        "1_000",
        " 1",
        "1 ",
        "1e3",
        "NaN",
        "-",
        "",
        "+1",
        ".5",
        "5.",
        "\u0661\u0660",  # Arabic-Indic digits, which Decimal() takes
        "1,000.00",
        "9" * 40,
        1.5,
        100,
        True,
        None,
        Decimal("NaN"),
        Decimal("Infinity"),
    ],
)
def test_what_is_no_exact_amount_is_refused_with_the_remedy(amount: object) -> None:
    with pytest.raises(InvalidMoney) as refused:
        Money.of(amount, "ETB")
    assert refused.value.errors[0].pointer == "/amount"
    assert "2 digits" in refused.value.errors[0].detail


@pytest.mark.parametrize(
    ("amount", "currency", "detail", "remedy"),
    [
        (
            "1,5",
            "ETB",
            "'1,5' is not an amount.",
            "Use a decimal text in ETB with up to 2 digits after the point.",
        ),
        (
            True,
            "KWD",
            "True is not an amount.",
            "Use a decimal text in KWD with up to 3 digits after the point.",
        ),
        ("1.5", "JPY", "1.5 has more digits than JPY knows.", "Use a decimal text in JPY without a point."),
        (
            "1.0X",
            "ETB",
            "'1.0X' is not an amount.",
            "Use a decimal text in ETB with up to 2 digits after the point.",
        ),
    ],
)
def test_a_refusal_says_what_was_given_and_what_to_use(
    amount: object, currency: str, detail: str, remedy: str
) -> None:
    with pytest.raises(InvalidMoney) as refused:
        Money.of(amount, currency)
    assert refused.value.detail == detail
    assert refused.value.errors == (FieldError("/amount", remedy),)


def test_a_currency_already_read_is_taken_as_it_is() -> None:
    assert Money.of("1.5", Currency.of("ETB")) == Money.of("1.50", "ETB")


def test_no_money_is_of_a_currency_too() -> None:
    assert zero(Currency.of("KES")) == Money.of("0", "KES")


def test_money_is_read_aloud_with_its_currency() -> None:
    assert [str(Money.of(*said)) for said in (("-0.05", "ETB"), ("7", "JPY"))] == ["-0.05 ETB", "7 JPY"]


@pytest.mark.parametrize("code", ["etb", "XAU", "XTS", "BIR", "", "ET", None, 230, [], "ETB "])
def test_what_is_no_payable_currency_is_refused(code: object) -> None:
    with pytest.raises(InvalidMoney) as refused:
        Currency.of(code)
    assert refused.value.detail == f"{code!r} is not a currency that money can be paid in."
    remedy = "Use an ISO 4217 code such as ETB, NGN, KES or GHS."
    assert refused.value.errors == (FieldError("/currency", remedy),)


@pytest.mark.parametrize("minor", [True, 1.0, "1", 2**63])
def test_minor_units_are_whole_and_bounded(minor: object) -> None:
    with pytest.raises(InvalidMoney, match=r"^An amount "):
        Money(minor, Currency.of("ETB"))  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize("minor", [2**63 - 1, 1 - 2**63])
def test_a_sum_may_be_as_large_as_a_column_keeps(minor: int) -> None:
    assert Money(minor, Currency.of("ETB")).minor == minor


@pytest.mark.parametrize("beyond", [MAX_MINOR + 1, -MAX_MINOR - 1])
def test_no_amount_that_somebody_states_is_larger_than_any_that_is_taken(beyond: int) -> None:
    with pytest.raises(InvalidMoney, match="is not taken"):
        Money.stated(beyond, Currency.of("XOF"))
    with pytest.raises(InvalidMoney, match="is not taken"):
        Money.of(str(beyond), "XOF")


def test_a_sum_may_be_larger_than_any_amount_of_it() -> None:
    largest = Money.stated(MAX_MINOR, Currency.of("ETB"))
    assert (largest + largest).decimal == "20000000000000.00"


def test_money_of_two_currencies_never_mixes() -> None:
    birr, shillings = Money.of("1", "ETB"), Money.of("1", "KES")
    for mix in (lambda: birr + shillings, lambda: birr - shillings, lambda: birr < shillings):
        with pytest.raises(InvalidMoney, match=r"^1\.00 ETB and 1\.00 KES are not of one currency"):
            mix()
    assert birr != shillings


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_sums_and_order_are_those_of_the_minor_units(one: int, other: int) -> None:
    etb = Currency.of("ETB")
    a, b = Money(one, etb), Money(other, etb)
    assert (a + b).minor == one + other
    assert (a - b).minor == one - other
    assert [a < b, a <= b, a > b, a >= b] == [one < other, one <= other, one > other, one >= other]
