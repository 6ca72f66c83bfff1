"""A review: a question only a person can answer, in a queue with named ways out."""

import enum
from datetime import datetime
from typing import Final
from uuid import UUID

import attrs

from payments.domain.events import ReviewKind

WENT_BACK: Final = ", and it went back"
"""How the detail of an orphan ends whose money had gone back when it was asked about."""


class ReviewState(enum.Enum):
    """Open, or decided by a person."""

    OPEN = "open"
    RESOLVED = "resolved"


@attrs.frozen(kw_only=True)
class Review:
    """One open per kind and subject. Opening one changes no status."""

    review_id: UUID
    kind: ReviewKind
    subject: str
    payment_id: UUID | None
    detail: str
    opened_at: datetime
    state: ReviewState = ReviewState.OPEN
    decision: str | None = None
    actor: str | None = None
    reason: str | None = None
    resolved_at: datetime | None = None
    refund_id: UUID | None = None
    """The refund that was decided; the review stays open until it succeeded."""
