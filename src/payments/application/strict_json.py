"""The one reader of JSON that comes from outside: a request, a notice, a provider's answer.

Stricter than RFC 8259 asks, where leniency has hurt payments before: UTF-8 only, no duplicate keys, no NaN or
Infinity, bounded depth, numbers as int or Decimal with bounded digits, no NUL and no lone surrogates.
"""

import json
from decimal import Decimal
from typing import Any, Final

MAX_DEPTH: Final = 20
MAX_DIGITS: Final = 18

_WHERE_TEXT_ENDS: Final = '"'


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
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_whole,
            parse_float=_decimal,
            parse_constant=_constant,
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"It is not JSON: {error.msg} at character {error.pos}.") from error
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
    if len(digits) > MAX_DIGITS + 1:
        raise ValueError("It holds a number of too many digits.")
    return int(digits)


def _decimal(digits: str) -> Decimal:
    number = Decimal(digits)
    exponent = number.as_tuple().exponent
    if len(digits) > 2 * MAX_DIGITS or not isinstance(exponent, int) or abs(exponent) > MAX_DIGITS:
        raise ValueError("It holds a number of too many digits.")
    return number


def _constant(word: str) -> Any:
    raise ValueError(f"{word} is not a JSON number.")


def _refuse_depth(text: str) -> None:
    # Before parsing: the parser itself recurses, and its limit depends on the caller's stack.
    depth = 0
    within_text = escaped = False
    for character in text:
        if within_text:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == _WHERE_TEXT_ENDS:
                within_text = False
        elif character == _WHERE_TEXT_ENDS:
            within_text = True
        elif character in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise ValueError(f"It nests deeper than {MAX_DEPTH} levels.")
        elif character in "]}":
            depth -= 1


def _refuse_characters(value: Any) -> None:
    if isinstance(value, str):
        if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise ValueError("It holds a character that cannot be stored.")
    elif isinstance(value, dict):
        for key, inner in value.items():
            _refuse_characters(key)
            _refuse_characters(inner)
    elif isinstance(value, list):
        for inner in value:
            _refuse_characters(inner)
