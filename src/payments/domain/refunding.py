"""Sending money back: pure decisions about refunds (docs/model.md section 9)."""

from datetime import datetime
from typing import Final
from uuid import UUID

import attrs

from payments.domain import events as happened
from payments.domain.capture import Capture
from payments.domain.errors import FieldError, InvalidMoney, InvalidRequest, NothingToRefund, RefundTooLarge
from payments.domain.money import Money
from payments.domain.payment import Change, Payment
from payments.domain.refund import Refund, refundable
from payments.domain.transitions import REFUND, RefundStatus, following

ANSWERED_WITHIN_S: Final = 60.0
"""A request without a recorded answer for this long has lost its process: its outcome is unknown."""


@attrs.frozen(kw_only=True)
class Wanted:
    """A refund that somebody asks for."""

    refund_id: UUID
    reference: str
    """Our own name for it, unique and unguessable: ``r-`` and 26 lower-case base32 characters."""
    amount: Money
    reason: str
    actor: str
    capture_id: UUID | None = None
    """Whose money; None: the capture that settles the payment."""
    awaiting_approval: bool = False
    callback_token_hash: str | None = None


def reserve(payment: Payment, wanted: Wanted, *, now: datetime) -> Change:
    """Set money of one capture aside to go back. Nothing is sent: it is due for that at once.

    Raises:
        NothingToRefund: nobody paid, or the capture it names is none of this payment's.
        InvalidMoney: not the capture's currency, or nothing.
        RefundTooLarge: more than what is left of it, refunds under way counted.
    """
    capture = capture_of(payment, wanted.capture_id)
    if wanted.amount.currency != capture.amount.currency or wanted.amount.minor <= 0:
        remedy = f"Use an amount above zero in {capture.amount.currency.code}."
        raise InvalidMoney(f"{wanted.amount} cannot be refunded.", errors=(FieldError("/amount", remedy),))
    left = refundable(capture, payment.refunds)
    if wanted.amount > left:
        raise RefundTooLarge(
            f"{left} of {capture.amount} is left to refund.",
            errors=(FieldError("/amount", f"Use at most {left.decimal}."),),
            facts={"refundable": left.decimal, "currency": left.currency.code},
        )
    refund = Refund(
        refund_id=wanted.refund_id,
        capture_id=capture.capture_id,
        reference=wanted.reference,
        amount=wanted.amount,
        status=RefundStatus.AWAITING_APPROVAL if wanted.awaiting_approval else RefundStatus.RESERVED,
        reason=wanted.reason,
        actor=wanted.actor,
        created_at=now,
        callback_token_hash=wanted.callback_token_hash,
        next_check_at=None if wanted.awaiting_approval else now,
    )
    reserved = happened.RefundReserved(
        refund_id=refund.refund_id,
        capture_id=refund.capture_id,
        amount=refund.amount,
        reason=refund.reason,
        awaiting_approval=wanted.awaiting_approval,
    )
    return Change(attrs.evolve(payment, refunds=(*payment.refunds, refund), updated_at=now), (reserved,))


def capture_of(payment: Payment, capture_id: UUID | None) -> Capture:
    """The capture called so; without a name the one that settles the payment.

    Raises:
        NothingToRefund: nobody paid.
        InvalidRequest: it is none of this payment's; names ``/capture_id``.
    """
    if capture_id is None:
        if payment.settling_capture is None:
            raise NothingToRefund
        return payment.settling_capture
    for capture in payment.captures:
        if capture.capture_id == capture_id:
            return capture
    remedy = "Name a capture of this payment, or leave it out for the money that settles it."
    raise InvalidRequest(errors=(FieldError("/capture_id", remedy),))


def refund_of(payment: Payment, refund_id: UUID) -> Refund:
    """The refund called so.

    Raises:
        KeyError: it is none of this payment's.
    """
    for refund in payment.refunds:
        if refund.refund_id == refund_id:
            return refund
    raise KeyError(refund_id)


def moved(
    payment: Payment, refund: Refund, event: happened.Event, *, now: datetime, **changes: object
) -> Change:
    """The payment with ``refund`` after ``event`` and ``changes`` of its other fields.

    Raises:
        IllegalTransition: the table has no such edge.
    """
    status = following(REFUND, refund.status, type(event))
    after = attrs.evolve(refund, status=status, **changes)  # type: ignore[arg-type]  # any field, by its name
    refunds = tuple(after if r.refund_id == refund.refund_id else r for r in payment.refunds)
    return Change(attrs.evolve(payment, refunds=refunds, updated_at=now), (event,))
