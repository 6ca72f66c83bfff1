"""What a change of a refund writes together: the change, and what it answers of the questions to people."""

from datetime import datetime
from uuid import UUID

from payments.application.recording import record
from payments.application.records import StoredChange
from payments.domain.payment import Change, Payment
from payments.domain.refund import Refund
from payments.domain.refunding import refund_of
from payments.domain.review import Review
from payments.domain.reviewing import after_refund, answered_by, linked


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
    """All rows of ``change``; ``reviews`` are those of its payment, read once it was locked.

    A new refund of all that is left of its money decides the open questions about that money.
    """
    if not change.events:
        return record(before, change, actor=actor, cause=cause, now=now)
    refund = refund_of(change.payment, refund_id)
    new = all(known.refund_id != refund_id for known in before.refunds)
    waiting, linking = linked(reviews, change.payment, refund) if new else ((), ())
    reviews = _with(reviews, waiting)
    decided, told = after_refund(reviews, change.payment, refund, now=now)
    answered, said = answered_by(reviews, refund, now=now)
    return record(
        before,
        Change(change.payment, (*change.events, *linking, *told, *said)),
        actor=actor,
        cause=cause,
        now=now,
        # What waits for a refund that has ended in this very change is stored once, as it ended.
        decided=(*(decided or waiting), *answered),
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


def _with(reviews: tuple[Review, ...], changed: tuple[Review, ...]) -> tuple[Review, ...]:
    """``reviews``, those of them that changed as they are now."""
    now = {review.review_id: review for review in changed}
    return tuple(now.get(review.review_id, review) for review in reviews)
