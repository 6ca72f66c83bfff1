"""The reader of JSON against the plain one it was made faster from: the same value or the same refusal."""

import json
from decimal import Decimal, InvalidOperation
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from payments.application import strict_json
from payments.application.strict_json import MAX_DEPTH, MAX_DIGITS, MAX_WHOLE_DIGITS


def read_plainly(raw: bytes) -> Any:
    """Looks at each character, of the text and of what it holds."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError("It is not UTF-8.") from error
    if text.startswith("\ufeff"):
        raise ValueError("It begins with a byte order mark.")
    refuse_depth(text)
    try:
        value = json.loads(
            text,
            object_pairs_hook=named_once,
            parse_int=whole,
            parse_float=decimal,
            parse_constant=constant,
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"It is not JSON: {error.msg} at character {error.pos}.") from error
    refuse_characters(value)
    return value


def named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("It names a key twice.")
    return found


def whole(digits: str) -> int:
    if len(digits.removeprefix("-")) > MAX_WHOLE_DIGITS:
        raise ValueError("It holds a number of too many digits.")
    return int(digits)


def decimal(digits: str) -> Decimal:
    try:
        number = Decimal(digits)
    except InvalidOperation as error:
        raise ValueError("It holds a number of too many digits.") from error
    exponent = number.as_tuple().exponent
    if len(digits) > 2 * MAX_DIGITS or not isinstance(exponent, int) or abs(exponent) > MAX_DIGITS:
        raise ValueError("It holds a number of too many digits.")
    return number


def constant(word: str) -> Any:
    raise ValueError(f"{word} is not a JSON number.")


def refuse_depth(text: str) -> None:
    depth = 0
    within_text = escaped = False
    for character in text:
        if within_text:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == '"':
                within_text = False
        elif character == '"':
            within_text = True
        elif character in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise ValueError(f"It nests deeper than {MAX_DEPTH} levels.")
        elif character in "]}":
            depth -= 1


def refuse_characters(value: Any) -> None:
    if isinstance(value, str):
        if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise ValueError("It holds a character that cannot be stored.")
    elif isinstance(value, dict):
        for key, inner in value.items():
            refuse_characters(key)
            refuse_characters(inner)
    elif isinstance(value, list):
        for inner in value:
            refuse_characters(inner)


def told(read: Any, raw: bytes) -> str:
    try:
        # repr tells 1 from True and from Decimal("1"), and the order of keys.
        return repr(read(raw))
    except ValueError as error:
        return f"refused: {error}"


TEXTS = st.text(max_size=6) | st.sampled_from(["\ud83d\ude00", "[" * 25, '"', "\\", '\\"', "\x00", "\u2028"])
NUMBERS = (
    st.integers()
    | st.floats()
    | st.sampled_from([10**17, 10**18, 10**19, 10**20, -(10**19), -(10**20), 1e-30, 1e30])
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
# What a scanner trips over, in any order: most of it is no JSON at all.
PIECES = st.lists(
    st.sampled_from([*'[]{},:"\\ 09-.eE\n\t\x00\ufeffé', "[" * 20, "]" * 20, "9" * 19, "9" * 20])
    | st.sampled_from([r"\u0000", r"\ud800", r"\udfff", r"\ud83d\ude00", r"\u00", r"\"", r"\\"])
    | st.sampled_from(['"a"', '{"a":', "true", "null", "NaN", "-Infinity", "1e19"]),
    max_size=14,
).map("".join)


@given(VALUES, st.booleans(), st.integers(0, 25))
def test_a_value_is_read_as_by_the_plain_reader(value: Any, ascii_only: bool, wrapped: int) -> None:  # noqa: FBT001 -- hypothesis gives it
    raw = ("[" * wrapped + json.dumps(value, ensure_ascii=ascii_only) + "]" * wrapped).encode(
        "utf-8", "surrogatepass"
    )
    assert told(strict_json.read, raw) == told(read_plainly, raw)


@given(PIECES)
@example('"\\')
@example("[" * 21)
@example("1e1999999999999999999")
@example('"' + "[" * 21)
@example('"\\"' + "[" * 21 + '"')
@example('"\\\\"' + "[" * 21)
@example("[]" * 21)
@example('"a\n' + "[" * 21 + '"')
@example(']"' + "[" * 30)
@example("[" * 10 + "[]," + "[" * 11 + "]" * 21)
@example('["\\u0000"]')
@example('{"\\udc00": 1}')
@example('["\x00"]')
def test_whatever_is_no_value_is_refused_with_the_plain_readers_words(text: str) -> None:
    raw = text.encode()
    assert told(strict_json.read, raw) == told(read_plainly, raw)


@given(st.binary(max_size=30))
def test_any_bytes_are_judged_as_by_the_plain_reader(raw: bytes) -> None:
    assert told(strict_json.read, raw) == told(read_plainly, raw)


@pytest.mark.parametrize("unit", ['"' + "\\" * 3, '"\\"', '["', '"\\u'])
def test_a_body_that_never_ends_a_text_takes_no_longer_than_its_length_allows(unit: str) -> None:
    """A pattern that goes back over what it read would take hours over a megabyte."""
    raw = ("[" * 20 + unit * (1_000_000 // len(unit))).encode()
    with pytest.raises(ValueError, match="It "):
        strict_json.read(raw)


def test_a_number_of_64_bits_is_read_and_one_of_any_length_is_refused_before_it_is_one() -> None:
    greatest = 2**64 - 1
    assert strict_json.read(b'{"id":%d}' % greatest) == {"id": greatest}
    for digits in (b"1" * 21, b"-" + b"1" * 21, b"9" * 1_000_000):
        with pytest.raises(ValueError, match="too many digits"):
            strict_json.read(b'{"id":' + digits + b"}")
