"""Get a review: one question, what it is about, and what may be decided; for operators."""

import json
from uuid import UUID

import attrs

from payments.application import sentences
from payments.application.answers import ReviewStep, ReviewStory
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.records import ReviewLink
from payments.application.tokens import Tokens
from payments.domain.capture import Capture
from payments.domain.errors import ReviewNotFound
from payments.domain.evidence import Evidence
from payments.domain.payment import Payment
from payments.domain.review import Review
from payments.domain.reviewing import capture_named_by, refund_named_by, ways_out


@attrs.frozen
class GetReview:
    """Read one review with everything a person needs to decide it."""

    _tokens: Tokens
    _unit_of_work: UnitOfWork

    async def __call__(self, review_id: UUID) -> ReviewStory:
        """The review, open or resolved.

        Raises:
            ReviewNotFound: there is none.
        """
        reads = self._unit_of_work.reads
        review = await reads.review(review_id)
        if review is None:
            raise ReviewNotFound
        payment = await reads.payment(review.payment_id) if review.payment_id else None
        if payment is None:
            trail = await reads.review_trail(review_id)
            return attrs.evolve(_told(review, None, ()), trail=tuple(map(_step, trail)))
        return _told(review, self._tokens.shown(payment), await reads.evidence_of(payment.payment_id))


def _told(review: Review, payment: Payment | None, evidence: tuple[Evidence, ...]) -> ReviewStory:
    capture = capture_named_by(payment, review) if payment else None
    refund = refund_named_by(payment, review) if payment else None
    if payment and refund and capture is None:
        capture = next(c for c in payment.captures if c.capture_id == refund.capture_id)
    return ReviewStory(
        review=review,
        ways_out=ways_out(review, payment),
        payment=payment,
        capture=capture,
        refund=refund,
        evidence=tuple(each for each in evidence if _concerns(each, review, capture)),
    )


def _step(link: ReviewLink) -> ReviewStep:
    what = " ".join(map(sentences.of_event, json.loads(link.events)))
    return ReviewStep(at=link.at, actor=link.actor, what=what)


def _concerns(evidence: Evidence, review: Review, capture: Capture | None) -> bool:
    """Whether ``evidence`` is about the review's attempt, or about the attempt that brought its money."""
    names = {review.subject, review.subject.partition(":")[0], capture.reference if capture else None}
    return evidence.reference in names or str(evidence.evidence_id) == review.subject
