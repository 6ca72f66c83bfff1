"""What Paystack takes in each currency, and money in its subunits (fact sheet, section 2)."""

import re
from collections.abc import Mapping
from typing import Any, Final

from payments.application.ports.providers import Range
from payments.domain.errors import InvalidMoney, ProviderRejected
from payments.domain.money import MAX_MINOR, Currency, Money

SUBUNIT_DIGITS: Final = 2
"""The wire counts hundredths of every currency, also of XOF, whose own minor unit is the whole franc."""

RANGES: Final[Mapping[str, Range]] = {
    code: Range(Money.of(least, code), Money.of(most, code))
    for code, least, most in (
        ("GHS", "0.10", "10000000.00"),
        ("KES", "3.00", "100000000.00"),
        ("NGN", "50.00", "1000000000.00"),
        ("USD", "2.00", "1000000.00"),
        ("XOF", "1", "500000000"),
        ("ZAR", "1.00", "10000000.00"),
    )
}
"""The least is documented. The most is not: ours is about a million dollars, beyond which an order is taken
for a mistake."""

ON_REQUEST: Final[Mapping[str, Range]] = {
    "EUR": Range(Money.of("0.01", "EUR"), Money.of("1000000.00", "EUR"))
}
"""What the sheet says Paystack refuses. It is sent where the settings name it, and Paystack decides."""

REFUSES: Final[Mapping[str, str]] = {
    "EUR": "Paystack itself does not take EUR. A card from the euro area pays in the shop's own currency, and"
    " its bank converts; an order in EUR needs another provider."
}

_WHOLE: Final = re.compile(r"[0-9]{1,18}", re.ASCII)


def subunits(amount: Money) -> int:
    """``amount`` in hundredths, exactly.

    Raises:
        ProviderRejected: the currency's minor unit is finer than a hundredth.
    """
    if amount.currency.exponent > SUBUNIT_DIGITS:
        raise ProviderRejected(f"Paystack does not take {amount}.")
    return amount.minor * _subunits_per_minor(amount.currency)


def money(value: Any, code: Any) -> Money | None:
    """``value`` subunits, a whole number or digits, of the currency called ``code``.

    None when it cannot be read, is not above zero or larger than any amount, or is no whole number of the
    currency's minor units.
    """
    return _money(value, code, exactly=True)


def money_at_most(value: Any, code: Any) -> Money | None:
    """Likewise, without the fraction of a franc that the fees in XOF may leave and Paystack ignores."""
    return _money(value, code, exactly=False)


def _money(value: Any, code: Any, *, exactly: bool) -> Money | None:
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        value = int(value)
    if type(value) is not int or value <= 0:
        return None
    try:
        currency = Currency.of(code)
        if currency.exponent > SUBUNIT_DIGITS:
            return None
        minor, rest = divmod(value, _subunits_per_minor(currency))
        named = 0 < minor <= MAX_MINOR and not (rest and exactly)
        return Money(minor, currency) if named else None
    except InvalidMoney:
        return None


def _subunits_per_minor(currency: Currency) -> int:
    return int(10 ** (SUBUNIT_DIGITS - currency.exponent))
