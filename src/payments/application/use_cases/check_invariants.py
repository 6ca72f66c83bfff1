"""Check the invariants: the promises as predicates, over every payment and every review of none."""

from typing import Final
from uuid import UUID

import attrs

from payments.application.answers import Violation
from payments.application.invariants import Case, violations_of, violations_of_review
from payments.application.ports.clock import Clock
from payments.application.ports.repository import Reads
from payments.application.ports.unit_of_work import UnitOfWork
from payments.domain.capture import Capture
from payments.domain.collection import Collection
from payments.domain.payment import Payment

BATCH: Final = 500


@attrs.frozen
class CheckInvariants:
    """Walk over all payments, then over the reviews of none, and report every broken promise.

    Reads only; safe beside a running service.
    """

    _clock: Clock
    _unit_of_work: UnitOfWork

    async def __call__(self) -> tuple[Violation, ...]:
        """What is broken; empty when nothing is."""
        reads = self._unit_of_work.reads
        found: list[Violation] = []
        holders: dict[int, str] = {}
        last: UUID | None = None
        while batch := await reads.payments_after(last, BATCH):
            for payment in batch:
                found.extend(violations_of(await self._case(reads, payment)))
                found.extend(_money_counted_twice(payment, holders))
            last = batch[-1].payment_id
        return (*found, *await self._reviews_alone(reads))

    async def _reviews_alone(self, reads: Reads) -> list[Violation]:
        """I21, from both ends: reviews whose trail is not whole, and trails whose review is not there."""
        found: list[Violation] = []
        seen: set[UUID] = set()
        last: UUID | None = None
        while batch := await reads.reviews_alone_after(last, BATCH):
            for review in batch:
                found.extend(await self._told(reads, review.review_id))
            last = batch[-1].review_id
            seen.update(review.review_id for review in batch)
        last = None
        while trails := await reads.review_trails_after(last, BATCH):
            for review_id in trails:
                if review_id not in seen:
                    found.extend(await self._told(reads, review_id))
            last = trails[-1]
        return found

    async def _told(self, reads: Reads, review_id: UUID) -> tuple[Violation, ...]:
        # As with payments: what was decided between two reads is read again.
        review = await reads.review(review_id)
        while True:
            trail = await reads.review_trail(review_id)
            present = await reads.review(review_id)
            if present == review:
                return violations_of_review(review_id, review, trail)
            review = present

    async def _case(self, reads: Reads, payment: Payment) -> Case:
        # The records are read first and the payment last: a change between them is seen as a newer payment,
        # read again, and never as a missing record.
        while True:
            case = Case(
                payment=payment,
                evidence=await reads.evidence_of(payment.payment_id),
                messages=await reads.messages_of(payment.payment_id),
                reviews=await reads.reviews_of(payment.payment_id),
                audit=await reads.audit_of(payment.payment_id),
                collections=await self._collections(reads, payment),
                now=self._clock.now(),
            )
            present = await reads.payment(payment.payment_id)
            if present is None or present == payment:
                return case
            payment = present

    async def _collections(self, reads: Reads, payment: Payment) -> tuple[Collection, ...]:
        # Most payments never see a collector, and this walks over all of them.
        if not any(attempt.on_delivery for attempt in payment.attempts):
            return ()
        return await reads.collections_of(payment.payment_id)


def _money_counted_twice(payment: Payment, holders: dict[int, str]) -> list[Violation]:
    """I9: one provider transaction counts for one attempt, over all payments."""
    found = []
    for capture in payment.captures:
        key = _name(capture)
        holder = holders.setdefault(key, capture.reference)
        if holder != capture.reference or sum(_name(other) == key for other in payment.captures) > 1:
            found.append(
                Violation(
                    invariant="I9",
                    subject=str(payment.payment_id),
                    detail=f"The money {capture.key} counts for {holder} and for {capture.reference}.",
                )
            )
    return found


def _name(capture: Capture) -> int:
    # Eight bytes a capture keep a million of them small; the unique index is the guard, this the proof.
    return hash((capture.provider, capture.mode, capture.key))
