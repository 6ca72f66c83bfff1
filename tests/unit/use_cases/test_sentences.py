"""Every event has a sentence: whoever asks why is never shown a name of ours instead."""

import types
import typing
from typing import Any
from uuid import UUID

import attrs
import pytest

from payments.application import sentences
from payments.domain import events as happened
from payments.domain.events import Reason, ReviewKind
from payments.domain.money import Money

EVENTS = typing.get_args(happened.Event)

TOLD: dict[Any, list[Any]] = {
    UUID: ["01890a5d-ac96-774b-bcce-b302099a8057"],
    Money: ["10.00 ETB"],
    Reason: [reason.value for reason in Reason],
    ReviewKind: [kind.value for kind in ReviewKind],
    str: ["held"],
    int: [1, 2, 11],
    bool: [False, True],
}
"""How the trail writes each kind of value."""


def spellings(event: type) -> list[dict[str, Any]]:
    """The event as the trail may tell it: each value of one field beside the first ones of the others."""
    hints = typing.get_type_hints(event)
    values = {field.name: _values(hints[field.name]) for field in attrs.fields(event)}
    first = {"event": event.__name__, **{name: given[0] for name, given in values.items()}}
    return [first, *({**first, name: value} for name, given in values.items() for value in given[1:])]


def _values(hint: Any) -> list[Any]:
    if isinstance(hint, types.UnionType):
        return [None, *(value for each in typing.get_args(hint) for value in TOLD.get(each, []))]
    return TOLD[hint]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
def test_it_has_a_sentence(event: type) -> None:
    for told in spellings(event):
        said = sentences.of_event(told)
        assert said
        assert said[0].isupper() or said[0].isdigit()
        assert event.__name__ not in said


def test_nothing_else_has_one() -> None:
    assert set(sentences._EVENTS) == {event.__name__ for event in EVENTS}
