"""What a field of a request has to be, in words: nobody who calls has to read a pattern."""

import re
from typing import Any, Final

from msgspec import inspect

_NAME: Final = re.compile(r"\^\[A-Za-z0-9_-\]\{1,([0-9]+)\}\$")
"""The patterns of names that somebody chooses."""
_WORD: Final = re.compile(r"\^\[!-~\]\{1,([0-9]+)\}\$")
"""The patterns of names that providers choose."""


def remedy(shape: Any) -> str:
    """What would be right for a field of ``shape``: a sentence or two, without what was given."""
    return _told(inspect.type_info(shape))


def _told(kind: inspect.Type, about: str = "", example: str = "") -> str:
    match kind:
        case inspect.UnionType(types=types):
            said = _told(next(each for each in types if not isinstance(each, inspect.NoneType)))
        case inspect.Metadata(type=inner, extra_json_schema=known):
            shown = (known or {}).get("examples", ())
            said = _told(inner, (known or {}).get("description", ""), shown[0] if shown else "")
        case inspect.EnumType(cls=choices):
            said = f"Use one of: {', '.join(choice.value for choice in choices)}."
        case inspect.LiteralType(values=words):
            said = f"Use one of: {', '.join(str(word) for word in words if word)}."
        case inspect.IntType(ge=least, le=most):
            said = f"Use a whole number from {least} to {most}."
        case inspect.BoolType():
            said = "Use true or false."
        case inspect.DateTimeType():
            said = "Use a time with its offset, such as 2026-01-31T12:00:00Z."
        case inspect.UUIDType():
            said = f"Use an identifier as we answered it. {about}".rstrip()
        case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item):
            few = "" if kind.min_length is None else f" of {kind.min_length} to {kind.max_length}"
            said = f"Use a list{few}. Of each: {_told(item)}"
        case inspect.StrType():
            said = _text(kind, about, example)
        case _:
            said = about or "Use another value."
    return said


def _text(kind: inspect.StrType, about: str, example: str) -> str:
    name = _NAME.fullmatch(kind.pattern or "")
    if name is not None:
        form = f"Use a text of 1 to {name[1]} letters, digits, _ or -."
    elif (word := _WORD.fullmatch(kind.pattern or "")) is not None:
        form = f"Use a text of 1 to {word[1]} printable ASCII characters without blanks."
    elif kind.max_length is not None and not (kind.pattern and example and kind.min_length is None):
        blanks = ", not only blanks" if kind.pattern else ""
        form = f"Use a text of {kind.min_length or 0} to {kind.max_length} characters{blanks}."
    else:
        form = f"Use a text such as {example}." if example else "Use another text."
    return f"{form} {about}".rstrip()
