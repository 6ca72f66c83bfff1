"""Walking an audit trail: where everything must stand if each recorded event is an edge of the tables."""

from typing import Any

import attrs

from payments.domain import events as happened
from payments.domain.transitions import (
    ATTEMPT,
    CAPTURE,
    PAYMENT,
    REFUND,
    AttemptStatus,
    Disposition,
    PaymentStatus,
    RefundStatus,
    following,
)


@attrs.define
class TrailWalk:
    """Where a payment and all that belongs to it stand, going by what its audit trail tells."""

    status: PaymentStatus = PaymentStatus.PENDING
    attempts: dict[str, AttemptStatus] = attrs.field(factory=dict)
    captures: dict[str, Disposition] = attrs.field(factory=dict)
    refunds: dict[str, RefundStatus] = attrs.field(factory=dict)
    money_of: dict[str, str] = attrs.field(factory=dict)
    """By refund, the capture whose money it is."""

    def follow(self, told: dict[str, Any]) -> None:
        """Take one step.

        Raises:
            IllegalTransition, KeyError: there is no such step.
        """
        kind = getattr(happened, told["event"])
        if any(kind is event for _, event in PAYMENT):
            self.status = following(PAYMENT, self.status, kind)
        elif any(kind is event for _, event in ATTEMPT):
            reference = told["reference"]
            self.attempts[reference] = following(ATTEMPT, self.attempts[reference], kind)
        elif any(kind is event for _, event in CAPTURE):
            capture = told["capture_id"]
            self.captures[capture] = following(CAPTURE, self.captures[capture], kind)
        elif any(kind is event for _, event in REFUND):
            refund = told["refund_id"]
            self.refunds[refund] = following(REFUND, self.refunds[refund], kind)
        else:
            self._begin(kind, told)

    def _begin(self, kind: type, told: dict[str, Any]) -> None:
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
