"""What every unit of work keeps: all or nothing, seen by nobody before, and one after the other."""

import asyncio
from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager, suppress

import attrs

from payments.application.ports.repository import Transaction
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.records import StoredChange
from payments.domain.payment import Payment
from payments.testing.contracts.promises import promise, promise_to_raise
from payments.testing.contracts.stored import (
    NOW,
    a_message,
    a_notice,
    a_payment,
    a_review,
    an_answer,
    an_attempt,
    an_entry,
    keep,
    some_evidence,
)


class Abandoned(Exception):
    """What a test raises to abandon its unit of work."""


class UnitsContract(ABC):
    """The transactions themselves."""

    @abstractmethod
    def stage(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """A unit of work over an empty store."""

    async def test_a_unit_returns_what_its_work_returned(self) -> None:
        async with self.stage() as units:

            async def work(transaction: Transaction) -> str:
                await transaction.open_payment(a_payment())
                return "done"

            answer = await units.write(work)
            promise(f"write returns what the work returned, not {answer!r}.", kept=answer == "done")

    async def test_what_was_committed_is_read(self) -> None:
        async with self.stage() as units:
            await units.write(lambda transaction: transaction.open_payment(a_payment()))
            found = await units.reads.payment(a_payment().payment_id)
            promise(f"what was committed is read; found {found!r}.", kept=found == a_payment())

    async def test_work_that_raises_leaves_nothing(self) -> None:
        async with self.stage() as units:
            with promise_to_raise(Abandoned, "write lets the work's own error through."):
                await units.write(_everything_and_then_raise)
            await _promise_nothing(units, "work that raised left")

    async def test_a_failed_unit_takes_back_no_other(self) -> None:
        async with self.stage() as units:
            stored = await keep(units, a_payment())

            async def work(transaction: Transaction) -> None:
                locked = await transaction.lock_payment(stored.payment_id)
                after = attrs.evolve(stored, version=2, last_told="lost", attempts=(an_attempt(),))
                await transaction.save(StoredChange(before=locked or stored, after=after))
                raise Abandoned

            with suppress(Abandoned):
                await units.write(work)
            found = await units.reads.payment(stored.payment_id)
            promise(f"a rolled back change leaves what was before; found {found!r}.", kept=found == stored)

    async def test_nobody_reads_what_is_not_committed(self) -> None:
        async with self.stage() as units:

            async def work(transaction: Transaction) -> Payment | None:
                await transaction.open_payment(a_payment())
                await transaction.add_notice(a_notice())
                seen = await units.reads.payment(a_payment().payment_id)
                notices = await units.reads.notices_about(an_attempt().reference)
                promise("no reader sees an uncommitted notice.", kept=notices == ())
                return seen

            seen = await units.write(work)
            promise(f"no reader sees an uncommitted payment, as {seen!r}.", kept=seen is None)

    async def test_a_unit_sees_its_own_writes(self) -> None:
        async with self.stage() as units:

            async def work(transaction: Transaction) -> Payment | None:
                before = await transaction.open_payment(a_payment())
                after = attrs.evolve(before, version=1, attempts=(an_attempt(),))
                await transaction.save(StoredChange(before=before, after=after, evidence=some_evidence()))
                verdict = await transaction.verdict_of(some_evidence().evidence_id)
                kept = verdict is some_evidence().rule
                promise("a unit of work sees the evidence it just stored.", kept=kept)
                return await transaction.lock_payment(before.payment_id)

            seen = await units.write(work)
            kept = seen is not None and seen.attempts == (an_attempt(),)
            promise(f"a unit of work sees the attempt it just stored; it saw {seen!r}.", kept=kept)

    async def test_a_cancelled_unit_leaves_nothing_and_blocks_nobody(self) -> None:
        async with self.stage() as units:
            inside = asyncio.Event()

            async def work(transaction: Transaction) -> None:
                await transaction.open_payment(a_payment())
                inside.set()
                await asyncio.Event().wait()

            task = asyncio.create_task(units.write(work))
            await inside.wait()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await _promise_nothing(units, "a cancelled unit of work left")
            async with asyncio.timeout(10):
                await keep(units, a_payment(2))

    async def test_those_who_wait_may_leave_the_queue(self) -> None:
        async with self.stage() as units:
            inside, leave = asyncio.Event(), asyncio.Event()

            async def slow(transaction: Transaction) -> None:
                await transaction.open_payment(a_payment())
                inside.set()
                await leave.wait()

            first = asyncio.create_task(units.write(slow))
            await inside.wait()
            waiting = [asyncio.create_task(keep(units, a_payment(number))) for number in range(2, 8)]
            await asyncio.sleep(0)
            for task in waiting[::2]:
                task.cancel()
            leave.set()
            await first
            async with asyncio.timeout(10):
                await asyncio.gather(*waiting, return_exceptions=True)
                await asyncio.gather(*(task for task in waiting[1::2]))

    async def test_changes_of_one_payment_happen_one_after_the_other(self) -> None:
        async with self.stage() as units:
            await keep(units, a_payment())

            async def work(transaction: Transaction) -> None:
                before = await transaction.lock_payment(a_payment().payment_id) or a_payment()
                await asyncio.sleep(0)
                after = attrs.evolve(before, version=before.version + 1, told=before.told + 1)
                await transaction.save(StoredChange(before=before, after=after))

            times = 20
            await asyncio.gather(*(units.write(work) for _ in range(times)))
            found = await units.reads.payment(a_payment().payment_id)
            told = found.told if found else None
            promise(
                f"a locked payment is changed by one at a time: 20 times, not {told}.", kept=told == times
            )


async def _everything_and_then_raise(transaction: Transaction) -> None:
    before = await transaction.open_payment(a_payment())
    after = attrs.evolve(before, version=1, attempts=(an_attempt(),))
    await transaction.save(
        StoredChange(
            before=before,
            after=after,
            evidence=some_evidence(),
            messages=(a_message(),),
            reviews=(a_review(),),
            audit=an_entry(),
        )
    )
    await transaction.add_notice(a_notice())
    await transaction.begin_answer(an_answer(), NOW)
    raise Abandoned


async def _promise_nothing(units: UnitOfWork, who: str) -> None:
    payment_id = a_payment().payment_id
    left = {
        "a payment": await units.reads.payment(payment_id),
        "an attempt": await units.reads.payment_with_reference(an_attempt().reference),
        "evidence": await units.reads.evidence_of(payment_id),
        "a message": await units.reads.messages_of(payment_id),
        "a review": await units.reads.reviews_of(payment_id),
        "an audit entry": await units.reads.audit_of(payment_id),
        "a notice": await units.reads.notices_about(an_attempt().reference),
    }
    for what, found in left.items():
        promise(f"nothing stays of a unit of work that did not commit; {who} {what}.", kept=not found)
    stands = await units.write(lambda transaction: transaction.begin_answer(an_answer(2), NOW))
    promise(f"nothing stays of a unit of work that did not commit; {who} an answer.", kept=stands is None)
