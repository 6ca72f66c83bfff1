"""Card numbers that arrive where none belongs: found, and taken out before anything is stored.

Thirteen to nineteen digits, with blanks or hyphens between them or without, that begin as payment cards do
and whose last digit is right (ISO/IEC 7812, Luhn). What is part of a longer word or number is none:
references, receipts and instants stay as they are. Other numbers may stand before and after one, a blank
between them: amounts, an expiry date, the three digits on the back.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

MASK: Final = "[card number]"

# Two digits are looked for, and only then what stands before them: so it is found four times as fast.
# In raw JSON the end of a line, or a blank of another kind, stands there as an escape that ends like a word.
_LOOKS_LIKE_ONE: Final = re.compile(
    r"[2-6][0-9](?:(?<![\w.-]..)|(?<=\\[bfnrt]..)|(?<=\\u[0-9a-fA-F]{4}..))"
    r"(?:[ -]?[0-9]){11,17}(?![\w-]|\.[0-9])",
    re.ASCII,
)
_FEWEST_DIGITS: Final = 13
_MASTERCARD: Final = re.compile(r"222[1-9]|22[3-9]|2[3-6]|27[01]|2720")
_MASTERCARD_DIGITS: Final = 16
_OF_ONE_BRAND: Final = 2
_KEPT_DIGITS: Final = 4


def without_card_numbers(text: str, mask: str = MASK) -> str:
    """``text`` for people, each card number replaced by ``mask``."""
    return _replaced(text, lambda _: mask)


def holds_card_number(body: bytes) -> bool:
    """Whether what somebody sent holds one."""
    return any(_found(body.decode("latin-1")))


def emptied(body: bytes) -> bytes:
    """A raw ``body`` whose card numbers keep their first digit and their last four, with 0 for the others.

    It is as long as before, and JSON if it was: a number stays a number.
    """
    return _replaced(body.decode("latin-1"), _zeroed).encode("latin-1")


def _replaced(text: str, by: Callable[[str], str]) -> str:
    if len(text) < _FEWEST_DIGITS or not _LOOKS_LIKE_ONE.search(text):
        return text
    pieces, place = [], 0
    for start, end in _found(text):
        pieces += [text[place:start], by(text[start:end])]
        place = end
    return "".join((*pieces, text[place:]))


def _found(text: str) -> Iterator[tuple[int, int]]:
    """Where each card number begins and ends; of several that begin at one place the longest."""
    place = 0
    while match := _LOOKS_LIKE_ONE.search(text, place):
        start, run = match.start(), match[0]
        blanks = [at for at, character in enumerate(run) if character == " "]
        end = next((end for end in (len(run), *reversed(blanks)) if _is_one(run[:end])), None)
        if end is not None:
            yield start, start + end
        # Where none begins, one may begin after the next blank.
        place = start + (end or (blanks[0] if blanks else len(run)))


def _is_one(text: str) -> bool:
    digits = [int(character) for character in text if character.isdigit()]
    if len(digits) < _FEWEST_DIGITS:
        return False
    # Only one brand begins with a 2, and so do the instants of this century.
    if digits[0] == _OF_ONE_BRAND and not (_MASTERCARD.match(text) and len(digits) == _MASTERCARD_DIGITS):
        return False
    doubled = [
        digit if place % 2 == 0 else sum(divmod(2 * digit, 10)) for place, digit in enumerate(digits[::-1])
    ]
    return sum(doubled) % 10 == 0


def _zeroed(text: str) -> str:
    places = [place for place, character in enumerate(text) if character.isdigit()]
    hidden = set(places[1:-_KEPT_DIGITS])
    return "".join("0" if place in hidden else character for place, character in enumerate(text))
