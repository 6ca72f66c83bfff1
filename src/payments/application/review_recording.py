"""The trail of a review that is about no payment of ours: no payment's trail tells of it (ADR 0021)."""

from datetime import datetime
from typing import Final
from uuid import UUID

import attrs

from payments.application.recording import canonical, chain_hash, digest, told
from payments.application.records import ReviewLink, StoredReview
from payments.domain import events as happened
from payments.domain.review import Review

_NOTHING_BEFORE: Final[tuple[ReviewLink, ...]] = ()


def opened_alone(review: Review, *, actor: str, cause: str) -> StoredReview:
    """``review``, about no payment of ours, with the first link of its trail."""
    event = happened.ReviewOpened(kind=review.kind, subject=review.subject, detail=review.detail)
    return _stored(_NOTHING_BEFORE, review, event, actor=actor, cause=cause, at=review.opened_at)


def resolved_alone(
    trail: tuple[ReviewLink, ...],
    review: Review,
    *,
    actor: str,
    cause: str,
    now: datetime,
    evidence_id: UUID | None = None,
) -> StoredReview:
    """``review`` as a person answered it, with the next link of its ``trail``, read under the review's lock.

    ``evidence_id`` names what was attested about the attempt that its money was attached to.
    """
    event = happened.ReviewResolved(
        kind=review.kind,
        subject=review.subject,
        decision=review.decision or "",
        reason=review.reason or "",
    )
    return _stored(trail, review, event, actor=actor, cause=cause, at=now, evidence_id=evidence_id)


def review_digest(review: Review) -> str:
    """SHA-256 over everything that stands in ``review``."""
    return digest(attrs.astuple(review, recurse=False))


def _stored(
    trail: tuple[ReviewLink, ...],
    review: Review,
    event: happened.ReviewOpened | happened.ReviewResolved,
    *,
    actor: str,
    cause: str,
    at: datetime,
    evidence_id: UUID | None = None,
) -> StoredReview:
    link = ReviewLink(
        review_id=review.review_id,
        sequence=len(trail) + 1,
        at=at,
        actor=actor,
        cause=cause,
        events=canonical([told(event)]),
        evidence_id=evidence_id,
        state_digest=review_digest(review),
        previous_hash=trail[-1].hash if trail else "",
        hash="",
    )
    return StoredReview(review=review, link=attrs.evolve(link, hash=chain_hash(link)))
