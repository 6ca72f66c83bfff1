"""The statuses, and the tables (status, event) -> status of docs/model.md section 2. Nothing else.

The diagram in ``docs/states.md``, the enums of the OpenAPI document and the tests come from these tables.
"""

import enum
from collections.abc import Mapping
from typing import Final, TypeVar

from payments.domain import events as happened
from payments.domain.errors import IllegalTransition


class PaymentStatus(enum.Enum):
    """Where a payment stands. ``success`` has no way out."""

    PENDING = "pending"
    PROCESSING = "processing"
    SUCCESS = "success"
    FAILED = "failed"


class AttemptStatus(enum.Enum):
    """Where an attempt stands. The first three are live; ``succeeded`` is absorbing."""

    CLAIMED = "claimed"
    OPEN = "open"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    EXPIRED = "expired"


class Disposition(enum.Enum):
    """What a capture turned out to be."""

    SETTLES = "settles"
    SURPLUS = "surplus"
    HELD = "held"


class RefundStatus(enum.Enum):
    """Where a refund stands. It may fall back from ``succeeded`` when the provider returns it."""

    AWAITING_APPROVAL = "awaiting_approval"
    RESERVED = "reserved"
    REQUESTED = "requested"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


LIVE: Final = frozenset({AttemptStatus.CLAIMED, AttemptStatus.OPEN, AttemptStatus.UNKNOWN})
"""The attempt statuses of which a payment has at most one at a time."""

EventType = type[happened.Event]

PAYMENT: Final[Mapping[tuple[PaymentStatus, EventType], PaymentStatus]] = {
    (PaymentStatus.PENDING, happened.PaymentInitiated): PaymentStatus.PROCESSING,
    (PaymentStatus.PROCESSING, happened.PaymentSucceeded): PaymentStatus.SUCCESS,
    (PaymentStatus.PROCESSING, happened.PaymentFailed): PaymentStatus.FAILED,
    (PaymentStatus.FAILED, happened.PaymentRetried): PaymentStatus.PROCESSING,
}

ATTEMPT: Final[Mapping[tuple[AttemptStatus, EventType], AttemptStatus]] = {
    (AttemptStatus.CLAIMED, happened.CheckoutOpened): AttemptStatus.OPEN,
    (AttemptStatus.CLAIMED, happened.OutcomeLost): AttemptStatus.UNKNOWN,
    (AttemptStatus.UNKNOWN, happened.PayerSeen): AttemptStatus.OPEN,
    (AttemptStatus.FAILED, happened.AttemptReopened): AttemptStatus.OPEN,
    **{(status, happened.AttemptFailed): AttemptStatus.FAILED for status in AttemptStatus if status in LIVE},
    **{
        (status, happened.AttemptExpired): AttemptStatus.EXPIRED for status in AttemptStatus if status in LIVE
    },
    **{
        (status, happened.AttemptSucceeded): AttemptStatus.SUCCEEDED
        for status in AttemptStatus
        if status is not AttemptStatus.SUCCEEDED
    },
}

CAPTURE: Final[Mapping[tuple[Disposition, EventType], Disposition]] = {
    (Disposition.HELD, happened.CaptureAccepted): Disposition.SETTLES,
    (Disposition.HELD, happened.CaptureSurplus): Disposition.SURPLUS,
}

REFUND: Final[Mapping[tuple[RefundStatus, EventType], RefundStatus]] = {
    (RefundStatus.AWAITING_APPROVAL, happened.RefundApproved): RefundStatus.RESERVED,
    (RefundStatus.AWAITING_APPROVAL, happened.RefundFailed): RefundStatus.FAILED,
    (RefundStatus.RESERVED, happened.RefundRequested): RefundStatus.REQUESTED,
    (RefundStatus.RESERVED, happened.RefundFailed): RefundStatus.FAILED,
    (RefundStatus.REQUESTED, happened.RefundSucceeded): RefundStatus.SUCCEEDED,
    (RefundStatus.REQUESTED, happened.RefundFailed): RefundStatus.FAILED,
    (RefundStatus.REQUESTED, happened.RefundOutcomeLost): RefundStatus.UNKNOWN,
    (RefundStatus.UNKNOWN, happened.RefundSucceeded): RefundStatus.SUCCEEDED,
    (RefundStatus.UNKNOWN, happened.RefundFailed): RefundStatus.FAILED,
    (RefundStatus.SUCCEEDED, happened.RefundFailed): RefundStatus.FAILED,
}

_Status = TypeVar("_Status", bound=enum.Enum)


def following(
    table: Mapping[tuple[_Status, EventType], _Status], status: _Status, event: EventType
) -> _Status:
    """The status after an event of this type.

    Raises:
        IllegalTransition: the table has no such edge. That is a defect, never an answer to a caller.
    """
    try:
        return table[status, event]
    except KeyError:
        raise IllegalTransition(f"{event.__name__} cannot follow {status.value}.") from None
