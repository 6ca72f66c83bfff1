"""What initialize accepts, and what it says about what it does not (fact sheet 2.1 and 2.3)."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

CURRENCIES = ("ETB", "USD")

_LARGEST_AMOUNT = Decimal(1_000_000)
_SMALLEST_AMOUNT = Decimal(1)
_LONGEST_REFERENCE = 50
_LONGEST_TITLE = 16
_LONGEST_DESCRIPTION = 50

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
# The sheet has seen letters, digits, "-" and "_" work; a dot is let through, anything a path cannot carry
# is not.
_REFERENCE = re.compile(r"[A-Za-z0-9._-]+")
_PHONE_NUMBER = re.compile(r"0[79][0-9]{8}")
_PLAIN_TEXT = re.compile(r"[A-Za-z0-9_. -]*")
_EMAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}"
)
_RESERVED_DOMAIN = re.compile(r"(?:^|\.)(?:example\.(?:com|net|org)|example|test|invalid|localhost)$")

Rule = Callable[[str, Any], str | None]


def amount_of(value: Any) -> Decimal | None:
    """Return the number that is meant, or None.

    `"1e2"`, `"00010.50"` and JSON numbers pass, `"1,000"` does not.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = str(value).strip()
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def field_errors(fields: dict[str, Any]) -> dict[str, list[str]]:
    """Return every complaint about the fields at once, by dotted field name; empty when all is well."""
    errors: dict[str, list[str]] = {}
    for name, rules in _RULES.items():
        value = _at(fields, name)
        if value is None:
            if name in _REQUIRED:
                errors[name] = ["validation.required"]
            continue
        if said := [complaint for rule in rules if (complaint := rule(name, value)) is not None]:
            errors[name] = said
    for name in ("customization", "meta"):
        if fields.get(name) is not None and not isinstance(fields[name], dict | list | str):
            errors[name] = ["validation.array"]
    if isinstance(fields.get("customization"), list | str):
        errors["customization"] = ["validation.array"]
    return errors


def _at(fields: dict[str, Any], dotted: str) -> Any:
    value: Any = fields
    for step in dotted.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _amount(_name: str, value: Any) -> str | None:
    amount = amount_of(value)
    if amount is None:
        return "validation.numeric"
    if amount < _SMALLEST_AMOUNT:
        return "validation.min.numeric"
    return "The amount must not exceed 1000000." if amount > _LARGEST_AMOUNT else None


def _text(_name: str, value: Any) -> str | None:
    return None if isinstance(value, str) else "validation.string"


def _no_longer_than(limit: int) -> Rule:
    def rule(name: str, value: Any) -> str | None:
        if isinstance(value, str) and len(value) > limit:
            return f"The {name.replace('_', ' ')} must not exceed {limit} characters."
        return None

    return rule


def _plain(name: str, value: Any) -> str | None:
    if isinstance(value, str) and not _PLAIN_TEXT.fullmatch(value):
        return f"The {name} may only contain letters, numbers, hyphens, underscores, spaces, and dots"
    return None


def _reference(_name: str, value: Any) -> str | None:
    return None if not isinstance(value, str) or _REFERENCE.fullmatch(value) else "validation.regex"


def _phone_number(_name: str, value: Any) -> str | None:
    return None if _PHONE_NUMBER.fullmatch(str(value)) else "validation.regex"


def _email(_name: str, value: Any) -> str | None:
    if not isinstance(value, str) or not _EMAIL.fullmatch(value):
        return "validation.email"
    return "validation.email" if _RESERVED_DOMAIN.search(value.rpartition("@")[2].lower()) else None


def _url(_name: str, value: Any) -> str | None:
    if not isinstance(value, str):
        return "validation.url"
    try:
        parts = urlsplit(value)
    except ValueError:
        return "validation.url"
    return None if parts.scheme in {"http", "https"} and parts.hostname else "validation.url"


_REQUIRED = frozenset({"amount", "currency", "tx_ref"})
_RULES: dict[str, tuple[Rule, ...]] = {
    "amount": (_amount,),
    "currency": (_text,),
    "tx_ref": (_text, _no_longer_than(_LONGEST_REFERENCE), _reference),
    "email": (_email,),
    "first_name": (_text,),
    "last_name": (_text,),
    "phone_number": (_phone_number,),
    "callback_url": (_url,),
    "return_url": (_url,),
    "customization.title": (_text, _no_longer_than(_LONGEST_TITLE), _plain),
    "customization.description": (_text, _no_longer_than(_LONGEST_DESCRIPTION), _plain),
    "customization.logo": (_url,),
}
