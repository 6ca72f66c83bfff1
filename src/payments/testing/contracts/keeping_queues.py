"""What every store keeps about its queues: leased to one at a time, and only the holder may finish."""

import asyncio
from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any

import attrs

from payments.application.ports.repository import Transaction
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.records import Destination, Message, MessageState, Notice
from payments.domain.errors import InboxFull
from payments.testing.contracts.promises import promise, promise_to_raise
from payments.testing.contracts.stored import (
    FAILED,
    NOW,
    a_capture,
    a_message,
    a_notice,
    a_payment,
    a_refund,
    after_s,
    an_attempt,
    keep,
    numbered,
)

MINE, THEIRS = numbered(9, 1), numbered(9, 2)


class QueuesContract(ABC):
    """The inbox, the outbox, and what is due to be asked about."""

    @abstractmethod
    def stage(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """A unit of work over an empty store."""

    async def test_so_many_notices_about_unknown_references_wait_and_a_known_one_always_may(
        self,
    ) -> None:
        async with self.stage() as units:
            refunded = a_payment(attempts=(an_attempt(1),), captures=(a_capture(1),), refunds=(a_refund(1),))
            await keep(units, refunded)
            names = {number: f"p-unknown-{number}" for number in range(2, 9)}
            strangers = {n: a_notice(n, reference=name) for n, name in names.items()}
            for number in (2, 3):
                promise("a genuine notice is kept.", kept=await _add_signed(units, strangers[number]))
            with promise_to_raise(InboxFull, "a third that nobody knows finds no place among two."):
                await _add_signed(units, strangers[4])
            promise("what found no place is not there.", kept=not await units.reads.notices_about(names[4]))
            promise("a repeated one is a duplicate.", kept=not await _add_signed(units, strangers[3]))
            other = attrs.evolve(strangers[5], provider="paystack")
            promise("each provider has places of its own.", kept=await _add_signed(units, other))
            for number, known in ((6, an_attempt(1).reference), (7, a_refund(1).reference)):
                kept = await _add_signed(units, a_notice(number, reference=known))
                promise(f"one about {known}, which is known, is always kept.", kept=kept)
            ignored = a_notice(8, reference=None, next_try_at=None, handled_at=NOW, outcome="ignored")
            promise("what waits for nothing takes no place.", kept=await _add_signed(units, ignored))
            await units.write(_finish_all)
            promise(
                "a place is free once its notice is handled.", kept=await _add_signed(units, strangers[4])
            )

    async def test_a_notice_comes_back_as_stored_and_a_duplicate_is_recognised(self) -> None:
        async with self.stage() as units:
            ignored = a_notice(2, handled_at=after_s(2), outcome="ignored", next_try_at=None, tries=3)
            again = attrs.evolve(a_notice(9), digest=a_notice(1).digest)
            told = [await _add(units, notice) for notice in (ignored, a_notice(1), again, a_notice(1))]
            promise(
                f"only new digests are stored, said with True: {told}.",
                kept=told == [True, True, False, False],
            )
            found = await units.reads.notices_about(an_attempt().reference)
            promise(
                f"notices are read as stored, oldest first; found {found!r}.",
                kept=found == (a_notice(1), ignored),
            )

    async def test_the_newest_notices_of_one_provider_are_read_oldest_first_and_no_more(self) -> None:
        async with self.stage() as units:
            for notice in (
                *(a_notice(n) for n in (3, 1, 4, 2)),
                a_notice(5, provider="other"),
                a_notice(6, reference=an_attempt(2).reference),
            ):
                await _add(units, notice)
            asked = an_attempt().reference, a_notice().provider
            for limit, newest in ((2, (3, 4)), (9, (1, 2, 3, 4)), (0, ())):
                found = await units.reads.newest_notices(*asked, limit)
                promise(
                    f"the newest {limit} of one provider about one reference are read; found {found!r}.",
                    kept=found == tuple(a_notice(n) for n in newest),
                )

    async def test_of_many_equal_notices_at_once_one_is_stored(self) -> None:
        async with self.stage() as units:
            equal = [attrs.evolve(a_notice(n), digest=a_notice(1).digest) for n in range(1, 31)]
            told = await asyncio.gather(*(_add(units, notice) for notice in equal))
            promise(f"of 30 equal notices one is stored, not {sum(told)}.", kept=sum(told) == 1)

    async def test_a_notice_without_a_reference_is_kept_too(self) -> None:
        async with self.stage() as units:
            await _add(units, a_notice(1, reference=None))
            (leased,) = await _lease_notices(units, after_s(1))
            nameless = a_notice(1, reference=None, next_try_at=leased.next_try_at)
            promise("a notice may name nothing.", kept=leased == nameless)

    async def test_a_leased_notice_comes_as_it_now_is(self) -> None:
        async with self.stage() as units:
            await _add(units, a_notice(1))
            (leased,) = await _lease_notices(units, after_s(1), until=after_s(60))
            promise(f"it is due when its lease ends: {leased!r}.", kept=leased.next_try_at == after_s(60))
            found = await units.reads.notices_about(an_attempt().reference)
            promise(f"what is leased is what is stored: {found!r}.", kept=found == (leased,))

    async def test_a_notice_that_somebody_knows_is_stored_by_itself_and_no_other(self) -> None:
        async with self.stage() as units:
            refunded = a_payment(attempts=(an_attempt(1),), captures=(a_capture(1),), refunds=(a_refund(1),))
            await keep(units, refunded)
            for number, known in ((1, an_attempt(1).reference), (2, a_refund(1).reference)):
                kept = await units.single.add_known_notice(a_notice(number, reference=known))
                promise(f"one about {known}, which is known, is stored.", kept=kept)
            ignored = a_notice(3, reference=None, next_try_at=None, handled_at=NOW, outcome="ignored")
            promise(
                "what nobody looks at need not be known.", kept=await units.single.add_known_notice(ignored)
            )
            found = await units.reads.notices_about(an_attempt(1).reference)
            promise(f"it is stored as it came; found {found!r}.", kept=found == (a_notice(1),))
            for stranger in (a_notice(4, reference="p-unknown"), a_notice(5, reference=None)):
                kept = await units.single.add_known_notice(stranger)
                promise(f"{stranger.reference}, which nobody has, is not stored.", kept=not kept)
            promise(
                "what was not stored is not there.", kept=not await units.reads.notices_about("p-unknown")
            )
            for again in (a_notice(1), attrs.evolve(a_notice(9), digest=a_notice(1).digest)):
                kept = await units.single.add_known_notice(again)
                promise("a duplicate is not stored.", kept=not kept)
            found = await units.reads.notices_about(an_attempt(1).reference)
            promise(f"a duplicate changes nothing; found {found!r}.", kept=found == (a_notice(1),))

    async def test_many_notices_are_finished_at_once_but_for_those_whose_lease_was_lost(self) -> None:
        async with self.stage() as units:
            for number in (1, 2, 3):
                await _add(units, a_notice(number))
            leased = await _lease_notices(units, after_s(1), until=after_s(60), limit=1)
            leased += await _lease_notices(units, after_s(3), until=after_s(90))
            await _lease_notices(units, after_s(60), until=after_s(120), token=THEIRS)
            done = tuple(
                attrs.evolve(n, handled_at=after_s(61), next_try_at=None, outcome=f"settled {n.tries}")
                for n in leased
            )
            await units.single.finish_notices(done, token=MINE)
            found = await units.reads.notices_about(an_attempt().reference)
            promise(f"those still leased are finished; found {found!r}.", kept=found[1:] == done[1:])
            promise("the one that was lost is left alone.", kept=found[0].handled_at is None)
            await units.single.finish_notices((), token=MINE)

    async def test_due_notices_are_leased_oldest_first(self) -> None:
        async with self.stage() as units:
            handled = a_notice(2, handled_at=after_s(2), next_try_at=None)
            for notice in (a_notice(5), a_notice(3), handled, a_notice(1), a_notice(9), a_notice(4)):
                await _add(units, notice)
            leased = await _lease_notices(units, after_s(5), limit=3)
            promise(f"the oldest due notices come first: {_n(leased)}.", kept=_n(leased) == [1, 3, 4])
            rest = await _lease_notices(units, after_s(5), limit=3)
            promise(f"what is leased, handled or not due is not seen: {_n(rest)}.", kept=_n(rest) == [5])

    async def test_a_leased_notice_is_seen_again_when_the_lease_ends(self) -> None:
        async with self.stage() as units:
            await _add(units, a_notice(1))
            await _lease_notices(units, after_s(1), until=after_s(60))
            early = await _lease_notices(units, after_s(59.999999))
            again = await _lease_notices(units, after_s(60))
            promise("a leased notice is not seen before its lease ends.", kept=early == ())
            promise("a leased notice is seen again when its lease ends.", kept=_n(again) == [1])

    async def test_many_who_lease_at_once_get_different_notices(self) -> None:
        async with self.stage() as units:
            for number in range(1, 21):
                await _add(units, a_notice(number))
            leases = await asyncio.gather(*(_lease_notices(units, after_s(99), limit=3) for _ in range(8)))
            taken = sorted(number for lease in leases for number in _n(lease))
            promise(f"each due notice is leased once: {taken}.", kept=taken == list(range(1, 21)))

    async def test_a_finished_notice_stays_finished(self) -> None:
        async with self.stage() as units:
            await _add(units, a_notice(1))
            (leased,) = await _lease_notices(units, after_s(1))
            done = attrs.evolve(
                leased, handled_at=after_s(2), outcome="settled", next_try_at=None, tries=leased.tries + 1
            )
            promise("the holder of a lease may finish.", kept=await _finish_notice(units, done))
            promise("a finished lease is lost.", kept=not await _finish_notice(units, done))
            (found,) = await units.reads.notices_about(an_attempt().reference)
            promise(f"what became of a notice is stored whole; found {found!r}.", kept=found == done)
            promise("a handled notice is not seen again.", kept=not await _lease_notices(units, after_s(999)))

    async def test_a_notice_may_be_looked_at_again_later(self) -> None:
        async with self.stage() as units:
            await _add(units, a_notice(1))
            (leased,) = await _lease_notices(units, after_s(1))
            later = attrs.evolve(leased, next_try_at=after_s(15), tries=1)
            await _finish_notice(units, later)
            early = await _lease_notices(units, after_s(14))
            again = await _lease_notices(units, after_s(15))
            promise("it is not seen before its next try.", kept=early == ())
            promise(
                f"it is seen at its next try, with its tries; {again!r}.",
                kept=[(n.notice_id, n.tries) for n in again] == [(later.notice_id, 1)],
            )

    async def test_a_notice_that_comes_again_is_looked_at_sooner_unless_it_is_leased_or_handled(self) -> None:
        async with self.stage() as units:
            await _add(units, a_notice(1))
            (leased,) = await _lease_notices(units, after_s(1), until=after_s(60))
            repeated = attrs.evolve(a_notice(2), digest=leased.digest, next_try_at=after_s(3))
            await _add(units, repeated)
            promise("a leased notice is left alone.", kept=not await _lease_notices(units, after_s(59)))
            await _finish_notice(units, attrs.evolve(leased, next_try_at=after_s(900), tries=1))
            await _add(units, repeated)
            again = await _lease_notices(units, after_s(3))
            promise("only a handled notice is a duplicate: another is due at once.", kept=_n(again) == [1])
            done = attrs.evolve(again[0], handled_at=after_s(4), outcome="settled", next_try_at=None)
            await _finish_notice(units, done)
            await _add(units, repeated)
            promise("a handled notice stays handled.", kept=not await _lease_notices(units, after_s(999)))

    async def test_a_notice_that_comes_again_is_put_off_by_nothing(self) -> None:
        async with self.stage() as units:
            await _add(units, a_notice(1))
            again = attrs.evolve(a_notice(2), digest=a_notice(1).digest, next_try_at=after_s(900))
            for later in (again, attrs.evolve(again, next_try_at=None, handled_at=NOW, outcome="ignored")):
                await _add(units, later)
            due = await _lease_notices(units, after_s(1))
            promise("a repetition makes nothing later.", kept=_n(due) == [1])

    async def test_a_lost_notice_lease_finishes_nothing(self) -> None:
        async with self.stage() as units:
            await _add(units, a_notice(1))
            (leased,) = await _lease_notices(units, after_s(1), until=after_s(60))
            done = attrs.evolve(leased, handled_at=after_s(61), next_try_at=None, outcome="settled")
            stranger = await _finish_notice(units, done, token=THEIRS)
            promise("only the holder of a lease may finish.", kept=not stranger)
            await _lease_notices(units, after_s(60), until=after_s(120), token=THEIRS)
            promise("who lost a lease finishes nothing.", kept=not await _finish_notice(units, done))
            (found,) = await units.reads.notices_about(an_attempt().reference)
            promise("who lost a lease changes nothing.", kept=found.handled_at is None)
            promise(
                "who took the lease over may finish.", kept=await _finish_notice(units, done, token=THEIRS)
            )

    async def test_due_messages_are_leased_oldest_first_with_their_bytes(self) -> None:
        async with self.stage() as units:
            await _send(units, *(_mail(number) for number in (4, 2, 9, 1, 3)))
            leased = await _lease_messages(units, after_s(4), limit=3)
            promise(f"the oldest due messages come first: {_m(leased)}.", kept=_m(leased) == [1, 2, 3])
            promise("a leased message carries its frozen bytes.", kept=leased[0].body == _mail(1).body)
            rest = await _lease_messages(units, after_s(4))
            promise(f"what is leased or not due is not seen: {_m(rest)}.", kept=_m(rest) == [4])

    async def test_a_leased_message_is_seen_again_when_the_lease_ends(self) -> None:
        async with self.stage() as units:
            await _send(units, _mail(1))
            await _lease_messages(units, after_s(1), until=after_s(60))
            early = await _lease_messages(units, after_s(59))
            again = await _lease_messages(units, after_s(60))
            promise("a leased message is not seen before its lease ends.", kept=early == ())
            promise("a leased message is seen again when its lease ends.", kept=_m(again) == [1])

    async def test_a_delivered_message_stays_delivered(self) -> None:
        async with self.stage() as units:
            await _send(units, _mail(1))
            (leased,) = await _lease_messages(units, after_s(1))
            done = _delivered(leased)
            promise("the holder of a lease may finish.", kept=await _finish_message(units, done))
            promise("a finished lease is lost.", kept=not await _finish_message(units, done))
            found = await units.reads.messages_of(a_payment().payment_id)
            promise(f"what became of a message is stored whole; found {found!r}.", kept=found == (done,))
            promise(
                "a delivered message is not seen again.", kept=not await _lease_messages(units, after_s(999))
            )

    async def test_an_undelivered_message_is_tried_again_and_a_parked_one_is_not(self) -> None:
        async with self.stage() as units:
            await _send(units, _mail(1), _mail(2))
            first, second = await _lease_messages(units, after_s(2))
            again = attrs.evolve(first, next_try_at=after_s(30), tries=1, last_error="HTTP 503")
            parked = attrs.evolve(
                second, state=MessageState.PARKED, next_try_at=None, tries=1, last_error="HTTP 410"
            )
            await _finish_message(units, again)
            await _finish_message(units, parked)
            early = await _lease_messages(units, after_s(29))
            due = await _lease_messages(units, after_s(30))
            promise("a message is not tried before its time.", kept=early == ())
            promise(
                f"only the undelivered one is tried again; {due!r}.",
                kept=due == (attrs.evolve(again, next_try_at=after_s(900)),),
            )

    async def test_a_lost_message_lease_finishes_nothing(self) -> None:
        async with self.stage() as units:
            await _send(units, _mail(1))
            (leased,) = await _lease_messages(units, after_s(1), until=after_s(60))
            await _lease_messages(units, after_s(60), until=after_s(120), token=THEIRS)
            done = _delivered(leased)
            promise("who lost a lease finishes nothing.", kept=not await _finish_message(units, done))
            (found,) = await units.reads.messages_of(a_payment().payment_id)
            promise("who lost a lease changes nothing.", kept=found.state is MessageState.PENDING)
            promise(
                "who took the lease over may finish.", kept=await _finish_message(units, done, token=THEIRS)
            )

    async def test_a_newer_message_of_an_order_overtakes_its_older_ones(self) -> None:
        async with self.stage() as units:
            await _send(units, a_message(1), _mail(2), a_message(3), a_message(4), _mail(5))
            leased = await _lease_messages(units, after_s(9))
            promise(
                f"the newest of an order, and all mail, is sent: {_m(leased)}, not [2, 4, 5].",
                kept=_m(leased) == [2, 4, 5],
            )
            found = await units.reads.messages_of(a_payment().payment_id)
            kept = all(m.next_try_at is None for m in found if m.sequence in {1, 3})
            promise("overtaken messages wait for nothing.", kept=kept)
            states = [message.state for message in found if message.sequence in {1, 3}]
            promise("overtaken messages are marked so.", kept=states == [MessageState.OVERTAKEN] * 2)
            lease = await _lease_messages(units, after_s(999))
            await units.single.finish_messages(tuple(map(_delivered, found)), token=MINE)
            after = await units.reads.messages_of(a_payment().payment_id)
            states = [message.state for message in after if message.sequence in {1, 3}]
            promise("nobody has them leased.", kept=states == [MessageState.OVERTAKEN] * 2)
            promise(f"overtaken messages are never seen again: {_m(lease)}.", kept=_m(lease) == [2, 4, 5])

    async def test_overtaken_messages_are_told_of_once_and_count(self) -> None:
        async with self.stage() as units:
            await _send(units, a_message(1), a_message(2), a_message(3))
            first = await _lease(units, after_s(9), limit=2)
            told = [(m.sequence, m.state) for m in first]
            wanted = [(1, MessageState.OVERTAKEN), (2, MessageState.OVERTAKEN)]
            promise(f"whoever takes two is told what became of two: {told}.", kept=told == wanted)
            second = await _lease(units, after_s(9), limit=2)
            told = [(m.sequence, m.state) for m in second]
            promise(f"and of those no more: {told}.", kept=told == [(3, MessageState.PENDING)])

    async def test_many_messages_are_finished_at_once_but_for_those_whose_lease_was_lost(self) -> None:
        async with self.stage() as units:
            await _send(units, *(_mail(number) for number in (1, 2, 3)))
            leased = await _lease_messages(units, after_s(1), until=after_s(60))
            leased += await _lease_messages(units, after_s(3), until=after_s(90))
            await _lease_messages(units, after_s(60), until=after_s(120), token=THEIRS)
            done = tuple(map(_delivered, leased))
            await units.single.finish_messages(done, token=MINE)
            found = await units.reads.messages_of(a_payment().payment_id)
            promise(f"those still leased are finished; found {found!r}.", kept=found[1:] == done[1:])
            promise("the one that was lost is left alone.", kept=found[0].state is MessageState.PENDING)
            await units.single.finish_messages((), token=MINE)

    async def test_a_message_overtaken_by_a_delivered_one_is_not_sent(self) -> None:
        async with self.stage() as units:
            await _send(units, a_message(1, next_try_at=after_s(100)), a_message(2))
            (leased,) = await _lease_messages(units, after_s(2))
            await _finish_message(units, _delivered(leased))
            late = await _lease_messages(units, after_s(100))
            promise("what a delivered message overtook is not sent.", kept=late == ())

    async def test_orders_overtake_only_their_own(self) -> None:
        async with self.stage() as units:
            await _send(units, a_message(1))
            other = a_message(2, payment_id=a_payment(2).payment_id, order_id="order_2")
            await keep(units, a_payment(2), messages=(other,))
            leased = await _lease_messages(units, after_s(9))
            promise(f"no order overtakes another: {_m(leased)}.", kept=_m(leased) == [1, 2])

    async def test_due_attempts_come_most_overdue_first_and_are_postponed(self) -> None:
        async with self.stage() as units:
            times = {1: 3.0, 2: 1.0, 3: None, 4: 2.0, 5: 9.0}
            for number, seconds in times.items():
                due = None if seconds is None else after_s(seconds)
                attempt = an_attempt(number, next_check_at=due, status=FAILED)
                await keep(units, a_payment(number, attempts=(attempt,)))
            first = await _lease_attempts(units, after_s(3), limit=2)
            wanted = tuple(sorted((an_attempt(2).reference, an_attempt(4).reference)))
            promise(f"the most overdue come first: {first}.", kept=first == wanted)
            rest = await _lease_attempts(units, after_s(3))
            promise(f"postponed attempts are not due: {rest}.", kept=rest == (an_attempt(1).reference,))
            found = await units.reads.payment(a_payment(2).payment_id)
            kept = found is not None and found.attempts[0].next_check_at == after_s(60)
            promise("a leased attempt is postponed.", kept=kept)
            again = await _lease_attempts(units, after_s(60))
            promise("a postponed attempt is due again.", kept=set(wanted) <= set(again))

    async def test_many_who_lease_attempts_at_once_get_different_ones(self) -> None:
        async with self.stage() as units:
            for number in range(1, 11):
                await keep(units, a_payment(number, attempts=(an_attempt(number),)))
            leases = await asyncio.gather(*(_lease_attempts(units, after_s(9), limit=3) for _ in range(5)))
            taken = sorted(reference for lease in leases for reference in lease)
            wanted = [an_attempt(number).reference for number in range(1, 11)]
            promise(f"each due attempt is leased once: {len(taken)}.", kept=taken == wanted)


def _mail(number: int) -> Message:
    return a_message(number, destination=Destination.PAYER, kind="declined")


def _delivered(message: Message) -> Message:
    return attrs.evolve(
        message,
        state=MessageState.DELIVERED,
        next_try_at=None,
        delivered_at=after_s(2),
        tries=message.tries + 1,
    )


def _n(notices: tuple[Notice, ...]) -> list[int]:
    return [notice.notice_id.int >> 80 for notice in notices]


def _m(messages: tuple[Message, ...]) -> list[int]:
    return [message.sequence for message in messages]


async def _send(units: UnitOfWork, *messages: Message) -> None:
    await keep(units, a_payment(), messages=messages)


async def _add(units: UnitOfWork, notice: Notice) -> bool:
    return await units.write(lambda transaction: transaction.add_notice(notice))


async def _lease_notices(units: UnitOfWork, now: datetime, **options: Any) -> tuple[Notice, ...]:
    chosen = {"until": after_s(1000), "token": MINE, "limit": 100, **options}
    return await units.single.lease_notices(now, **chosen)


async def _finish_notice(units: UnitOfWork, notice: Notice, token: Any = MINE) -> bool:
    return await units.write(lambda transaction: transaction.finish_notice(notice, token=token))


async def _lease_messages(units: UnitOfWork, now: datetime, **options: Any) -> tuple[Message, ...]:
    """Those that were leased; the overtaken ones left out."""
    taken = await _lease(units, now, **options)
    return tuple(message for message in taken if message.state is MessageState.PENDING)


async def _lease(units: UnitOfWork, now: datetime, **options: Any) -> tuple[Message, ...]:
    chosen = {"until": after_s(900), "token": MINE, "limit": 100, **options}
    return await units.single.lease_messages(now, **chosen)


async def _finish_message(units: UnitOfWork, message: Message, token: Any = MINE) -> bool:
    return await units.write(lambda transaction: transaction.finish_message(message, token=token))


async def _lease_attempts(units: UnitOfWork, now: datetime, limit: int = 100) -> tuple[str, ...]:
    until = after_s(60)
    return await units.single.lease_attempts(now, until=until, limit=limit)


async def _add_signed(units: UnitOfWork, notice: Notice) -> bool:
    return await units.write(lambda transaction: transaction.add_notice(notice, most_unknown=2))


async def _finish_all(transaction: Transaction) -> None:
    now, token = after_s(60), numbered(9, 1)
    for notice in await transaction.lease_notices(now, until=after_s(120), token=token, limit=20):
        handled = attrs.evolve(notice, handled_at=now, next_try_at=None, outcome="settled")
        await transaction.finish_notice(handled, token=token)
