"""Walking an audit trail: where everything must stand if each recorded event is an edge of the tables."""

import functools
import json
from collections.abc import Mapping
from typing import Any, Final

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


# Each promise about a trail reads all of it.
@functools.lru_cache(maxsize=1024)
def events_in(events: bytes) -> tuple[Told, ...]:
    """The events that a link of a trail tells, from their canonical JSON."""
    return tuple(json.loads(events))


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
            IllegalTransition, KeyError: there is no such step.
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
