"""The kinds of switches: attrs fields with their defaults, whose refusals the switchboard passes on."""

import re
from typing import Any

import attrs
from attrs import validators

from payments.simulators.faults import FAULTS

_AMOUNT = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,18})?")


def flag() -> Any:
    """Return a switch that is off unless it is turned on."""
    return attrs.field(default=False, validator=validators.instance_of(bool))


def one_of(*words: str) -> Any:
    """Return a switch that takes one of the words; the first is the default."""
    return attrs.field(default=words[0], validator=validators.in_(words))


def maybe_text() -> Any:
    """Return a switch that puts a text in the place of the truth."""
    return attrs.field(default=None, validator=validators.optional(validators.instance_of(str)))


def maybe_amount() -> Any:
    """Return a switch that takes an amount, as it is to be written, or nothing."""

    def amount(_instance: object, field: "attrs.Attribute[Any]", value: Any) -> None:
        if value is not None and not (isinstance(value, str) and _AMOUNT.fullmatch(value)):
            raise ValueError(f"{field.name} must be a number as a text, such as 99.50")

    return attrs.field(default=None, validator=amount)


def maybe_number(least: int | None = None) -> Any:
    """Return a switch that takes a whole number, or nothing."""

    def whole(_instance: object, field: "attrs.Attribute[Any]", value: Any) -> None:
        if value is None:
            return
        if isinstance(value, bool) or not isinstance(value, int) or (least is not None and value < least):
            above = "" if least is None else f", {least} or more"
            raise ValueError(f"{field.name} must be a whole number{above}")

    return attrs.field(default=None, validator=whole)


def seconds(default: float) -> Any:
    """Return a switch that takes a time in seconds."""
    return attrs.field(default=default, validator=_seconds)


def maybe_seconds(default: float | None) -> Any:
    """Return a switch that takes a time in seconds; None, where that is the default, means never."""
    return attrs.field(default=default, validator=validators.optional(_seconds))


def copies() -> Any:
    """Return a switch that says how often a thing is sent."""
    between = [validators.instance_of(int), validators.ge(1), validators.le(1000)]
    return attrs.field(default=1, validator=between)


def order_of(*steps: str) -> Any:
    """Return a switch that puts the steps in order, each once."""

    def each_once(_instance: object, field: "attrs.Attribute[Any]", value: tuple[str, ...]) -> None:
        if sorted(value) != sorted(steps):
            raise ValueError(f"{field.name} must name {', '.join(steps)}, each once, in the wanted order")

    return attrs.field(default=steps, converter=tuple, validator=each_once)


def a_fault() -> Any:
    """Return the switch `fault`; see `payments.simulators.faults`."""
    return attrs.field(default="none", validator=validators.in_(FAULTS))


def _seconds(_instance: object, field: "attrs.Attribute[Any]", value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise ValueError(f"{field.name} must be a number of seconds, zero or more")
