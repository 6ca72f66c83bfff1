"""What initialize accepts, and in which order it complains (fact sheet, sections 2 and 3)."""

import json
import re
from collections.abc import Iterator
from typing import Any

from payments.simulators.paystack import problems
from payments.simulators.paystack.problems import Problem

CHANNELS = (
    "card",
    "bank",
    "apple_pay",
    "ussd",
    "qr",
    "mobile_money",
    "bank_transfer",
    "eft",
    "capitec_pay",
    "payattitude",
)
_MINIMUMS = {"NGN": 5000, "USD": 200, "GHS": 10, "ZAR": 100, "KES": 300, "XOF": 100}
_LARGEST_AMOUNT = 2**53

_EMAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}"
)
_RESERVED_DOMAIN = re.compile(r"\.(?:local|localhost|test|invalid|example)$")
_DIGITS = re.compile(r"[+-]?[0-9]{1,30}")
_FRACTION = re.compile(r"[+-]?[0-9]*\.[0-9]+")
# An underscore was accepted in test mode, though it is not documented.
_REFERENCE = {
    "observed": re.compile(r"[A-Za-z0-9.=_-]+"),
    "documented": re.compile(r"[A-Za-z0-9.=-]+"),
}


def amount_of(value: Any) -> int | Problem:
    """Return the subunits that are meant: a whole number, `100.0` as JSON, or digits as text."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return problems.INVALID_AMOUNT
    text = str(value).strip()
    if isinstance(value, float) or _FRACTION.fullmatch(text):
        return problems.FRACTIONAL_AMOUNT
    if not _DIGITS.fullmatch(text) or not 0 < int(text) <= _LARGEST_AMOUNT:
        return problems.INVALID_AMOUNT
    return int(text)


def complaint(
    fields: dict[str, Any], currencies: tuple[str, ...], *, charset: str, minimums: bool
) -> Problem | None:
    """Return the first thing that is wrong: required, e-mail, amount, currency, then reference."""
    return next(_complaints(fields, currencies, charset=charset, minimums=minimums), None)


def _complaints(
    fields: dict[str, Any], currencies: tuple[str, ...], *, charset: str, minimums: bool
) -> Iterator[Problem]:
    email = fields.get("email")
    if email is None:
        yield problems.required("Email Address")
    if fields.get("amount") is None:
        yield problems.required("Amount")
    if not isinstance(email, str) or not _EMAIL.fullmatch(email) or _RESERVED_DOMAIN.search(email.lower()):
        yield problems.INVALID_EMAIL
    amount = amount_of(fields.get("amount"))
    if isinstance(amount, Problem):
        yield amount
    currency = fields.get("currency") or currencies[0]
    if currency not in currencies:
        yield problems.UNSUPPORTED_CURRENCY
    if minimums and isinstance(amount, int) and amount < _MINIMUMS.get(currency, 0):
        yield problems.INVALID_AMOUNT
    reference = reference_of(fields)
    if reference is not None and not _REFERENCE[charset].fullmatch(reference):
        yield problems.INVALID_REFERENCE


def reference_of(fields: dict[str, Any]) -> str | None:
    """Return the reference a client chose; a number is taken as its digits, anything else fits no charset."""
    reference = fields.get("reference")
    if reference is None or isinstance(reference, str):
        return reference
    return str(reference) if isinstance(reference, int) and not isinstance(reference, bool) else " "


def channels_of(fields: dict[str, Any]) -> tuple[str, ...] | None:
    """Return the channels a client chose; those Paystack does not know are passed over."""
    asked = fields.get("channels")
    if isinstance(asked, str):
        asked = _parsed(asked)
    if not isinstance(asked, list):
        return None
    return tuple(channel for channel in CHANNELS if channel in asked) or None


def metadata_of(fields: dict[str, Any]) -> Any:
    """Return metadata as it is echoed: text of JSON as what it says, numbers inside as text; or None."""
    metadata = fields.get("metadata")
    if isinstance(metadata, str):
        metadata = _parsed(metadata)
    return _numbers_as_text(metadata) if isinstance(metadata, dict | list) else metadata


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _numbers_as_text(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _numbers_as_text(inside) for name, inside in value.items()}
    if isinstance(value, list):
        return [_numbers_as_text(inside) for inside in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value
