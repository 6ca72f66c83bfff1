"""What the policy makes of surplus: a refund in the same commit as the money that arrived."""

from datetime import datetime
from typing import Final
from uuid import UUID

import attrs

from payments.application.records import StoredChange
from payments.domain import events as happened
from payments.domain.events import ReviewKind
from payments.domain.payment import Change
from payments.domain.refund_rules import POLICY_ACTOR
from payments.domain.refunding import Wanted, reserve

DECISION: Final = "refund"
REASON: Final = "by the surplus policy"


def set_aside(change: Change, capture_id: UUID, wanted: Wanted, *, now: datetime) -> Change:
    """``change`` with its surplus set aside, and the question about it decided until the refund ends."""
    reserved = reserve(change.payment, wanted, now=now)
    decided = happened.ReviewDecided(
        kind=ReviewKind.SURPLUS, subject=str(capture_id), decision=DECISION, reason=REASON
    )
    return Change(reserved.payment, (*change.events, *reserved.events, decided))


def with_question_decided(stored: StoredChange, capture_id: UUID, refund_id: UUID) -> StoredChange:
    """The rows of that change, with the question about the surplus opened as a decided one."""
    about = (ReviewKind.SURPLUS, str(capture_id))
    reviews = tuple(
        attrs.evolve(review, decision=DECISION, actor=POLICY_ACTOR, reason=REASON, refund_id=refund_id)
        if (review.kind, review.subject) == about
        else review
        for review in stored.reviews
    )
    return attrs.evolve(stored, reviews=reviews)
