"""In which order every store gives out what it keeps: by time, whatever the names of the records are."""

from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from functools import partial

import attrs

from payments.application.ports.repository import Transaction
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.records import Destination, Notice, ReviewQuery
from payments.domain.collection import Collection
from payments.domain.evidence import Evidence
from payments.testing.contracts.keeping_cash import a_collection
from payments.testing.contracts.promises import promise
from payments.testing.contracts.stored import (
    FAILED,
    a_message,
    a_notice,
    a_payment,
    a_review,
    after_s,
    an_attempt,
    change,
    keep,
    numbered,
    some_evidence,
)

MINE = numbered(9, 1)


class TurnsContract(ABC):
    """Records whose names sort otherwise than their times do."""

    @abstractmethod
    def stage(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """A unit of work over an empty store."""

    async def test_the_notices_due_for_longest_are_taken_and_come_as_they_were_received(self) -> None:
        async with self.stage() as units:
            for number, received, due in ((1, 2, 9), (2, 3, 5), (3, 1, 7)):
                notice = a_notice(number, received_at=after_s(received), next_try_at=after_s(due))
                await units.write(partial(_add_notice, notice))
            taken = await units.single.lease_notices(after_s(9), until=after_s(60), token=MINE, limit=2)
            found = [notice.notice_id.int >> 80 for notice in taken]
            promise(f"who waits for longest is not passed over: [3, 2], not {found}.", kept=found == [3, 2])

    async def test_the_messages_due_for_longest_are_taken_and_come_as_they_were_made(self) -> None:
        async with self.stage() as units:
            mails = tuple(
                a_message(
                    number,
                    destination=Destination.PAYER,
                    created_at=after_s(created),
                    next_try_at=after_s(due),
                )
                for number, created, due in ((1, 2, 9), (2, 3, 5), (3, 1, 7))
            )
            await keep(units, a_payment(), messages=mails)
            taken = await units.single.lease_messages(after_s(9), until=after_s(60), token=MINE, limit=2)
            found = [message.sequence for message in taken]
            promise(f"who waits for longest is not passed over: [3, 2], not {found}.", kept=found == [3, 2])

    async def test_notices_and_reviews_are_read_by_their_times(self) -> None:
        async with self.stage() as units:
            times = {1: 3, 2: 1, 3: 2}
            notices = {n: a_notice(n, received_at=after_s(at)) for n, at in times.items()}
            for notice in notices.values():
                await units.write(partial(_add_notice, notice))
            reviews = {n: a_review(n, opened_at=after_s(at)) for n, at in times.items()}
            await keep(units, a_payment(), reviews=tuple(reviews.values()))
            about = await units.reads.notices_about(an_attempt().reference)
            promise(f"notices, oldest first: {about!r}.", kept=about == (notices[2], notices[3], notices[1]))
            of_one = await units.reads.reviews_of(a_payment().payment_id)
            wanted = (reviews[2], reviews[3], reviews[1])
            promise(f"a payment's reviews, oldest first: {of_one!r}.", kept=of_one == wanted)
            first = await units.reads.reviews(ReviewQuery(limit=2))
            promise(f"the queue, newest first, and no more: {first!r}.", kept=first == wanted[:0:-1])

    async def test_what_is_equally_old_comes_by_its_id(self) -> None:
        async with self.stage() as units:
            evidence = {n: some_evidence(n, observed_at=after_s(1)) for n in (3, 1, 2)}
            before = await keep(units, a_payment(attempts=(an_attempt(),)))
            for one in evidence.values():
                after = attrs.evolve(before, version=before.version + 1)
                await change(units, before, after, evidence=one)
                before = after
            for number in (3, 1, 2):
                await units.write(partial(_add_notice, a_notice(number, received_at=after_s(1))))
                collected = a_collection(number, payment_id=before.payment_id, recorded_at=after_s(1))
                await units.write(partial(_add_collection, collected))
            await _reviewed(units)
            reads, payment_id = units.reads, before.payment_id
            found: dict[str, list[int]] = {
                "evidence": _ids(await reads.evidence_of(payment_id)),
                "notices": [n.notice_id.int >> 80 for n in await reads.notices_about(an_attempt().reference)],
                "reviews": [r.review_id.int >> 80 for r in await reads.reviews_of(numbered(1, 2))],
                "collections": _numbers(await reads.collections_of(payment_id)),
                "cash": _numbers(await reads.cash_held(None, 9)),
            }
            for what, numbers in found.items():
                promise(f"{what} of one moment come by id, not {numbers}.", kept=numbers == [1, 2, 3])

    async def test_cash_is_listed_by_the_time_of_its_record(self) -> None:
        async with self.stage() as units:
            payment = await keep(units, a_payment())
            for number, at in ((1, 3), (2, 1), (3, 2)):
                collected = a_collection(number, payment_id=payment.payment_id, recorded_at=after_s(at))
                await units.write(partial(_add_collection, collected))
            held = _numbers(await units.reads.cash_held("rider_7", 9))
            promise(f"what is held for longest comes first, not {held}.", kept=held == [2, 3, 1])
            of_one = _numbers(await units.reads.collections_of(payment.payment_id))
            promise(f"a payment's records come oldest first, not {of_one}.", kept=of_one == [2, 3, 1])
            (held_by,) = await units.reads.cash_held_sums("rider_7")
            promise("the oldest cash has its age told.", kept=held_by.oldest_at == after_s(1))

    async def test_the_oldest_notices_are_emptied_first_whatever_their_names(self) -> None:
        async with self.stage() as units:
            for number, at in ((1, 2), (2, 3), (3, 1)):
                handled = a_notice(
                    number, received_at=after_s(at), handled_at=after_s(at), next_try_at=None, outcome="x"
                )
                await units.write(partial(_add_notice, handled))
            first = await units.write(lambda t: t.erase_notices(after_s(2), limit=1))
            about = await units.reads.notices_about(an_attempt().reference)
            left = [notice.notice_id.int >> 80 for notice in about if notice.sealed]
            promise(f"one notice, the oldest, is emptied; left {left}.", kept=(first, left) == (1, [1, 2]))
            rest = await units.write(lambda t: t.erase_notices(after_s(2), limit=9))
            promise("and then what was received at that very moment.", kept=rest == 1)

    async def test_the_oldest_payers_are_erased_first_and_no_more_than_asked(self) -> None:
        async with self.stage() as units:
            for number, at in ((1, 2), (2, 3), (3, 1)):
                over = an_attempt(number, status=FAILED, phone="254700000000", next_check_at=None)
                await keep(units, a_payment(number, created_at=after_s(at), attempts=(over,)))
            done = await units.write(lambda t: t.erase_people(after_s(9), limit=2))
            known = [p.order_id for p in await units.reads.payments_after(None, 9) if p.attempts[0].phone]
            kept = (done, known) == (2, ["order_2"])
            promise(f"two payers, the oldest, are erased; known {known}.", kept=kept)


async def _reviewed(units: UnitOfWork) -> None:
    """A payment with reviews of one moment."""
    reviews = tuple(a_review(n, payment_id=numbered(1, 2), opened_at=after_s(1)) for n in (3, 1, 2))
    await keep(units, a_payment(2), reviews=reviews)


async def _add_notice(notice: Notice, transaction: Transaction) -> bool:
    return await transaction.add_notice(notice)


async def _add_collection(collection: Collection, transaction: Transaction) -> bool:
    return await transaction.add_collection(collection)


def _ids(evidence: tuple[Evidence, ...]) -> list[int]:
    return [one.evidence_id.int >> 80 for one in evidence]


def _numbers(collections: tuple[Collection, ...]) -> list[int]:
    return [int(collection.collection_id.removeprefix("c-")) for collection in collections]
