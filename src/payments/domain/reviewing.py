"""What becomes of reviews once what was decided is done, or cannot be (docs/model.md section 8)."""

from datetime import datetime

import attrs

from payments.domain import events as happened
from payments.domain.events import ReviewKind
from payments.domain.refund import Refund
from payments.domain.review import Review, ReviewState
from payments.domain.transitions import RefundStatus


def after_refund(
    reviews: tuple[Review, ...], refund: Refund, *, now: datetime
) -> tuple[tuple[Review, ...], tuple[happened.Event, ...]]:
    """The reviews that ``refund`` answers as they stand after it ended, and the events that say so.

    A refund that succeeded resolves them; one that failed returns them to the queue. One that has not ended
    changes nothing.
    """
    waiting = [r for r in reviews if r.state is ReviewState.OPEN and r.refund_id == refund.refund_id]
    if refund.status is RefundStatus.SUCCEEDED:
        resolved = tuple(
            attrs.evolve(review, state=ReviewState.RESOLVED, resolved_at=now) for review in waiting
        )
        return resolved, tuple(
            happened.ReviewResolved(
                kind=review.kind,
                subject=review.subject,
                decision=review.decision or "",
                reason=review.reason or "",
            )
            for review in resolved
        )
    if refund.status is RefundStatus.FAILED:
        back = tuple(
            attrs.evolve(review, decision=None, actor=None, reason=None, refund_id=None) for review in waiting
        )
        detail = f"the refund of {refund.amount} failed" + (f": {refund.detail}" if refund.detail else "")
        return back, tuple(
            happened.ReviewReturned(kind=review.kind, subject=review.subject, detail=detail)
            for review in back
        )
    return (), ()


def answered_by(
    reviews: tuple[Review, ...], refund: Refund, *, now: datetime
) -> tuple[tuple[Review, ...], tuple[happened.Event, ...]]:
    """The open questions what became of ``refund``, resolved once it ended, and the events that say so.

    Nobody has to decide any more what the provider has told.
    """
    if refund.status not in (RefundStatus.SUCCEEDED, RefundStatus.FAILED):
        return (), ()
    said = f"the refund {refund.status.value}" + (f": {refund.detail}" if refund.detail else "")
    resolved = tuple(
        attrs.evolve(
            review,
            state=ReviewState.RESOLVED,
            decision="answered",
            actor="system",
            reason=said,
            resolved_at=now,
        )
        for review in reviews
        if review.state is ReviewState.OPEN
        and review.kind is ReviewKind.REFUND_UNKNOWN
        and review.subject == str(refund.refund_id)
    )
    return resolved, tuple(
        happened.ReviewResolved(kind=r.kind, subject=r.subject, decision="answered", reason=said)
        for r in resolved
    )
