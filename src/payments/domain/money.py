"""Money: whole minor units and the currency they are of."""

import re
from decimal import Decimal
from typing import Final, Self

import attrs

from payments.domain.currencies import EXPONENTS
from payments.domain.errors import FieldError, InvalidMoney

MAX_MINOR: Final = 10**15
"""No amount that somebody states is larger: it keeps every sum of them inside 64-bit columns."""
_MAX_SUM: Final = 2**63 - 1

# ASCII digits only: Decimal() itself would also take "1_000", blanks, exponents and other scripts' digits.
_DECIMAL_TEXT: Final = re.compile(r"(-?)([0-9]{1,18})(?:\.([0-9]{1,18}))?", re.ASCII)


@attrs.frozen
class Currency:
    """An ISO 4217 currency with the digits of its minor unit."""

    code: str
    exponent: int

    @classmethod
    def of(cls, code: object) -> Self:
        """The currency called ``code``, such as ``"ETB"``.

        Raises:
            InvalidMoney: not an ISO 4217 code, or one without a minor unit (gold, test codes).
        """
        exponent = EXPONENTS.get(code) if isinstance(code, str) else None
        if not isinstance(code, str) or exponent is None:
            raise InvalidMoney(
                f"{code!r} is not a currency that money can be paid in.",
                errors=(FieldError("/currency", "Use an ISO 4217 code such as ETB, NGN, KES or GHS."),),
            )
        return cls(code, exponent)

    def __str__(self) -> str:
        return self.code


@attrs.frozen(order=False)
class Money:
    """``minor`` whole minor units (cents, santim, kobo) of ``currency``. There is no default currency."""

    minor: int
    currency: Currency = attrs.field(validator=attrs.validators.instance_of(Currency))

    def __attrs_post_init__(self) -> None:
        # bool is an int to Python, and True birr is nobody's money.
        if type(self.minor) is not int:
            raise InvalidMoney(f"An amount is a whole number of minor units, not {self.minor!r}.")
        if abs(self.minor) > _MAX_SUM:
            raise InvalidMoney(f"An amount beyond {_MAX_SUM} minor units is not kept.")

    @classmethod
    def of(cls, amount: object, currency: object) -> Self:
        """Money from a decimal text (``"1000.00"``) or a ``Decimal``, converted exactly or refused.

        Raises:
            InvalidMoney: a float or bool, digits that are not ASCII, NaN, an exponent, or more digits
                after the point than the currency has (unless they are zeros).
        """
        unit = currency if isinstance(currency, Currency) else Currency.of(currency)
        text = format(amount, "f") if isinstance(amount, Decimal) else amount
        match = _DECIMAL_TEXT.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise _invalid_amount(f"{amount!r} is not an amount.", unit)
        sign, whole, fraction = match[1], match[2], match[3] or ""
        if fraction[unit.exponent :].strip("0"):
            raise _invalid_amount(f"{amount} has more digits than {unit.code} knows.", unit)
        minor = int(whole + fraction[: unit.exponent].ljust(unit.exponent, "0"))
        return cls.stated(-minor if sign else minor, unit)

    @classmethod
    def stated(cls, minor: int, currency: Currency) -> Self:
        """Money that somebody else names in minor units; a sum of such may be larger than any of them.

        Raises:
            InvalidMoney: it is beyond any amount that is taken.
        """
        if abs(minor) > MAX_MINOR:
            raise InvalidMoney(f"An amount beyond {MAX_MINOR} minor units is not taken.")
        return cls(minor, currency)

    @property
    def decimal(self) -> str:
        """The amount as decimal text with exactly the currency's own digits, such as ``"1000.00"``."""
        exponent = self.currency.exponent
        digits = str(abs(self.minor)).rjust(exponent + 1, "0")
        sign = "-" if self.minor < 0 else ""
        return f"{sign}{digits[:-exponent]}.{digits[-exponent:]}" if exponent else f"{sign}{digits}"

    def __str__(self) -> str:
        return f"{self.decimal} {self.currency.code}"

    def __add__(self, other: Self) -> Self:
        return type(self)(self.minor + self._same(other), self.currency)

    def __sub__(self, other: Self) -> Self:
        return type(self)(self.minor - self._same(other), self.currency)

    def __lt__(self, other: Self) -> bool:
        return self.minor < self._same(other)

    def __le__(self, other: Self) -> bool:
        return self.minor <= self._same(other)

    def __gt__(self, other: Self) -> bool:
        return self.minor > self._same(other)

    def __ge__(self, other: Self) -> bool:
        return self.minor >= self._same(other)

    def _same(self, other: Self) -> int:
        if other.currency is not self.currency and other.currency != self.currency:
            raise InvalidMoney(f"{self} and {other} are not of one currency.")
        return other.minor


def zero(currency: Currency) -> Money:
    """No money, of ``currency``."""
    return Money(0, currency)


def _invalid_amount(problem: str, unit: Currency) -> InvalidMoney:
    digits = f"with up to {unit.exponent} digits after the point" if unit.exponent else "without a point"
    return InvalidMoney(
        problem, errors=(FieldError("/amount", f"Use a decimal text in {unit.code} {digits}."),)
    )
