"""What a change of a refund writes together: the change, and what it answers of the questions to people."""

from datetime import datetime
from uuid import UUID

from payments.application.recording import record
from payments.application.records import StoredChange
from payments.domain.payment import Change, Payment
from payments.domain.refund import Refund
from payments.domain.refunding import refund_of
from payments.domain.review import Review
from payments.domain.reviewing import after_refund, answered_by


def record_refund(
    before: Payment,
    change: Change,
    refund_id: UUID,
    *,
    reviews: tuple[Review, ...],
    actor: str,
    cause: str,
    now: datetime,
) -> StoredChange:
    """All rows of ``change``; ``reviews`` are those of its payment, read once it was locked."""
    if not change.events:
        return record(before, change, actor=actor, cause=cause, now=now)
    refund = refund_of(change.payment, refund_id)
    decided, told = after_refund(reviews, refund, now=now)
    answered, said = answered_by(reviews, refund, now=now)
    return record(
        before,
        Change(change.payment, (*change.events, *told, *said)),
        actor=actor,
        cause=cause,
        now=now,
        decided=(*decided, *answered),
    )


def others_of(payment: Payment, refund: Refund) -> frozenset[str]:
    """Provider references of the other refunds of its capture."""
    return frozenset(
        other.provider_reference
        for other in payment.refunds
        if other.provider_reference
        and other.refund_id != refund.refund_id
        and other.capture_id == refund.capture_id
    )
