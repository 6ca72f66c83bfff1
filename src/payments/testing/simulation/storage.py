"""The database of the simulated processes: in memory, and no stronger than PostgreSQL at READ COMMITTED.

Each statement sees what is committed at its own moment; rows are locked until the transaction ends; inserts
wait for others that claim the same key; leases skip what somebody holds; deadlocks are found and broken. Or
it is one database file, as SQLite has it: one writer at a time. A commit has three outcomes: it happens, it
does not, and it happens and an error is returned.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

import attrs

from payments.adapters.memory.repository import MemoryTransaction, Tables
from payments.adapters.memory.uniqueness import DuplicateKey, unique_keys
from payments.adapters.sql.runner import NotUnique, Outdated, TryAgain
from payments.adapters.sql.saving import Names, writes_money_again
from payments.application.ports.repository import Transaction
from payments.application.recording import state_digest
from payments.application.records import (
    Message,
    MessageState,
    Notice,
    ReviewLink,
    StoredAnswer,
    StoredChange,
    StoredReview,
)
from payments.domain.collection import Collection, Handover
from payments.domain.errors import StaleVersion, StorageUnavailable
from payments.domain.evidence import Mode, Rule
from payments.domain.payment import Payment
from payments.domain.review import Review
from payments.testing.simulation.chance import Chance
from payments.testing.simulation.faults import Fault
from payments.testing.simulation.processes import Process, Steps, calling
from payments.testing.simulation.rows import GONE, Written, rows_of

T = TypeVar("T")
Key = tuple[Any, ...]

EVERYTHING: Final[Key] = ("the database",)
"""What a writer of a single file locks."""


@attrs.define(eq=False)
class SimulatedDatabase:
    """What is committed, who holds which rows, and whether it can be reached."""

    steps: Steps
    chance: Chance
    one_writer: bool = False
    """A file with one writer at a time, and not a server with locks by row."""
    committed: Tables = attrs.field(factory=Tables, init=False)
    locks: "dict[Key, SimulatedTransaction]" = attrs.field(factory=dict, init=False)
    open: "dict[SimulatedTransaction, None]" = attrs.field(factory=dict, init=False)
    down_until_s: float = attrs.field(default=0.0, init=False)
    watchers: list[Callable[[Tables, Tables], None]] = attrs.field(factory=list, init=False)
    """Told of every commit: before and after."""

    async def transact(self, work: Callable[[Transaction], Awaitable[T]], *, trusting: bool = False) -> T:
        """Run ``work`` once in a transaction and commit it; roll all of it back if it raises.

        Raises:
            StorageUnavailable: the transaction did not happen.
            TryAgain: it did not happen, or nobody knows whether it did.
            Outdated: it did not happen, because it was ``trusting`` and began from what is no longer so.
        """
        transaction = SimulatedTransaction(self, calling(), trusting)
        self.open[transaction] = None
        try:
            if self.one_writer:
                await self.reached("storage.begin")
                await transaction.lock(EVERYTHING)
            result = await transaction.run(work)
            await transaction.commit()
        finally:
            transaction.end()
        return result

    async def reached(self, step: str) -> str:
        """Come to ``step`` of the database; the label to leave it with.

        Raises:
            TryAgain: the database broke the transaction off.
            StorageUnavailable: it cannot be reached.
        """
        label = await self.steps.before(step)
        if self.steps.weather.healed:
            return label
        if self.steps.struck(Fault.STORAGE_DOWN, label):
            self.down_until_s = self.steps.loop.time() + self.chance.spread(0.1, 1800)
        if self.steps.loop.time() < self.down_until_s:
            raise StorageUnavailable("The database cannot be reached.", retry_after_s=1.0)
        if self.steps.struck(Fault.BUSY, label):
            raise TryAgain("the database is busy")
        return label

    def publish(self, written: Written) -> None:
        """Make what was written last."""
        before = self.committed
        self.committed = written.over(before)
        for watcher in self.watchers:
            watcher(before, self.committed)

    def abandon(self, process: Process) -> None:
        """Roll back what a dead process had open, as a server does that notices."""
        for transaction in tuple(self.open):
            if transaction.process is process:
                transaction.end()


@attrs.define(eq=False)
class SimulatedTransaction(Transaction):
    """Statements of one transaction. After an error in one of them nothing more is run."""

    _database: SimulatedDatabase
    process: Process
    _trusting: bool = False
    """The first payment that it is told of is taken as it is known; its save finds out whether it is so."""
    _unproven: Payment | None = attrs.field(default=None, init=False)
    _fresh: bool = attrs.field(default=False, init=False)
    _held_by_nobody: Names | None = attrs.field(default=None, init=False)
    _written: Written = attrs.field(factory=Written, init=False)
    _held: list[Key] = attrs.field(factory=list, init=False)
    _waiting: list[asyncio.Future[None]] = attrs.field(factory=list, init=False)
    """Who waits for this one to end."""
    _waits_for: "SimulatedTransaction | None" = attrs.field(default=None, init=False)
    _broken: bool = attrs.field(default=False, init=False)

    async def run(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """What ``work`` returns or raises, unless it goes by what was compared with nothing.

        Raises:
            Outdated: it does.
        """
        try:
            result = await work(self)
        except (Outdated, TryAgain, StorageUnavailable):
            raise
        except Exception:
            self._refuse_unproven()
            raise
        self._refuse_unproven()
        return result

    def _refuse_unproven(self) -> None:
        if self._unproven is not None:
            raise Outdated("Nobody looked whether the payment is as it was known.")

    def _trusts(self, known: Payment | None) -> bool:
        trusted = self._trusting and known is not None
        self._trusting = False
        if trusted:
            self._unproven = known
        return trusted

    async def lock(self, key: Key) -> None:
        """Hold ``key`` until the end, after whoever holds it now.

        Raises:
            TryAgain: both would wait for each other for ever.
        """
        locks = self._database.locks
        while (holder := locks.get(key, self)) is not self:
            self._refuse_deadlock(holder)
            turn = self._database.steps.loop.create_future()
            holder._waiting.append(turn)  # noqa: SLF001 -- another one of this class
            self._waits_for = holder
            try:
                await turn
            finally:
                self._waits_for = None
            calling()
        if key not in locks:
            self._take(key)

    def _take(self, key: Key) -> None:
        self._database.locks[key] = self
        self._held.append(key)

    async def commit(self) -> None:
        """Make it last.

        Raises:
            TryAgain: nobody knows whether it did, or it did not.
        """
        calling()
        if self._broken:
            raise StorageUnavailable("The transaction has ended.")
        if self._written.empty:
            # Nothing hangs on it: whether this is the end or not, nobody can tell.
            return
        database, steps = self._database, self._database.steps
        label = await database.reached("storage.commit")
        if steps.struck(Fault.COMMIT_REFUSED, label):
            raise TryAgain("the commit was refused")
        database.publish(self._written)
        unconfirmed = steps.struck(Fault.COMMIT_UNCONFIRMED, label)
        self.end()
        steps.after(label)
        if unconfirmed:
            raise TryAgain("the commit was not confirmed")

    def end(self) -> None:
        """Give up every lock. What was not committed is gone."""
        self._broken = True
        self._database.open.pop(self, None)
        for key in self._held:
            self._database.locks.pop(key, None)
        self._held.clear()
        waiting, self._waiting = self._waiting, []
        for turn in waiting:
            if not turn.done():
                turn.set_result(None)

    async def open_payment(self, payment: Payment, *, fresh: bool = False) -> Payment:
        if self._trusts(payment if fresh else None):
            self._fresh = True
            return payment
        return await self._open(payment)

    async def _open(self, payment: Payment) -> Payment:
        await self._come("open_payment")
        await self._lock(("order", payment.order_id))
        view = self._view()
        known = view.orders.get(payment.order_id)
        if known is None:
            self._written.opened[payment.payment_id] = payment
            self._written.rows.setdefault("orders", {})[payment.order_id] = payment.payment_id
            known = payment.payment_id
        await self._lock(("payment", known))
        return self._view().payments[known]

    async def lock_payment(self, payment_id: UUID, known: Payment | None = None) -> Payment | None:
        if self._trusts(known):
            return known
        await self._come("lock_payment")
        if payment_id not in self._view().payments:
            return None
        await self._lock(("payment", payment_id))
        return self._view().payments.get(payment_id)

    async def attempt_holding(
        self,
        provider: str,
        mode: Mode,
        key: str | None,
        provider_reference: str | None,
        *,
        proven_by_save: bool = False,
    ) -> str | None:
        if proven_by_save and self._unproven is not None and self._held_by_nobody is None:
            self._held_by_nobody = Names(provider, mode, key, provider_reference)
            return None
        return await self._do(
            "attempt_holding", lambda t: t.attempt_holding(provider, mode, key, provider_reference)
        )

    async def attempt_with_receipt(self, provider: str, mode: Mode, receipt: str) -> str | None:
        return await self._do(
            "attempt_with_receipt", lambda t: t.attempt_with_receipt(provider, mode, receipt)
        )

    async def verdict_of(self, evidence_id: UUID) -> Rule | None:
        return await self._do("verdict_of", lambda t: t.verdict_of(evidence_id))

    async def save(self, change: StoredChange) -> None:
        if self._unproven is None or self._unproven.payment_id != change.after.payment_id:
            await self._save(change)
            return
        if writes_money_again(change) or (self._fresh and await self._open(self._unproven) != self._unproven):
            raise Outdated("The payment is not as it was known.")
        if self._held_by_nobody is not None and not self._held_by_nobody.are_written_by(change):
            raise Outdated("Nobody looked who holds the names of its money.")
        try:
            stored = await self._save(change)
        except StaleVersion as stale:
            if isinstance(stale.__cause__, NotUnique):
                raise
            raise Outdated(str(stale)) from stale
        known, self._unproven = self._unproven, None
        # Mostly it is the very same value, and a digest takes long.
        if stored is not None and stored is not known and state_digest(known) != state_digest(stored):
            raise AssertionError(f"{known.payment_id} was known as it never was at version {known.version}.")

    async def _save(self, change: StoredChange) -> Payment | None:
        """The payment as it was stored before."""
        await self._come("save")
        payment_id, rows = change.after.payment_id, rows_of(change)
        before = frozenset(unique_keys(change.before))
        await self._lock(
            ("payment", payment_id),
            *(("attempt", name) for name in sorted(rows.attempts)),
            *(("refund", name) for name in sorted(rows.refunds)),
            *(("unique", *key) for key in unique_keys(change.after) if key not in before),
            *(("question", review.kind, review.subject) for review in change.reviews),
            *(("review", review.review_id) for review in change.decided),
        )
        view = self._view()
        stored = view.payments.get(payment_id)
        after = rows.over(stored) if stored is not None else change.after
        inner = MemoryTransaction(view)
        try:
            await inner.save(attrs.evolve(change, after=after))
        except DuplicateKey as taken:
            self._broken = True
            raise StaleVersion(f"Another change came first: {taken}") from NotUnique(str(taken))
        self._written.save(rows)
        self._written.learn(view, inner.tables)
        return stored

    async def add_review(self, opened: StoredReview) -> bool:
        new = opened.review
        keys: tuple[Key, ...] = (("question", new.kind, new.subject), ("review", new.review_id))
        return await self._do("add_review", lambda t: t.add_review(opened), *keys)

    async def reviews_of(self, payment_id: UUID) -> tuple[Review, ...]:
        return await self._do("reviews_of", lambda t: t.reviews_of(payment_id))

    async def lock_review(self, review_id: UUID) -> Review | None:
        return await self._do("lock_review", lambda t: t.lock_review(review_id), ("review", review_id))

    async def review_trail(self, review_id: UUID) -> tuple[ReviewLink, ...]:
        return await self._do("review_trail", lambda t: t.review_trail(review_id))

    async def decide_review(self, decided: StoredReview) -> bool:
        key = ("review", decided.review.review_id)
        return await self._do("decide_review", lambda t: t.decide_review(decided), key)

    async def collection(self, collection_id: str) -> Collection | None:
        return await self._do("collection", lambda t: t.collection(collection_id))

    async def add_collection(self, collection: Collection) -> bool:
        key = ("collection", collection.collection_id)
        return await self._do("add_collection", lambda t: t.add_collection(collection), key)

    async def attach_collection(self, collection: Collection) -> bool:
        key = ("collection", collection.collection_id)
        return await self._do("attach_collection", lambda t: t.attach_collection(collection), key)

    async def handover(self, handover_id: str) -> Handover | None:
        return await self._do("handover", lambda t: t.handover(handover_id))

    async def add_handover(self, handover: Handover) -> tuple[str, ...] | None:
        keys = [("collection", name) for name in sorted(handover.collections)]
        return await self._do(
            "add_handover", lambda t: t.add_handover(handover), ("handover", handover.handover_id), *keys
        )

    async def add_notice(self, notice: Notice, *, most_unknown: int | None = None) -> bool:
        await self._come("add_notice")
        await self._lock(("digest", notice.digest))
        known = self._view().notices.get(notice.digest)
        if known is not None:
            await self._lock(("notice", known.notice_id))
        return await self._now(lambda t: t.add_notice(notice, most_unknown=most_unknown))

    async def add_known_notice(self, notice: Notice) -> bool:
        await self._come("add_known_notice")
        await self._lock(("digest", notice.digest))
        return await self._now(lambda t: t.add_known_notice(notice))

    async def lease_notices(
        self, now: datetime, *, until: datetime, token: UUID, limit: int
    ) -> tuple[Notice, ...]:
        await self._come("lease_notices")
        view = self._view()
        free = {d: n for d, n in view.notices.items() if self._free(("notice", n.notice_id))}
        inner = MemoryTransaction(view.having(notices=free))
        taken = await inner.lease_notices(now, until=until, token=token, limit=limit)
        await self._lock(*(("notice", notice.notice_id) for notice in taken))
        self._learn_rows("notices", {n.digest: inner.tables.notices[n.digest] for n in taken})
        self._learn_rows("notice_leases", {n.notice_id: token for n in taken})
        return taken

    async def finish_notice(self, notice: Notice, *, token: UUID) -> bool:
        key = ("notice", notice.notice_id)
        return await self._do("finish_notice", lambda t: t.finish_notice(notice, token=token), key)

    async def finish_notices(self, notices: tuple[Notice, ...], *, token: UUID) -> None:
        keys = [("notice", notice.notice_id) for notice in notices]
        await self._do("finish_notices", lambda t: t.finish_notices(notices, token=token), *keys)

    async def lease_messages(
        self, now: datetime, *, until: datetime, token: UUID, limit: int
    ) -> tuple[Message, ...]:
        await self._come("lease_messages")
        view = self._view()
        inner = MemoryTransaction(view)
        held = {
            name: attrs.evolve(message, next_try_at=None)
            for name, message in view.messages.items()
            if message.next_try_at is not None and not self._free(("message", name))
        }
        if held:
            # They are skipped, and overtake others all the same.
            inner = MemoryTransaction(view.having(messages={**view.messages, **held}))
        taken = await inner.lease_messages(now, until=until, token=token, limit=limit)
        changed = {m.message_id: m for m in taken}
        await self._lock(*(("message", name) for name in changed))
        self._learn_rows("messages", changed)
        leased = (m.message_id for m in taken if m.state is MessageState.PENDING)
        self._learn_rows("message_leases", dict.fromkeys(leased, token))
        return taken

    async def finish_message(self, message: Message, *, token: UUID) -> bool:
        key = ("message", message.message_id)
        return await self._do("finish_message", lambda t: t.finish_message(message, token=token), key)

    async def finish_messages(self, messages: tuple[Message, ...], *, token: UUID) -> None:
        keys = [("message", message.message_id) for message in messages]
        await self._do("finish_messages", lambda t: t.finish_messages(messages, token=token), *keys)

    async def lease_attempts(self, now: datetime, *, until: datetime, limit: int) -> tuple[str, ...]:
        await self._come("lease_attempts")
        due = sorted(
            (attempt.next_check_at, attempt.reference)
            for payment in self._view().payments.values()
            for attempt in payment.attempts
            if attempt.next_check_at is not None
            and attempt.next_check_at <= now
            and self._free(("attempt", attempt.reference))
        )
        if not due:
            return ()
        taken = tuple(sorted(reference for _, reference in due[:limit]))
        await self._lock(*(("attempt", reference) for reference in taken))
        self._written.postponed.update(dict.fromkeys(taken, until))
        return taken

    async def lease_refunds(
        self, now: datetime, *, until: datetime, limit: int
    ) -> tuple[tuple[UUID, UUID], ...]:
        await self._come("lease_refunds")
        due = sorted(
            (refund.next_check_at, refund.refund_id, payment.payment_id)
            for payment in self._view().payments.values()
            for refund in payment.refunds
            if refund.next_check_at is not None
            and refund.next_check_at <= now
            and self._free(("refund", refund.refund_id))
        )
        if not due:
            return ()
        chosen = sorted((refund_id, payment_id) for _, refund_id, payment_id in due[:limit])
        taken = tuple((payment_id, refund_id) for refund_id, payment_id in chosen)
        await self._lock(*(("refund", refund_id) for _, refund_id in taken))
        self._written.postponed_refunds.update({refund_id: until for _, refund_id in taken})
        return taken

    async def begin_answer(self, answer: StoredAnswer, now: datetime) -> StoredAnswer | None:
        key = ("answer", answer.user, answer.operation, answer.key)
        return await self._do("begin_answer", lambda t: t.begin_answer(answer, now), key)

    async def end_answer(self, answer: StoredAnswer) -> bool:
        key = ("answer", answer.user, answer.operation, answer.key)
        return await self._do("end_answer", lambda t: t.end_answer(answer), key)

    async def drop_answer(self, answer: StoredAnswer) -> None:
        key = ("answer", answer.user, answer.operation, answer.key)
        await self._do("drop_answer", lambda t: t.drop_answer(answer), key)

    # What is erased is of rows that nobody else holds.

    async def erase_notices(self, until: datetime, *, limit: int) -> int:
        await self._come("erase_notices")
        view = self._view()
        free = {d: n for d, n in view.notices.items() if self._free(("notice", n.notice_id))}
        inner = MemoryTransaction(view.having(notices=free))
        done = await inner.erase_notices(until, limit=limit)
        emptied = {d: n for d, n in inner.tables.notices.items() if n is not free[d]}
        await self._lock(*(("notice", notice.notice_id) for notice in emptied.values()))
        self._learn_rows("notices", emptied)
        return done

    async def erase_people(self, until: datetime, *, limit: int) -> int:
        await self._come("erase_people")
        view = self._view()
        free = {name: p for name, p in view.payments.items() if self._free(("payment", name))}
        inner = MemoryTransaction(view.having(payments=free))
        done = await inner.erase_people(until, limit=limit)
        nameless = [p for name, p in inner.tables.payments.items() if p is not free[name]]
        mails = {name: m for name, m in inner.tables.messages.items() if m is not view.messages[name]}
        await self._lock(
            *(("payment", payment.payment_id) for payment in nameless),
            *(("attempt", attempt.reference) for payment in nameless for attempt in payment.attempts),
            *(("message", name) for name in mails),
        )
        self._written.nameless.update(payment.payment_id for payment in nameless)
        self._learn_rows("messages", mails)
        return done

    async def forget_answers(self, now: datetime, *, limit: int) -> int:
        await self._come("forget_answers")
        view = self._view()
        free = {key: answer for key, answer in view.answers.items() if self._free(("answer", *key))}
        inner = MemoryTransaction(view.having(answers=free))
        done = await inner.forget_answers(now, limit=limit)
        gone = [key for key in free if key not in inner.tables.answers]
        await self._lock(*(("answer", *key) for key in gone))
        self._learn_rows("answers", dict.fromkeys(gone, GONE))
        return done

    async def _do(self, step: str, statement: Callable[[MemoryTransaction], Awaitable[T]], *keys: Key) -> T:
        await self._come(step)
        await self._lock(*keys)
        return await self._now(statement)

    async def _come(self, step: str) -> None:
        """Come to the statement called ``step``; after one that raised no other is run."""
        calling()
        if self._broken:
            raise StorageUnavailable("The transaction has ended.")
        try:
            await self._database.reached(f"storage.{step}")
        except BaseException:
            self._broken = True
            raise
        if self._broken:
            raise StorageUnavailable("The transaction has ended.")

    async def _lock(self, *keys: Key) -> None:
        if self._database.one_writer:
            return
        locks = self._database.locks
        try:
            for key in keys:
                if key in locks:
                    await self.lock(key)
                else:
                    self._take(key)
        except BaseException:
            self._broken = True
            raise

    async def _now(self, statement: Callable[[MemoryTransaction], Awaitable[T]]) -> T:
        """Run a statement of the memory adapter on what this transaction sees at this moment."""
        view = self._view()
        inner = MemoryTransaction(view)
        result = await statement(inner)
        if inner.tables is not view:
            self._written.learn(view, inner.tables)
        return result

    def _view(self) -> Tables:
        return self._written.over(self._database.committed)

    def _free(self, key: Key) -> bool:
        return self._database.locks.get(key, self) is self

    def _learn_rows(self, table: str, rows: dict[Any, Any]) -> None:
        if rows:
            self._written.rows.setdefault(table, {}).update(rows)

    def _refuse_deadlock(self, holder: "SimulatedTransaction") -> None:
        waits: SimulatedTransaction | None = holder
        while waits is not None:
            if waits is self:
                raise TryAgain("deadlock detected")
            waits = waits._waits_for  # noqa: SLF001 -- another one of this class
