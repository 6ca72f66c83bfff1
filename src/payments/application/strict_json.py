"""The one reader of JSON that comes from outside: a request, a notice, a provider's answer.

Stricter than RFC 8259 asks, where leniency has hurt payments before: UTF-8 only, no duplicate keys, no NaN or
Infinity, bounded depth, numbers as int or Decimal with bounded digits, no NUL and no lone surrogates.
"""

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any, Final

MAX_DEPTH: Final = 20
MAX_DIGITS: Final = 18
MAX_WHOLE_DIGITS: Final = 20
"""Paystack's numbers are unsigned, of 64 bits (its fact sheet, section 1): the greatest has 20 digits."""

# A text to where it ends, or to the end of everything.
_TEXT: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_BRACKET: Final = re.compile(r"[\[\]{}]")
_NOT_STORABLE: Final = re.compile("[\x00\ud800-\udfff]")


def read(raw: bytes) -> Any:
    """The value written in ``raw``.

    Objects become ``dict``, arrays ``list``, numbers ``int`` or ``Decimal``, never ``float``.

    Raises:
        ValueError: with a sentence that says what is wrong.
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError("It is not UTF-8.") from error
    if text.startswith("\ufeff"):
        raise ValueError("It begins with a byte order mark.")
    _refuse_depth(text)
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"It is not JSON: {error.msg} at character {error.pos}.") from error
    # Unescaped, UTF-8 has no surrogates and JSON no NUL.
    if "\\u" in text:
        _refuse_characters(value)
    return value


def read_object(raw: bytes) -> dict[str, Any]:
    """The JSON object written in ``raw``.

    Raises:
        ValueError: it is not strict JSON, or not an object.
    """
    value = read(raw)
    if not isinstance(value, dict):
        raise ValueError("It is not a JSON object.")  # noqa: TRY004 -- one error for all bad input
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("It names a key twice.")
    return found


def _whole(digits: str) -> int:
    if len(digits.removeprefix("-")) > MAX_WHOLE_DIGITS:
        raise ValueError("It holds a number of too many digits.")
    return int(digits)


def _decimal(digits: str) -> Decimal:
    try:
        number = Decimal(digits)
    except InvalidOperation as error:
        raise ValueError("It holds a number of too many digits.") from error
    exponent = number.as_tuple().exponent
    if len(digits) > 2 * MAX_DIGITS or not isinstance(exponent, int) or abs(exponent) > MAX_DIGITS:
        raise ValueError("It holds a number of too many digits.")
    return number


def _constant(word: str) -> Any:
    raise ValueError(f"{word} is not a JSON number.")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_whole, parse_float=_decimal, parse_constant=_constant
)


def _refuse_depth(text: str) -> None:
    # Before parsing: the parser itself recurses, and its limit depends on the caller's stack.
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for bracket in _BRACKET.findall(_TEXT.sub("", text)):
        if bracket in "]}":
            depth -= 1
            continue
        depth += 1
        if depth > MAX_DEPTH:
            raise ValueError(f"It nests deeper than {MAX_DEPTH} levels.")


def _refuse_characters(value: Any) -> None:
    if isinstance(value, str):
        if _NOT_STORABLE.search(value):
            raise ValueError("It holds a character that cannot be stored.")
    elif isinstance(value, dict):
        for key, inner in value.items():
            _refuse_characters(key)
            _refuse_characters(inner)
    elif isinstance(value, list):
        for inner in value:
            _refuse_characters(inner)
