"""A refund of one capture, and what may still be refunded."""

from datetime import datetime
from typing import Final
from uuid import UUID

import attrs

from payments.domain.capture import Capture
from payments.domain.money import Money, zero
from payments.domain.transitions import RefundStatus

PENDING = frozenset(
    {
        RefundStatus.AWAITING_APPROVAL,
        RefundStatus.RESERVED,
        RefundStatus.REQUESTED,
        RefundStatus.UNKNOWN,
    }
)
"""Refunds that hold their amount back although the money has not gone yet, or perhaps has."""
_WENT: Final = frozenset({RefundStatus.SUCCEEDED})


@attrs.frozen(kw_only=True)
class Refund:
    """Money of one capture that goes back, or went back at the provider without us."""

    refund_id: UUID
    capture_id: UUID
    reference: str
    """Our refund reference, unique."""
    amount: Money
    status: RefundStatus
    reason: str
    actor: str
    created_at: datetime
    approver: str | None = None
    provider_reference: str | None = None
    callback_token_hash: str | None = None
    requested_at: datetime | None = None
    """When the request to the provider was committed; None before that, and for refunds taken in."""
    next_check_at: datetime | None = None
    """When it is looked at next: sent, or asked about. None: it waits for nobody but a person, or ended."""
    detail: str = ""
    """What the provider said last, in words for the shop; or empty."""


def refunded(capture: Capture, refunds: tuple[Refund, ...]) -> Money:
    """How much of ``capture`` went back for certain."""
    return _sum(capture, refunds, _WENT)


def reserved(capture: Capture, refunds: tuple[Refund, ...]) -> Money:
    """How much of ``capture`` is held back by refunds that have not ended."""
    return _sum(capture, refunds, PENDING)


def refundable(capture: Capture, refunds: tuple[Refund, ...]) -> Money:
    """How much of ``capture`` may still be refunded."""
    return capture.amount - refunded(capture, refunds) - reserved(capture, refunds)


def failed_since(before: tuple[Refund, ...], now: tuple[Refund, ...]) -> bool:
    """Whether a refund that its provider had been asked for failed after ``before`` was read.

    What the provider said in between of money that went back may have counted that refund.
    """
    known = {refund.refund_id for refund in before if refund.status is RefundStatus.FAILED}
    return any(
        refund.status is RefundStatus.FAILED
        and refund.requested_at is not None
        and refund.refund_id not in known
        for refund in now
    )


def _sum(capture: Capture, refunds: tuple[Refund, ...], statuses: frozenset[RefundStatus]) -> Money:
    total = zero(capture.amount.currency)
    for refund in refunds:
        if refund.capture_id == capture.capture_id and refund.status in statuses:
            total += refund.amount
    return total
