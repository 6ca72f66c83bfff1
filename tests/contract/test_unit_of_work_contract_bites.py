"""Broken stores, each with one promise broken: the contract catches it and says which."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import attrs
import pytest

from payments.adapters.memory.repository import MemoryReads, MemoryTransaction, Tables
from payments.application.ports.repository import Reads, Transaction
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.records import (
    HistoryQuery,
    Message,
    MessageState,
    Notice,
    PaymentSummary,
    Records,
    ReviewLink,
    ReviewQuery,
    Search,
    StoredAnswer,
    StoredChange,
)
from payments.domain.evidence import Evidence, Mode, Rule
from payments.domain.payment import Payment
from payments.domain.review import Review
from payments.testing.contracts.promises import BrokenPromise
from payments.testing.contracts.unit_of_work import UnitOfWorkContract

pytestmark = pytest.mark.anyio

T = TypeVar("T")


@attrs.define
class Store(UnitOfWork):
    """A store without a lock; whole in all else, unless what it is given is broken."""

    transaction: type[MemoryTransaction] = MemoryTransaction
    reading: type[MemoryReads] = MemoryReads
    tables: Tables = attrs.field(factory=Tables)

    @property
    def reads(self) -> Reads:
        return self.reading(lambda: self.tables)

    async def write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        transaction = self.transaction(self.tables)
        result = await work(transaction)
        self.tables = transaction.tables
        return result


class NoRollback(Store):
    async def write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        transaction = self.transaction(self.tables)
        try:
            return await work(transaction)
        finally:
            self.tables = transaction.tables


class DirtyReads(Store):
    """Everybody sees what one unit of work is about to write."""

    async def write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        before, store = self.tables, self

        class Seen(MemoryTransaction):
            def _change(self, **changed: Any) -> None:
                super()._change(**changed)
                store.tables = self.tables

        try:
            return await work(Seen(self.tables))
        except BaseException:
            self.tables = before
            raise


class AnyVersion(MemoryTransaction):
    async def save(self, change: StoredChange) -> None:
        stored = self.tables.payments.get(change.after.payment_id, change.before)
        await super().save(attrs.evolve(change, before=stored))


class AnyKey(MemoryTransaction):
    """Refuses no capture key, live attempt or reference twice."""

    async def save(self, change: StoredChange) -> None:
        others = {key: p for key, p in self.tables.payments.items() if key != change.after.payment_id}
        mine = {change.after.payment_id: self.tables.payments[change.after.payment_id]}
        self._change(payments=mine)
        bare = attrs.evolve(change.after, attempts=(), captures=(), refunds=())
        await super().save(attrs.evolve(change, after=bare))
        self._change(payments={**others, change.after.payment_id: change.after})


class SecondPayments(MemoryTransaction):
    async def open_payment(self, payment: Payment, *, fresh: bool = False) -> Payment:
        self._change(
            payments={**self.tables.payments, payment.payment_id: payment},
            orders={**self.tables.orders, payment.order_id: payment.payment_id},
        )
        return payment


class Credulous(MemoryTransaction):
    """Takes what its caller knows for what is stored, and never compares the two."""

    async def lock_payment(self, payment_id: UUID, known: Payment | None = None) -> Payment | None:
        return known or await super().lock_payment(payment_id)

    async def save(self, change: StoredChange) -> None:
        self._change(payments={**self.tables.payments, change.after.payment_id: change.before})
        await super().save(change)


class ByVersionAlone(MemoryTransaction):
    """Compares the version of what is known, and not what changes without one."""

    async def lock_payment(self, payment_id: UUID, known: Payment | None = None) -> Payment | None:
        stored = await super().lock_payment(payment_id)
        return known if known and stored and known.version == stored.version else stored

    async def save(self, change: StoredChange) -> None:
        self._change(payments={**self.tables.payments, change.after.payment_id: change.before})
        await super().save(change)


class AlwaysFresh(MemoryTransaction):
    async def open_payment(self, payment: Payment, *, fresh: bool = False) -> Payment:
        known = self.tables.orders.get(payment.order_id)
        if known and fresh:
            self._change(orders={o: p for o, p in self.tables.orders.items() if o != payment.order_id})
        return await super().open_payment(payment)


class NobodyHolds(MemoryTransaction):
    async def attempt_holding(self, *names: Any, **how: Any) -> str | None:
        provider, _, *others = names
        return await super().attempt_holding(provider, Mode.TEST, *others)


class NeverLooks(AnyKey):
    """Takes for free what a save was to tell, and lets any save tell."""

    async def attempt_holding(self, *names: Any, **how: Any) -> str | None:
        return None if how else await super().attempt_holding(*names)


class HalfLooks(NeverLooks):
    """Takes for free the names of attempts alone."""

    async def attempt_holding(self, *names: Any, **how: Any) -> str | None:
        return await super().attempt_holding(*names[:-1], None)


class AlwaysHeld(MemoryTransaction):
    """Takes the names of money for somebody else's."""

    async def attempt_holding(self, *names: Any, **how: Any) -> str | None:
        return "p-somebody"


class NoFencing(MemoryTransaction):
    async def finish_notice(self, notice: Notice, *, token: UUID) -> bool:
        self._change(notices={**self.tables.notices, notice.digest: notice})
        return True

    async def finish_message(self, message: Message, *, token: UUID) -> bool:
        self._keep(message)
        return True


class NoLeases(MemoryTransaction):
    """Whoever asks is given what is due, however often."""

    async def lease_notices(
        self, now: datetime, *, until: datetime, token: UUID, limit: int
    ) -> tuple[Notice, ...]:
        before = self.tables.notices
        taken = await super().lease_notices(now, until=until, token=token, limit=limit)
        self._change(notices=before)
        return taken

    async def lease_attempts(self, now: datetime, *, until: datetime, limit: int) -> tuple[str, ...]:
        before = self.tables.payments
        taken = await super().lease_attempts(now, until=until, limit=limit)
        self._change(payments=before)
        return taken


class NothingOvertakes(MemoryTransaction):
    async def lease_messages(
        self, now: datetime, *, until: datetime, token: UUID, limit: int
    ) -> tuple[Message, ...]:
        due = [
            m
            for m in self.tables.messages.values()
            if m.state is MessageState.PENDING and m.next_try_at is not None and m.next_try_at <= now
        ]
        return tuple(sorted(due, key=lambda m: m.sequence)[:limit])


class EveryNotice(MemoryTransaction):
    async def add_notice(self, notice: Notice, *, most_unknown: int | None = None) -> bool:
        await super().add_notice(notice)
        return True


class EveryReview(MemoryTransaction):
    def _open(self, review: Review) -> bool:
        self._change(reviews={**self.tables.reviews, review.review_id: review})
        return True


class Untold(MemoryTransaction):
    def _tell(self, link: ReviewLink) -> None:
        pass


class EternalAnswers(MemoryTransaction):
    async def begin_answer(self, answer: StoredAnswer, now: datetime) -> StoredAnswer | None:
        return await super().begin_answer(answer, datetime.min.replace(tzinfo=now.tzinfo))


class Forgetful(MemoryTransaction):
    async def verdict_of(self, evidence_id: UUID) -> Rule | None:
        return None


class Unsorted(MemoryReads):
    async def evidence_of(self, payment_id: UUID) -> tuple[Evidence, ...]:
        return (await super().evidence_of(payment_id))[::-1]


class PagesByTime(MemoryReads):
    """Between two pages it loses what is as old as the last line."""

    async def history(self, query: HistoryQuery) -> tuple[PaymentSummary, ...]:
        if query.beyond is not None:
            query = attrs.evolve(query, beyond=None, created_before=query.beyond[0])
        return await super().history(query)


class Nosy(MemoryReads):
    async def history(self, query: HistoryQuery) -> tuple[PaymentSummary, ...]:
        everybody = {payment.payer for payment in self._tables().payments.values()}
        lines = [await super(Nosy, self).history(attrs.evolve(query, payer=payer)) for payer in everybody]
        return tuple(line for found in lines for line in found)


class Approximate(MemoryReads):
    """Finds what begins alike, and in no order."""

    async def found(self, search: Search) -> tuple[PaymentSummary, ...]:
        every = await super().found(attrs.evolve(search, name=None))
        return tuple(line for line in every[::-1] if line.order_id.startswith(search.name or ""))


class NothingIsDecided(MemoryReads):
    async def reviews(self, query: ReviewQuery) -> tuple[Review, ...]:
        found = sorted(self._tables().reviews.values(), key=lambda r: r.opened_at, reverse=True)
        return tuple(r for r in found if query.beyond is None or r.opened_at < query.beyond[0])[: query.limit]


class Mixed(MemoryReads):
    async def records_of(self, payments: Sequence[Payment]) -> tuple[Records, ...]:
        return (await super().records_of(payments))[::-1]


class AskedMeanwhile(MemoryTransaction):
    """Takes an older look at an attempt for the newest one."""

    async def save(self, change: StoredChange) -> None:
        stored = self.tables.payments[change.after.payment_id]
        before = attrs.evolve(change.before, attempts=stored.attempts)
        await super().save(attrs.evolve(change, before=before))


class WholeRows(MemoryTransaction):
    """Writes a payment whole, and with it what its change had nothing to do with."""

    async def save(self, change: StoredChange) -> None:
        await super().save(change)
        self._change(payments={**self.tables.payments, change.after.payment_id: change.after})


class FirstComeFirst(MemoryTransaction):
    """Leases what was received first, and has what is due for longest wait."""

    async def lease_notices(
        self, now: datetime, *, until: datetime, token: UUID, limit: int
    ) -> tuple[Notice, ...]:
        due = await super().lease_notices(now, until=until, token=token, limit=1000)
        return due[:limit]


class AllOrNothing(MemoryTransaction):
    """Knows no limit when it erases."""

    async def erase_people(self, until: datetime, *, limit: int) -> int:
        return await super().erase_people(until, limit=limit + 1000)


class Indiscreet(MemoryReads):
    """Reads what is kept about every payment as if it were about one."""

    async def evidence_of(self, payment_id: UUID) -> tuple[Evidence, ...]:
        every = self._tables().evidence.values()
        return tuple(sorted(every, key=lambda e: (e.observed_at, e.evidence_id)))


class Penniless(MemoryReads):
    async def attempt_with_money(self, provider: str, mode: Mode, key: str) -> str | None:
        return None


class Endless(MemoryReads):
    """Has pages without an end."""

    async def reviews(self, query: ReviewQuery) -> tuple[Review, ...]:
        return await super().reviews(attrs.evolve(query, limit=1000))


BITES: list[tuple[Callable[[], UnitOfWork], str, str]] = [
    (
        NoRollback,
        "test_work_that_raises_leaves_nothing",
        "nothing stays of a unit of work that did not commit; work that raised left a payment",
    ),
    (
        NoRollback,
        "test_a_cancelled_unit_leaves_nothing_and_blocks_nobody",
        "a cancelled unit of work left a payment",
    ),
    (NoRollback, "test_a_failed_unit_takes_back_no_other", "a rolled back change leaves what was before"),
    (DirtyReads, "test_nobody_reads_what_is_not_committed", "no reader sees an uncommitted notice"),
    (Store, "test_changes_of_one_payment_happen_one_after_the_other", "changed by one at a time"),
    (
        lambda: Store(AnyVersion),
        "test_a_change_from_another_version_is_stale_and_leaves_nothing",
        "save raises StaleVersion for a change of an older version. It raised nothing",
    ),
    (lambda: Store(AnyKey), "test_a_capture_key_counts_once", "a provider's transaction counts once"),
    (lambda: Store(AnyKey), "test_a_payment_has_one_live_attempt", "a second live attempt of a payment"),
    (lambda: Store(AnyKey), "test_one_capture_settles_a_payment", "a second settling capture"),
    (
        lambda: Store(SecondPayments),
        "test_an_order_has_one_payment_and_the_first_one_stands",
        "open_payment answers the order's first payment",
    ),
    (
        lambda: Store(NobodyHolds),
        "test_whoever_holds_money_or_a_provider_reference_is_known",
        r"attempt_holding.*LIVE.* is None, not p-",
    ),
    (
        lambda: Store(Credulous),
        "test_a_change_of_one_that_has_changed_is_decided_on_the_present_one",
        "decided on what is stored: told 3 times, not 1",
    ),
    (
        lambda: Store(Credulous),
        "test_who_saves_nothing_answers_for_what_is_stored",
        "what is no longer so is not believed: told once, not 0",
    ),
    (
        lambda: Store(Credulous),
        "test_who_raises_has_seen_what_is_stored",
        "nobody is refused because of what is no longer so",
    ),
    (
        lambda: Store(AlwaysHeld),
        "test_first_money_whose_names_nobody_has_is_stored",
        "nobody holds what is free, not p-somebody",
    ),
    (
        lambda: Store(NeverLooks),
        "test_money_that_somebody_has_is_found_though_the_save_was_to_tell",
        r"\('AP-1', 'C-2'\) are held by p-.*1, not None",
    ),
    (
        lambda: Store(NeverLooks),
        "test_money_that_another_attempt_of_the_payment_has_is_found_as_well",
        "C-1 is held by p-.*1, not None",
    ),
    *(
        (lambda: Store(NeverLooks), f"test_{sentence}", found)
        for sentence, found in (
            ("who_does_not_store_what_was_to_tell_has_looked", "AP-1 is held by p-.*1, not None"),
            ("who_stores_money_and_not_its_name_has_looked", "C-1 is held by p-.*1, not None"),
            (
                "a_name_that_another_attempt_of_the_payment_bears_proves_nothing",
                "C-1 is held by p-.*1, not None",
            ),
            (
                "of_two_names_that_the_save_was_to_tell_none_is_forgotten",
                r"AP-1 is held by p-.*1, and AP-2 by nobody: not \(None, None\)",
            ),
        )
    ),
    (
        lambda: Store(HalfLooks),
        "test_money_that_somebody_has_is_found_though_the_save_was_to_tell",
        r"\('AP-2', 'C-1'\) are held by p-.*1, not None",
    ),
    (
        lambda: Store(ByVersionAlone),
        "test_an_attempt_that_was_asked_about_meanwhile_is_decided_on_as_it_is",
        "no answer is forgotten that changed no version: 2, not 1",
    ),
    (
        lambda: Store(ByVersionAlone),
        "test_a_refund_that_was_asked_about_meanwhile_is_decided_on_as_it_is",
        "read under the lock",
    ),
    (
        lambda: Store(AlwaysFresh),
        "test_a_fresh_payment_that_is_not_fresh_is_the_stored_one",
        "an order has one payment: the first",
    ),
    (lambda: Store(NoFencing), "test_a_lost_notice_lease_finishes_nothing", "only the holder of a lease"),
    (lambda: Store(NoFencing), "test_a_lost_message_lease_finishes_nothing", "who lost a lease finishes"),
    (
        lambda: Store(NoLeases),
        "test_a_leased_notice_is_seen_again_when_the_lease_ends",
        "a leased notice is not seen before its lease ends",
    ),
    (
        lambda: Store(NoLeases),
        "test_many_who_lease_attempts_at_once_get_different_ones",
        "each due attempt is leased once",
    ),
    (
        lambda: Store(NothingOvertakes),
        "test_a_newer_message_of_an_order_overtakes_its_older_ones",
        "the newest of an order, and all mail, is sent",
    ),
    (
        lambda: Store(EveryNotice),
        "test_a_notice_comes_back_as_stored_and_a_duplicate_is_recognised",
        "only new digests are stored, said with True",
    ),
    (
        lambda: Store(EveryReview),
        "test_one_review_is_open_per_kind_and_subject",
        "a question is open once",
    ),
    (
        lambda: Store(Untold),
        "test_a_review_of_no_payment_is_opened_once_and_its_trail_begins_with_it",
        "the trail begins with its opening",
    ),
    (
        lambda: Store(EternalAnswers),
        "test_an_expired_answer_counts_as_absent",
        "an expired answer is absent",
    ),
    (
        lambda: Store(Forgetful),
        "test_a_unit_that_runs_again_recognises_itself",
        "stored evidence is known",
    ),
    (
        lambda: Store(reading=Unsorted),
        "test_evidence_comes_back_as_stored_oldest_first",
        "evidence is read as stored, oldest first",
    ),
    (
        lambda: Store(reading=PagesByTime),
        "test_pages_meet_each_payment_once_whatever_comes_meanwhile",
        "pages meet each payment once, in order",
    ),
    (
        lambda: Store(reading=Nosy),
        "test_a_payer_sees_their_own_payments_alone",
        "a payer sees only theirs",
    ),
    (
        lambda: Store(reading=Approximate),
        "test_operators_find_the_payments_of_everybody_newest_first",
        "operators find every payer's payments",
    ),
    (
        lambda: Store(reading=Approximate),
        "test_operators_find_a_payment_by_each_of_its_names",
        "whoever looks for .* finds",
    ),
    (
        lambda: Store(reading=NothingIsDecided),
        "test_reviews_are_read_newest_first_page_by_page",
        "open reviews are read newest first, each once",
    ),
    (
        lambda: Store(reading=NothingIsDecided),
        "test_reviews_of_one_kind_are_read_by_themselves",
        "reviews of one kind are read newest first",
    ),
    (
        lambda: Store(reading=Mixed),
        "test_the_records_of_payments_side_by_side_are_read_together_as_each_is_alone",
        "the records are those that each has alone",
    ),
    (
        lambda: Store(AnyKey),
        "test_a_receipt_counts_once_for_one_provider_and_mode",
        "a receipt is one of one",
    ),
    (
        lambda: Store(AskedMeanwhile),
        "test_an_attempt_that_was_asked_about_meanwhile_is_stale_and_stays",
        "save raises StaleVersion for an attempt asked about meanwhile. It raised nothing",
    ),
    (
        lambda: Store(WholeRows),
        "test_what_a_change_does_not_write_stays_as_it_is_stored",
        "what is not written is not set back",
    ),
    (
        lambda: Store(FirstComeFirst),
        "test_the_notices_due_for_longest_are_taken_and_come_as_they_were_received",
        r"who waits for longest is not passed over: \[3, 2\], not \[3, 1\]",
    ),
    (
        lambda: Store(AllOrNothing),
        "test_the_oldest_payers_are_erased_first_and_no_more_than_asked",
        "two payers, the oldest, are erased",
    ),
    (
        lambda: Store(reading=Indiscreet),
        "test_the_records_of_payments_side_by_side_are_read_together_as_each_is_alone",
        "the records of a payment are about it",
    ),
    (
        lambda: Store(reading=Penniless),
        "test_whose_money_has_a_key_is_read",
        r"attempt_with_money.*AP-1.* is p-.*, not None",
    ),
    (
        lambda: Store(reading=Endless),
        "test_notices_and_reviews_are_read_by_their_times",
        "the queue, newest first, and no more",
    ),
]


@attrs.frozen
class OverBroken(UnitOfWorkContract):
    make: Callable[[], UnitOfWork]

    @asynccontextmanager
    async def stage(self) -> AsyncIterator[UnitOfWork]:
        yield self.make()


@pytest.mark.parametrize(("make", "test", "sentence"), BITES, ids=[bite[2][:40] for bite in BITES])
async def test_the_contract_catches_a_broken_store(
    make: Callable[[], UnitOfWork], test: str, sentence: str
) -> None:
    with pytest.raises(BrokenPromise, match=sentence):
        await getattr(OverBroken(make), test)()


async def test_a_store_with_nothing_broken_but_its_lock_keeps_the_rest() -> None:
    whole = OverBroken(Store)
    for _, test, _ in BITES:
        if test != "test_changes_of_one_payment_happen_one_after_the_other":
            await getattr(whole, test)()
