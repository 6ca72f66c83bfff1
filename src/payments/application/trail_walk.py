"""Walking an audit trail: where everything must stand if each recorded event is an edge of the tables."""

import enum
import functools
import json
from collections.abc import Mapping
from typing import Any, Final, get_args

import attrs

from payments.domain import events as happened
from payments.domain.transitions import (
    ATTEMPT,
    CAPTURE,
    PAYMENT,
    REFUND,
    AttemptStatus,
    Disposition,
    EventType,
    PaymentStatus,
    RefundStatus,
    following,
)

Told = Mapping[str, Any]
"""One event as the trail tells it."""


def _moving(table: Mapping[tuple[Any, EventType], Any]) -> frozenset[EventType]:
    return frozenset(event for _, event in table)


OF_PAYMENTS: Final = _moving(PAYMENT)
OF_ATTEMPTS: Final = _moving(ATTEMPT)
OF_CAPTURES: Final = _moving(CAPTURE)
OF_REFUNDS: Final = _moving(REFUND)
"""The events that take each of them from one status to the next."""


_FIELDS: Final = {kind.__name__: attrs.fields(kind) for kind in get_args(happened.Event)}


# Each promise about a trail reads all of it.
@functools.lru_cache(maxsize=1024)
def events_in(events: bytes) -> tuple[Told, ...]:
    """The events that a link of a trail tells, from their canonical JSON.

    Raises:
        ValueError: they are none that this service tells.
    """
    told = json.loads(events)
    if not isinstance(told, list) or not all(map(_is_event, told)):
        raise ValueError("These are no events of ours.")
    return tuple(told)


def _is_event(told: object) -> bool:
    name = told.get("event") if isinstance(told, dict) else None
    if not isinstance(told, dict) or not isinstance(name, str) or name not in _FIELDS:
        return False
    return all(
        _fits(told[field.name], field.type)
        if field.name in told
        # An older version may not have told it.
        else field.default is not attrs.NOTHING
        for field in _FIELDS[name]
    )


def _fits(value: object, kind: Any) -> bool:
    if kind in (bool, int):
        return type(value) is kind
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return value in [each.value for each in kind]
    return value is None or isinstance(value, str)


@attrs.define
class TrailWalk:
    """Where a payment and all that belongs to it stand, going by what its audit trail tells."""

    status: PaymentStatus = PaymentStatus.PENDING
    attempts: dict[str, AttemptStatus] = attrs.field(factory=dict)
    captures: dict[str, Disposition] = attrs.field(factory=dict)
    refunds: dict[str, RefundStatus] = attrs.field(factory=dict)
    money_of: dict[str, str] = attrs.field(factory=dict)
    """By refund, the capture whose money it is."""

    def follow(self, told: Told) -> None:
        """Take one step.

        Raises:
            IllegalTransition, KeyError, ValueError: there is no such step.
        """
        kind = getattr(happened, told["event"])
        if kind in OF_PAYMENTS:
            self.status = following(PAYMENT, self.status, kind)
        elif kind in OF_ATTEMPTS:
            reference = told["reference"]
            self.attempts[reference] = following(ATTEMPT, self.attempts[reference], kind)
        elif kind in OF_CAPTURES:
            capture = told["capture_id"]
            self.captures[capture] = following(CAPTURE, self.captures[capture], kind)
        elif kind in OF_REFUNDS:
            refund = told["refund_id"]
            self.refunds[refund] = following(REFUND, self.refunds[refund], kind)
        else:
            self._begin(kind, told)

    def _begin(self, kind: type, told: Told) -> None:
        if kind is happened.AttemptClaimed:
            self.attempts[told["reference"]] = AttemptStatus.CLAIMED
        elif kind is happened.CaptureRecorded:
            self.captures[told["capture_id"]] = Disposition(told["disposition"])
        elif kind is happened.RefundRecorded:
            self.refunds[told["refund_id"]] = RefundStatus.SUCCEEDED
            self.money_of[told["refund_id"]] = told["capture_id"]
        elif kind is happened.RefundReserved:
            waits = told["awaiting_approval"]
            self.refunds[told["refund_id"]] = (
                RefundStatus.AWAITING_APPROVAL if waits else RefundStatus.RESERVED
            )
            self.money_of[told["refund_id"]] = told["capture_id"]
