"""What is kept, in SQL: the ports of the application over a runner. The same over each database."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

import attrs

from payments.adapters.sql import mapping, record_mapping, statements
from payments.adapters.sql.conversion import instant, text_of
from payments.adapters.sql.runner import NotUnique, Outdated, Reader, Row, Runner, Values
from payments.adapters.sql.saving import Names, decide_review, writes_money_again, writes_of
from payments.adapters.sql.single_writes import (
    SqlSingleWrites,
    finished_message,
    finished_notice,
    this_answer,
)
from payments.application.ports.repository import Place, Reads, Transaction
from payments.application.records import (
    UNKNOWN_REFERENCE,
    AuditEntry,
    Backlog,
    HeldCash,
    HistoryQuery,
    Message,
    Notice,
    PaymentSummary,
    Records,
    ReviewLink,
    ReviewQuery,
    Search,
    StoredChange,
    StoredReview,
)
from payments.domain.collection import Collection, Handover
from payments.domain.errors import InboxFull, StaleVersion
from payments.domain.evidence import Evidence, Mode, Rule
from payments.domain.payment import Payment
from payments.domain.review import Review
from payments.domain.transitions import PaymentStatus

T = TypeVar("T")
R = TypeVar("R", Evidence, Message, Review, AuditEntry, Collection)

_EVER: Final = 2**63 - 1
_PAST_EVERY_ID: Final = "g"
"""Identifiers are hexadecimal, so all of them stand before it."""


@attrs.frozen
class SqlReads(Reads):
    """Reads of committed state."""

    _reader: Reader

    async def payment(self, payment_id: UUID) -> Payment | None:
        return await self._whole(statements.PAYMENT, payment_id=text_of(payment_id))

    async def payment_of_order(self, order_id: str) -> Payment | None:
        return await self._whole(statements.PAYMENT_OF_ORDER, order_id=order_id)

    async def payment_with_reference(self, reference: str) -> Payment | None:
        return await self._whole(statements.PAYMENT_WITH_REFERENCE, reference=reference)

    async def payment_with_callback_token(self, token_hash: str) -> Payment | None:
        return await self._whole(statements.PAYMENT_WITH_CALLBACK_TOKEN, token_hash=token_hash)

    async def payment_with_refund_reference(self, reference: str) -> Payment | None:
        return await self._whole(statements.PAYMENT_WITH_REFUND_REFERENCE, reference=reference)

    async def payment_with_page_token(self, token_hash: str) -> Payment | None:
        return await self._whole(statements.PAYMENT_WITH_PAGE_TOKEN, token_hash=token_hash)

    async def attempt_with_money(self, provider: str, mode: Mode, key: str) -> str | None:
        values = {"provider": provider, "mode": mode.value, "key": key}
        row = await self._reader.fetch_one(statements.ATTEMPT_WITH_MONEY, values)
        return None if row is None else row["reference"]

    async def history(self, query: HistoryQuery) -> tuple[PaymentSummary, ...]:
        rows = await self._reader.fetch(_history_statement(query), _history_values(query))
        return tuple(map(mapping.summary, rows))

    async def found(self, search: Search) -> tuple[PaymentSummary, ...]:
        rows = await self._reader.fetch(_search_statement(search), _search_values(search))
        lines = sorted(map(mapping.summary, rows), key=lambda line: line.payment_id, reverse=True)
        return tuple(lines[: search.limit])

    async def evidence_of(self, payment_id: UUID) -> tuple[Evidence, ...]:
        return await self._all(
            record_mapping.evidence_of, statements.EVIDENCE_OF, payment_id=text_of(payment_id)
        )

    async def messages_of(self, payment_id: UUID) -> tuple[Message, ...]:
        return await self._all(
            record_mapping.message_of, statements.MESSAGES_OF, payment_id=text_of(payment_id)
        )

    async def reviews_of(self, payment_id: UUID) -> tuple[Review, ...]:
        return await self._all(
            record_mapping.review_of, statements.REVIEWS_OF, payment_id=text_of(payment_id)
        )

    async def review(self, review_id: UUID) -> Review | None:
        row = await self._reader.fetch_one(statements.REVIEW, {"review_id": text_of(review_id)})
        return None if row is None else record_mapping.review_of(row)

    async def reviews(self, query: ReviewQuery) -> tuple[Review, ...]:
        beyond = query.beyond
        before, before_id = (_EVER, "") if beyond is None else (instant(beyond[0]), str(beyond[1]))
        return await self._all(
            record_mapping.review_of,
            statements.REVIEWS_OF_KIND if query.kind else statements.REVIEWS_IN_STATE,
            review_state=query.state.value,
            kind=query.kind.value if query.kind else None,
            before=before,
            before_id=before_id,
            limit=query.limit,
        )

    async def review_trail(self, review_id: UUID) -> tuple[ReviewLink, ...]:
        return await _review_trail(self._reader, review_id)

    async def reviews_alone_after(self, review_id: Place, limit: int) -> tuple[Review, ...]:
        statement = statements.REVIEWS_ALONE_FROM if review_id is None else statements.REVIEWS_ALONE_AFTER
        return await self._all(
            record_mapping.review_of, statement, review_id=str(review_id or ""), limit=limit
        )

    async def review_trails_after(self, review_id: Place, limit: int) -> tuple[UUID, ...]:
        statement = statements.REVIEW_TRAILS_FROM if review_id is None else statements.REVIEW_TRAILS_AFTER
        return await self._all(
            record_mapping.review_id_of, statement, review_id=str(review_id or ""), limit=limit
        )

    async def collection(self, collection_id: str) -> Collection | None:
        return await _collection(self._reader, collection_id)

    async def collections_of(self, payment_id: UUID) -> tuple[Collection, ...]:
        return await self._all(
            record_mapping.collection_of, statements.COLLECTIONS_OF, payment_id=text_of(payment_id)
        )

    async def cash_held(self, collector: str | None, limit: int) -> tuple[Collection, ...]:
        statement = statements.CASH_HELD if collector is None else statements.CASH_HELD_BY
        return await self._all(record_mapping.collection_of, statement, collector=collector, limit=limit)

    async def cash_held_sums(self, collector: str | None) -> tuple[HeldCash, ...]:
        statement = statements.CASH_HELD_SUMS if collector is None else statements.CASH_HELD_SUMS_BY
        return await self._all(record_mapping.held_cash_of, statement, collector=collector)

    async def handover(self, handover_id: str) -> Handover | None:
        return await _handover(self._reader, handover_id)

    async def audit_of(self, payment_id: UUID) -> tuple[AuditEntry, ...]:
        return await self._all(
            record_mapping.audit_entry_of, statements.AUDIT_OF, payment_id=text_of(payment_id)
        )

    async def notices_about(self, reference: str) -> tuple[Notice, ...]:
        return await self._all(record_mapping.notice_of, statements.NOTICES_ABOUT, reference=reference)

    async def newest_notices(self, reference: str, provider: str, limit: int) -> tuple[Notice, ...]:
        found = await self._all(
            record_mapping.notice_of,
            statements.NEWEST_NOTICES,
            reference=reference,
            provider=provider,
            limit=limit,
        )
        return found[::-1]

    async def records_of(self, payments: Sequence[Payment]) -> tuple[Records, ...]:
        if not payments:
            return ()
        ends = {"first_payment": str(payments[0].payment_id), "last_payment": str(payments[-1].payment_id)}
        evidence = await self._by_payment(record_mapping.evidence_of, statements.EVIDENCE_WALKED, ends)
        messages = await self._by_payment(record_mapping.message_of, statements.MESSAGES_WALKED, ends)
        reviews = await self._by_payment(record_mapping.review_of, statements.REVIEWS_WALKED, ends)
        audit = await self._by_payment(record_mapping.audit_entry_of, statements.AUDIT_WALKED, ends)
        collections = await self._by_payment(
            record_mapping.collection_of, statements.COLLECTIONS_WALKED, ends
        )
        return tuple(
            Records(
                evidence=tuple(evidence[payment_id]),
                messages=tuple(messages[payment_id]),
                reviews=tuple(reviews[payment_id]),
                audit=tuple(audit[payment_id]),
                collections=tuple(collections[payment_id]),
            )
            for payment_id in (payment.payment_id for payment in payments)
        )

    async def _by_payment(
        self, record: Callable[[Row], R], statement: Any, ends: Values
    ) -> Mapping[UUID | None, list[R]]:
        found: defaultdict[UUID | None, list[R]] = defaultdict(list)
        for row in await self._reader.fetch(statement, ends):
            each = record(row)
            found[each.payment_id].append(each)
        return found

    async def payments_after(self, payment_id: Place, limit: int) -> tuple[Payment, ...]:
        statement = statements.PAYMENTS_FROM if payment_id is None else statements.PAYMENTS_AFTER
        return await self._all(mapping.payment_of, statement, payment_id=str(payment_id or ""), limit=limit)

    async def backlog(self, now: datetime) -> Backlog:
        (row,) = await self._reader.fetch(statements.BACKLOG, {})
        return record_mapping.backlog_of(row, now)

    async def _whole(self, statement: Any, **values: Any) -> Payment | None:
        row = await self._reader.fetch_one(statement, values)
        return None if row is None else mapping.payment_of(row)

    async def _all(self, record: Callable[[Row], T], statement: Any, **values: Any) -> tuple[T, ...]:
        return tuple(map(record, await self._reader.fetch(statement, values)))


def _history_statement(query: HistoryQuery) -> Any:
    if query.order_id is not None:
        return statements.HISTORY_OF_ORDER
    if query.provider is not None:
        return statements.HISTORY_WITH_BOTH if query.status else statements.HISTORY_WITH_PROVIDER
    return statements.HISTORY_WITH_STATUS if query.status else statements.HISTORY


def _history_values(query: HistoryQuery) -> dict[str, Any]:
    """One range, from ``after`` up to (``before``, ``before_id``), neither end included."""
    ends = [(_EVER, "")]
    if query.created_before is not None:
        # No identifier stands before the empty text, so nothing of that very instant is included.
        ends.append((instant(query.created_before), ""))
    if query.beyond is not None:
        ends.append((instant(query.beyond[0]), str(query.beyond[1])))
    before, before_id = min(ends)
    return {
        "payer": query.payer,
        "order_id": query.order_id,
        "status": query.status.value if query.status else None,
        "provider": query.provider,
        "after": -_EVER if query.created_after is None else instant(query.created_after),
        "before": before,
        "before_id": before_id,
        "limit": query.limit,
    }


_FOUND: Final = {
    PaymentStatus.PENDING: statements.FOUND_PENDING,
    PaymentStatus.PROCESSING: statements.FOUND_PROCESSING,
    PaymentStatus.SUCCESS: statements.FOUND_SUCCESS,
    PaymentStatus.FAILED: statements.FOUND_FAILED,
}


def _search_statement(search: Search) -> Any:
    if search.name is not None:
        return statements.FOUND_BY_NAME
    return statements.FOUND if search.status is None else _FOUND[search.status]


def _search_values(search: Search) -> dict[str, Any]:
    return {
        "name": search.name,
        "payment_id": search.name.lower() if search.name else None,
        "status": search.status.value if search.status else None,
        "before_id": _PAST_EVERY_ID if search.beyond is None else str(search.beyond),
        "limit": search.limit,
    }


@attrs.define
class SqlTransaction(SqlSingleWrites, Transaction):
    """Reads and writes over a runner that is inside a transaction.

    One that is ``trusting`` takes the first payment it is told of as it is known, without asking the
    database. Whether that was right is found out by the save, which wants to find it at the same version.
    """

    _runner: Runner
    _trusting: bool = False
    _unproven: Payment | None = attrs.field(default=None, init=False)
    """What was taken as known, and not compared with what is stored yet."""
    _fresh: bool = attrs.field(default=False, init=False)
    """It is to be stored by the save, if its order has none."""
    _held_by_nobody: Names | None = attrs.field(default=None, init=False)
    """What was taken to be free, and is so if the save can write it."""

    def refuse_unproven(self) -> None:
        """Return if everything that was gone by is what is stored.

        Raises:
            Outdated: it was not compared.
        """
        if self._unproven is not None:
            raise Outdated(f"Nobody looked whether payment {self._unproven.payment_id} is as it was known.")

    def _trusts(self, known: Payment | None) -> bool:
        """Whether ``known`` will do for now: it is the first thing this transaction is about."""
        trusted = self._trusting and known is not None
        self._trusting = False
        if trusted:
            self._unproven = known
        return trusted

    async def open_payment(self, payment: Payment, *, fresh: bool = False) -> Payment:
        if self._trusts(payment if fresh else None):
            self._fresh = True
            return payment
        values = mapping.payment_values(payment)
        await self._runner.run(statements.OPEN_PAYMENT, values)
        await self._runner.fetch_one(statements.LOCK_ORDER, values)
        row = await self._runner.fetch_one(statements.PAYMENT_OF_ORDER, values)
        if row is None:
            raise NotUnique(f"The payment id {payment.payment_id} is taken by another order's payment.")
        return mapping.payment_of(row)

    async def lock_payment(self, payment_id: UUID, known: Payment | None = None) -> Payment | None:
        if self._trusts(known):
            return known
        values = {"payment_id": text_of(payment_id)}
        if await self._runner.fetch_one(statements.LOCK_PAYMENT, values) is None:
            return None
        row = await self._runner.fetch_one(statements.PAYMENT, values)
        return None if row is None else mapping.payment_of(row)

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
        row = await self._runner.fetch_one(
            statements.ATTEMPT_HOLDING,
            {"provider": provider, "mode": mode.value, "key": key, "provider_reference": provider_reference},
        )
        return None if row is None else row["reference"]

    async def attempt_with_receipt(self, provider: str, mode: Mode, receipt: str) -> str | None:
        values = {"provider": provider, "mode": mode.value, "receipt": receipt}
        row = await self._runner.fetch_one(statements.ATTEMPT_WITH_RECEIPT, values)
        return None if row is None else row["reference"]

    async def verdict_of(self, evidence_id: UUID) -> Rule | None:
        row = await self._runner.fetch_one(statements.VERDICT_OF, {"evidence_id": text_of(evidence_id)})
        return None if row is None else Rule[row["rule"].upper()]

    async def save(self, change: StoredChange) -> None:
        known = self._unproven
        if known is not None and known.payment_id != change.after.payment_id:
            known = None
        if known is not None and writes_money_again(change):
            raise Outdated(f"Money of payment {known.payment_id} is written again under its lock only.")
        if known is not None and self._held_by_nobody and not self._held_by_nobody.are_written_by(change):
            raise Outdated(f"Nobody looked who holds the names of payment {known.payment_id}'s money.")
        writes = writes_of(change, fresh=known is not None and self._fresh)
        try:
            await self._runner.write(writes, later=known is not None)
        except NotUnique as taken:
            raise StaleVersion(f"Another change came first: {taken}") from taken
        except Outdated as changed:
            if known is not None:
                raise
            raise StaleVersion(
                f"Payment {change.after.payment_id} is no longer as it was at {change.before.version}."
            ) from changed
        if known is not None:
            self._unproven = None

    async def add_review(self, opened: StoredReview) -> bool:
        if not await self._runner.run(statements.ADD_REVIEW, record_mapping.review_values(opened.review)):
            return False
        await self._tell(opened.link)
        return True

    async def reviews_of(self, payment_id: UUID) -> tuple[Review, ...]:
        rows = await self._runner.fetch(statements.REVIEWS_OF, {"payment_id": text_of(payment_id)})
        return tuple(map(record_mapping.review_of, rows))

    async def lock_review(self, review_id: UUID) -> Review | None:
        row = await self._runner.fetch_one(statements.LOCK_REVIEW, {"review_id": text_of(review_id)})
        return None if row is None else record_mapping.review_of(row)

    async def review_trail(self, review_id: UUID) -> tuple[ReviewLink, ...]:
        return await _review_trail(self._runner, review_id)

    async def decide_review(self, decided: StoredReview) -> bool:
        if not await decide_review(self._runner, decided.review):
            return False
        await self._tell(decided.link)
        return True

    async def _tell(self, link: ReviewLink) -> None:
        await self._runner.run(statements.ADD_REVIEW_LINK, record_mapping.review_link_values(link))

    async def collection(self, collection_id: str) -> Collection | None:
        return await _collection(self._runner, collection_id)

    async def add_collection(self, collection: Collection) -> bool:
        values = record_mapping.collection_values(collection)
        return await self._runner.run(statements.ADD_COLLECTION, values) == 1

    async def attach_collection(self, collection: Collection) -> bool:
        values = record_mapping.collection_values(collection)
        this = {**values, "this_collection": collection.collection_id}
        return await self._runner.run(statements.ATTACH_COLLECTION, this) == 1

    async def handover(self, handover_id: str) -> Handover | None:
        return await _handover(self._runner, handover_id)

    async def add_handover(self, handover: Handover) -> tuple[str, ...] | None:
        values = record_mapping.handover_values(handover)
        if not await self._runner.run(statements.ADD_HANDOVER, values):
            return None
        missing = []
        # In one order for everybody, so that two hand-overs of the same cash do not wait for each other.
        for name in sorted(handover.collections):
            this = {
                "this_collection": name,
                "collector": handover.collector,
                "handover_id": handover.handover_id,
            }
            if not await self._runner.run(statements.HAND_OVER, this):
                missing.append(name)
        return tuple(missing)

    async def add_notice(self, notice: Notice, *, most_unknown: int | None = None) -> bool:
        values = record_mapping.notice_values(notice)
        if await self._is_new(values, most_unknown):
            return True
        if values["next_try_at"] is not None:
            sooner = {"this_digest": values["digest"], "sooner": values["next_try_at"]}
            await self._runner.run(statements.HASTEN_NOTICE, sooner)
        return False

    async def _is_new(self, values: dict[str, Any], most_unknown: int | None) -> bool:
        if most_unknown is None:
            return await self._runner.run(statements.ADD_NOTICE, values) == 1
        stored = await self._runner.fetch_one(statements.ADD_SIGNED_NOTICE, values)
        if stored is None:
            return False
        if stored["outcome"] == UNKNOWN_REFERENCE:
            limits = {"provider": values["provider"], "most": most_unknown}
            if await self._runner.fetch_one(statements.UNKNOWN_BEYOND, limits) is not None:
                raise InboxFull
        return True

    async def finish_notice(self, notice: Notice, *, token: UUID) -> bool:
        return await self._runner.run(statements.FINISH_NOTICE, finished_notice(notice, token)) == 1

    async def finish_message(self, message: Message, *, token: UUID) -> bool:
        return await self._runner.run(statements.FINISH_MESSAGE, finished_message(message, token)) == 1

    async def forget_answers(self, now: datetime, *, limit: int) -> int:
        due = {"now": instant(now), "limit": limit}
        rows = await self._runner.fetch(statements.ANSWERS_TO_FORGET, due)
        forgotten = [this_answer(row["user"], row["operation"], row["key"]) for row in rows]
        await self._runner.run_many(statements.FORGET_ANSWER, forgotten)
        return len(forgotten)

    async def erase_notices(self, until: datetime, *, limit: int) -> int:
        due = {"until": instant(until), "limit": limit}
        rows = await self._runner.fetch(statements.BODIES_TO_ERASE, due)
        emptied = [{"this_notice": row["notice_id"]} for row in rows]
        await self._runner.run_many(statements.ERASE_BODY, emptied)
        return len(emptied)

    async def erase_people(self, until: datetime, *, limit: int) -> int:
        count = 0
        for statement in (
            statements.PAYERS_TO_ERASE,
            statements.PHONES_TO_ERASE,
            statements.MAILS_TO_ERASE,
        ):
            if count >= limit:
                break
            due = {"until": instant(until), "limit": limit - count}
            # A payment with two phones is named twice.
            found = dict.fromkeys(row["payment_id"] for row in await self._runner.fetch(statement, due))
            await self._erase([{"this_payment": name} for name in found])
            count += len(found)
        return count

    async def _erase(self, payments: list[dict[str, Any]]) -> None:
        for statement in (statements.ERASE_PAYER, statements.ERASE_PHONES, statements.ERASE_MAILS):
            await self._runner.run_many(statement, payments)


async def _review_trail(reader: Reader, review_id: UUID) -> tuple[ReviewLink, ...]:
    rows = await reader.fetch(statements.REVIEW_TRAIL, {"review_id": text_of(review_id)})
    return tuple(map(record_mapping.review_link_of, rows))


async def _collection(reader: Reader, collection_id: str) -> Collection | None:
    row = await reader.fetch_one(statements.COLLECTION, {"collection_id": collection_id})
    return None if row is None else record_mapping.collection_of(row)


async def _handover(reader: Reader, handover_id: str) -> Handover | None:
    values = {"handover_id": handover_id}
    row = await reader.fetch_one(statements.HANDOVER, values)
    if row is None:
        return None
    rows = await reader.fetch(statements.COLLECTIONS_OF_HANDOVER, values)
    return record_mapping.handover_of(row, tuple(each["collection_id"] for each in rows))
