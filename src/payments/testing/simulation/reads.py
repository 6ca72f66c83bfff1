"""Reads of the simulated database: each is one statement of what is committed at its moment, or an error."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import attrs

from payments.adapters.memory.repository import MemoryReads
from payments.adapters.sql.again import Patience, again
from payments.application.ports.repository import Place, Reads
from payments.application.records import (
    AuditEntry,
    Backlog,
    HeldCash,
    HistoryQuery,
    Message,
    Notice,
    PaymentSummary,
    ReviewLink,
    ReviewQuery,
    Search,
)
from payments.domain.collection import Collection, Handover
from payments.domain.evidence import Evidence, Mode
from payments.domain.payment import Payment
from payments.domain.review import Review
from payments.testing.simulation.stage import Stage

T = TypeVar("T")


@attrs.frozen
class SimulatedReads(Reads):
    """Runs each read again while the database says so, as the SQL adapters do."""

    _stage: Stage
    _patience: Patience

    async def _read(self, name: str, read: Callable[[MemoryReads], Awaitable[T]]) -> T:
        database = self._stage.world.database

        async def once() -> T:
            label = await database.reached(f"storage.read.{name}")
            found = await read(MemoryReads(lambda: database.committed))
            database.steps.after(label)
            return found

        return await again(once, self._patience)

    async def payment(self, payment_id: UUID) -> Payment | None:
        return await self._read("payment", lambda r: r.payment(payment_id))

    async def payment_of_order(self, order_id: str) -> Payment | None:
        return await self._read("payment_of_order", lambda r: r.payment_of_order(order_id))

    async def payment_with_reference(self, reference: str) -> Payment | None:
        return await self._read("payment_with_reference", lambda r: r.payment_with_reference(reference))

    async def payment_with_callback_token(self, token_hash: str) -> Payment | None:
        return await self._read(
            "payment_with_callback_token", lambda r: r.payment_with_callback_token(token_hash)
        )

    async def payment_with_refund_reference(self, reference: str) -> Payment | None:
        return await self._read(
            "payment_with_refund_reference", lambda r: r.payment_with_refund_reference(reference)
        )

    async def payment_with_page_token(self, token_hash: str) -> Payment | None:
        return await self._read("payment_with_page_token", lambda r: r.payment_with_page_token(token_hash))

    async def history(self, query: HistoryQuery) -> tuple[PaymentSummary, ...]:
        return await self._read("history", lambda r: r.history(query))

    async def found(self, search: Search) -> tuple[PaymentSummary, ...]:
        return await self._read("found", lambda r: r.found(search))

    async def evidence_of(self, payment_id: UUID) -> tuple[Evidence, ...]:
        return await self._read("evidence_of", lambda r: r.evidence_of(payment_id))

    async def messages_of(self, payment_id: UUID) -> tuple[Message, ...]:
        return await self._read("messages_of", lambda r: r.messages_of(payment_id))

    async def reviews_of(self, payment_id: UUID) -> tuple[Review, ...]:
        return await self._read("reviews_of", lambda r: r.reviews_of(payment_id))

    async def review(self, review_id: UUID) -> Review | None:
        return await self._read("review", lambda r: r.review(review_id))

    async def reviews(self, query: ReviewQuery) -> tuple[Review, ...]:
        return await self._read("reviews", lambda r: r.reviews(query))

    async def collection(self, collection_id: str) -> Collection | None:
        return await self._read("collection", lambda r: r.collection(collection_id))

    async def collections_of(self, payment_id: UUID) -> tuple[Collection, ...]:
        return await self._read("collections_of", lambda r: r.collections_of(payment_id))

    async def cash_held(self, collector: str | None, limit: int) -> tuple[Collection, ...]:
        return await self._read("cash_held", lambda r: r.cash_held(collector, limit))

    async def cash_held_sums(self, collector: str | None) -> tuple[HeldCash, ...]:
        return await self._read("cash_held_sums", lambda r: r.cash_held_sums(collector))

    async def handover(self, handover_id: str) -> Handover | None:
        return await self._read("handover", lambda r: r.handover(handover_id))

    async def audit_of(self, payment_id: UUID) -> tuple[AuditEntry, ...]:
        return await self._read("audit_of", lambda r: r.audit_of(payment_id))

    async def notices_about(self, reference: str) -> tuple[Notice, ...]:
        return await self._read("notices_about", lambda r: r.notices_about(reference))

    async def payments_after(self, payment_id: Place, limit: int) -> tuple[Payment, ...]:
        return await self._read("payments_after", lambda r: r.payments_after(payment_id, limit))

    async def backlog(self, now: datetime) -> Backlog:
        return await self._read("backlog", lambda r: r.backlog(now))

    async def attempt_with_money(self, provider: str, mode: Mode, key: str) -> str | None:
        return await self._read("attempt_with_money", lambda r: r.attempt_with_money(provider, mode, key))

    async def review_trail(self, review_id: UUID) -> tuple[ReviewLink, ...]:
        return await self._read("review_trail", lambda r: r.review_trail(review_id))

    async def reviews_alone_after(self, review_id: Place, limit: int) -> tuple[Review, ...]:
        return await self._read("reviews_alone_after", lambda r: r.reviews_alone_after(review_id, limit))

    async def review_trails_after(self, review_id: Place, limit: int) -> tuple[UUID, ...]:
        return await self._read("review_trails_after", lambda r: r.review_trails_after(review_id, limit))

    async def newest_notices(self, reference: str, provider: str, limit: int) -> tuple[Notice, ...]:
        return await self._read("newest_notices", lambda r: r.newest_notices(reference, provider, limit))
