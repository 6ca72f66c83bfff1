"""What every store keeps about refunds that are due, secret addresses, and what people decided."""

import asyncio
from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any
from uuid import UUID

import attrs

from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.records import ReviewQuery
from payments.domain.review import ReviewState
from payments.testing.contracts.promises import promise, promise_to_raise
from payments.testing.contracts.stored import (
    SUCCEEDED,
    a_capture,
    a_payment,
    a_refund,
    a_review,
    after_s,
    an_attempt,
    change,
    keep,
    numbered,
)


class RefundsContract(ABC):
    """Money that goes back, and the people and addresses around it."""

    @abstractmethod
    def stage(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """A unit of work over an empty store."""

    async def test_due_refunds_are_leased_the_most_overdue_first(self) -> None:
        async with self.stage() as units:
            for number, seconds in ((1, 3), (2, 1), (3, None), (4, 2), (5, 9)):
                await _with_refund(units, number, next_check_at=None if seconds is None else after_s(seconds))
            first = await _lease_refunds(units, after_s(3), limit=2)
            wanted = tuple((numbered(1, number), numbered(3, number)) for number in (2, 4))
            promise(f"the most overdue refunds come first: {first}.", kept=first == wanted)
            rest = await _lease_refunds(units, after_s(3))
            promise(f"postponed refunds are not due: {rest}.", kept=[r.int >> 80 for _, r in rest] == [1])
            again = await _lease_refunds(units, after_s(60))
            promise("a postponed refund is due again.", kept=set(wanted) <= set(again))

    async def test_a_refund_that_is_leased_puts_off_no_other_of_its_payment(self) -> None:
        async with self.stage() as units:
            refunds = (a_refund(1, next_check_at=after_s(1)), a_refund(2, next_check_at=after_s(2)))
            of_one = tuple(attrs.evolve(refund, capture_id=numbered(2, 1)) for refund in refunds)
            attempt = an_attempt(status=SUCCEEDED, next_check_at=None)
            await keep(units, a_payment(attempts=(attempt,), captures=(a_capture(),), refunds=of_one))
            leases = [await _lease_refunds(units, after_s(2), limit=1) for _ in range(3)]
            taken = [refund.int >> 80 for lease in leases for _, refund in lease]
            promise(f"each is leased by itself: [1, 2], not {taken}.", kept=taken == [1, 2])

    async def test_many_who_lease_refunds_at_once_get_different_ones(self) -> None:
        async with self.stage() as units:
            for number in range(1, 7):
                await _with_refund(units, number, next_check_at=after_s(1))
            leases = await asyncio.gather(*(_lease_refunds(units, after_s(9), limit=2) for _ in range(5)))
            taken = sorted(refund.int >> 80 for lease in leases for _, refund in lease)
            promise(f"each due refund is leased once: {taken}.", kept=taken == list(range(1, 7)))

    async def test_a_payment_is_found_by_the_secret_address_of_its_attempt_or_refund(self) -> None:
        async with self.stage() as units:
            attempt = an_attempt(1, status=SUCCEEDED, callback_token_hash="a" * 64, page_token_hash="b" * 64)
            paid = await keep(
                units,
                a_payment(
                    1,
                    attempts=(attempt,),
                    captures=(a_capture(1),),
                    refunds=(a_refund(1, callback_token_hash="c" * 64),),
                ),
            )
            await keep(units, a_payment(2, attempts=(an_attempt(2, callback_token_hash="d" * 64),)))
            reads = units.reads
            for token_hash in ("a" * 64, "c" * 64):
                found = await reads.payment_with_callback_token(token_hash)
                promise("a callback token leads to its payment.", kept=found == paid)
            promise(
                "a page's token leads to its payment, and to no other's.",
                kept=await reads.payment_with_page_token("b" * 64) == paid,
            )
            for token_hash in ("b" * 64, "e" * 64, ""):
                found = await reads.payment_with_callback_token(token_hash)
                promise("what is no callback token leads nowhere.", kept=found is None)
            promise(
                "a callback token opens no page.", kept=await reads.payment_with_page_token("a" * 64) is None
            )

    async def test_a_payment_is_found_by_the_reference_of_its_refund(self) -> None:
        async with self.stage() as units:
            attempt = an_attempt(1, status=SUCCEEDED)
            refunded = a_payment(1, attempts=(attempt,), captures=(a_capture(1),), refunds=(a_refund(1),))
            stored = await keep(units, refunded)
            await keep(units, a_payment(2, attempts=(an_attempt(2),)))
            reads = units.reads
            found = await reads.payment_with_refund_reference(a_refund(1).reference)
            promise("a refund's reference leads to its payment.", kept=found == stored)
            for name in (an_attempt(1).reference, "r-unknown", ""):
                found = await reads.payment_with_refund_reference(name)
                promise("what is no refund's reference leads nowhere.", kept=found is None)

    async def test_a_secret_address_is_given_once(self) -> None:
        async with self.stage() as units:
            await keep(units, a_payment(1, attempts=(an_attempt(1, callback_token_hash="a" * 64),)))
            twice = a_payment(2, attempts=(an_attempt(2, callback_token_hash="a" * 64),))
            with promise_to_raise(Exception, "a callback token belongs to one attempt."):
                await keep(units, twice)
            await keep(units, a_payment(3, attempts=(an_attempt(3, page_token_hash="b" * 64),)))
            twice = a_payment(4, attempts=(an_attempt(4, page_token_hash="b" * 64),))
            with promise_to_raise(Exception, "a page's token belongs to one attempt."):
                await keep(units, twice)
            await _with_refund(units, 5, callback_token_hash="c" * 64)
            with promise_to_raise(Exception, "a callback token belongs to one refund."):
                await _with_refund(units, 6, callback_token_hash="c" * 64)

    async def test_a_decision_is_stored_and_a_resolved_review_stays_resolved(self) -> None:
        async with self.stage() as units:
            first = await keep(units, a_payment(), reviews=(a_review(1), a_review(2)))
            second, third = attrs.evolve(first, version=2), attrs.evolve(first, version=3)
            decided = attrs.evolve(
                a_review(1), decision="refund", actor="operator:7", reason="twice", refund_id=numbered(3, 1)
            )
            await change(units, first, second, decided=(decided,))
            promise("a decision is read back.", kept=await units.reads.review(decided.review_id) == decided)
            resolved = attrs.evolve(decided, state=ReviewState.RESOLVED, resolved_at=after_s(5))
            await change(units, second, third, decided=(resolved,))
            for refused in (decided, a_review(9)):
                with promise_to_raise(Exception, "a review resolved, or not there, is not decided."):
                    await change(units, third, attrs.evolve(third, version=4), decided=(refused,))
            promise("a resolved review stays.", kept=await units.reads.review(decided.review_id) == resolved)
            left = await units.reads.reviews(ReviewQuery(limit=10))
            promise(f"a resolved review leaves the queue; left {left!r}.", kept=left == (a_review(2),))
            promise("an unknown review is None.", kept=await units.reads.review(numbered(6, 9)) is None)

    async def test_a_question_may_be_opened_as_a_decided_one(self) -> None:
        async with self.stage() as units:
            opened = attrs.evolve(
                a_review(1), decision="refund", actor="policy:1", reason="by rule", refund_id=numbered(3, 1)
            )
            await keep(units, a_payment(), reviews=(opened,))
            promise(
                "what was decided when a question was opened is read back.",
                kept=await units.reads.review(opened.review_id) == opened,
            )

    async def test_a_change_that_decides_a_resolved_review_is_refused_whole(self) -> None:
        async with self.stage() as units:
            before = await keep(units, a_payment(), reviews=(a_review(1),))
            resolved = attrs.evolve(
                a_review(1),
                state=ReviewState.RESOLVED,
                decision="dismiss",
                actor="operator:7",
                reason="known",
            )
            after = attrs.evolve(before, version=2)
            await change(units, before, after, decided=(resolved,))
            promise(
                "a change decides reviews with it.",
                kept=await units.reads.review(resolved.review_id) == resolved,
            )
            with promise_to_raise(Exception, "of two decisions one is refused."):
                await change(units, after, attrs.evolve(after, version=3), decided=(resolved,))
            found = await units.reads.payment(before.payment_id)
            promise("a refused decision changes nothing.", kept=found == after)


async def _with_refund(units: UnitOfWork, number: int, **changes: Any) -> None:
    attempt = an_attempt(number, status=SUCCEEDED, next_check_at=None)
    refund = a_refund(number, **changes)
    payment = a_payment(number, attempts=(attempt,), captures=(a_capture(number),), refunds=(refund,))
    await keep(units, payment)


async def _lease_refunds(units: UnitOfWork, now: datetime, limit: int = 100) -> tuple[tuple[UUID, UUID], ...]:
    until = after_s(60)
    return await units.single.lease_refunds(now, until=until, limit=limit)
