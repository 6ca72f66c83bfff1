"""Check the invariants: the promises as predicates, over every payment and every review of none."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Final, TypeVar
from uuid import UUID

import attrs

from payments.application.answers import Violation
from payments.application.invariants import OF_REVIEWS, Case, violations_of, violations_of_review
from payments.application.ports.clock import Clock
from payments.application.ports.repository import Place, Reads, UnreadableRecord
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.records import Records
from payments.domain.capture import Capture
from payments.domain.payment import Payment
from payments.domain.review import Review

BATCH: Final = 500
OF_TRAILS: Final = "I14"
"""What an edited row of a payment breaks, whatever else it breaks."""

T = TypeVar("T")


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
        async for portion in _portions(reads.payments_after, _payment_id):
            if isinstance(portion, UnreadableRecord):
                found.append(_unreadable(OF_TRAILS, portion.key, portion))
                continue
            cases = await self._cases_together(reads, portion)
            for payment in portion:
                try:
                    case = cases.get(payment.payment_id) or await self._case(reads, payment)
                    found.extend(violations_of(case))
                except UnreadableRecord as unreadable:
                    found.append(_unreadable(OF_TRAILS, str(payment.payment_id), unreadable))
                found.extend(_money_counted_twice(payment, holders))
        return (*found, *await self._reviews_alone(reads))

    async def _reviews_alone(self, reads: Reads) -> list[Violation]:
        """I21, from both ends: reviews whose trail is not whole, and trails whose review is not there."""
        found: list[Violation] = []
        seen: set[str] = set()
        async for review in _walked(reads.reviews_alone_after, _review_id):
            if isinstance(review, UnreadableRecord):
                found.append(_unreadable(OF_REVIEWS, review.key, review))
                seen.add(review.key)
            else:
                found.extend(await self._told(reads, review.review_id))
                seen.add(str(review.review_id))
        async for trail in _walked(reads.review_trails_after, _itself):
            if isinstance(trail, UnreadableRecord):
                found.append(_unreadable(OF_REVIEWS, trail.key, trail))
            elif str(trail) not in seen:
                found.extend(await self._told(reads, trail))
        return found

    async def _told(self, reads: Reads, review_id: UUID) -> tuple[Violation, ...]:
        # As with payments: what was decided between two reads is read again.
        try:
            review = await reads.review(review_id)
            while True:
                trail = await reads.review_trail(review_id)
                present = await reads.review(review_id)
                if present == review:
                    return violations_of_review(review_id, review, trail)
                review = present
        except UnreadableRecord as unreadable:
            return (_unreadable(OF_REVIEWS, str(review_id), unreadable),)

    async def _cases_together(self, reads: Reads, portion: tuple[Payment, ...]) -> dict[UUID, Case]:
        """The cases of a portion by its payments' ids, in few reads: those that nothing changed meanwhile.

        As with one alone, the payments are read again after their records.
        """
        # An id that was edited may stand at the very beginning, before which there is no place.
        before = UUID(int=max(portion[0].payment_id.int - 1, 0))
        try:
            records = await reads.records_of(portion)
            now = self._clock.now()
            present = {each.payment_id: each for each in await reads.payments_after(before, len(portion))}
        except UnreadableRecord:
            return {}
        return {
            payment.payment_id: _case(payment, kept, now)
            for payment, kept in zip(portion, records, strict=True)
            if present.get(payment.payment_id) == payment
        }

    async def _case(self, reads: Reads, payment: Payment) -> Case:
        # The records are read first and the payment last: a change between them is seen as a newer payment,
        # read again, and never as a missing record.
        while True:
            (records,) = await reads.records_of((payment,))
            case = _case(payment, records, self._clock.now())
            present = await reads.payment(payment.payment_id)
            if present is None or present == payment:
                return case
            payment = present


def _case(payment: Payment, records: Records, now: datetime) -> Case:
    return Case(
        payment=payment,
        evidence=records.evidence,
        messages=records.messages,
        reviews=records.reviews,
        audit=records.audit,
        collections=records.collections,
        now=now,
    )


async def _walked(
    read: Callable[[Place, int], Awaitable[tuple[T, ...]]], name: Callable[[T], UUID]
) -> AsyncIterator[T | UnreadableRecord]:
    """All that ``read`` finds, by identifiers; what cannot be read is told in its place."""
    async for portion in _portions(read, name):
        if isinstance(portion, UnreadableRecord):
            yield portion
        else:
            for each in portion:
                yield each


async def _portions(
    read: Callable[[Place, int], Awaitable[tuple[T, ...]]], name: Callable[[T], UUID]
) -> AsyncIterator[tuple[T, ...] | UnreadableRecord]:
    """All that ``read`` finds, by identifiers, some at a time; what cannot be read is told in its place."""
    place: Place = None
    limit = BATCH
    while True:
        try:
            batch = await read(place, limit)
        except UnreadableRecord as unreadable:
            # It is somewhere in the batch: step by step it comes first, and can be stepped over.
            if limit > 1:
                limit = 1
                continue
            yield unreadable
            place, limit = unreadable.key, BATCH
            continue
        if not batch:
            return
        yield batch
        place = name(batch[-1])


def _payment_id(payment: Payment) -> UUID:
    return payment.payment_id


def _review_id(review: Review) -> UUID:
    return review.review_id


def _itself(review_id: UUID) -> UUID:
    return review_id


def _unreadable(invariant: str, subject: str, unreadable: UnreadableRecord) -> Violation:
    return Violation(invariant=invariant, subject=subject, detail=str(unreadable))


def _money_counted_twice(payment: Payment, holders: dict[int, str]) -> list[Violation]:
    """I9: one provider transaction counts for one attempt, over all payments."""
    found = []
    for capture in payment.captures:
        for name in sorted(capture.names):
            key = _known_as(capture, name)
            holder = holders.setdefault(key, capture.reference)
            times = sum(_known_as(other, each) == key for other in payment.captures for each in other.names)
            if holder != capture.reference or times > 1:
                found.append(
                    Violation(
                        invariant="I9",
                        subject=str(payment.payment_id),
                        detail=f"The money {name} counts for {holder} and for {capture.reference}.",
                    )
                )
    return found


def _known_as(capture: Capture, name: str) -> int:
    # Eight bytes a name keep a million of them small; the unique index is the guard, this the proof.
    return hash((capture.provider, capture.mode, name))
