"""Writes of one statement each, in SQL: by themselves, or within a transaction, as the runner has it."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Final, TypeVar
from uuid import UUID

import attrs
import structlog

from payments.adapters.sql import record_mapping, statements
from payments.adapters.sql.conversion import instant, maybe_instant, text_of
from payments.adapters.sql.runner import Row, Writer
from payments.application.ports.repository import UnreadableRecord
from payments.application.ports.single_writes import SingleWrites
from payments.application.records import Message, Notice, StoredAnswer
from payments.domain.errors import StorageUnavailable

T = TypeVar("T")

_log = structlog.get_logger(__name__)

_LOOKS: Final = 5
"""How often a key that is taken when it is asked for, and free when it is looked up, is asked for again."""


# Not frozen: a transaction is one of these, and remembers what it was told.
@attrs.define
class SqlSingleWrites(SingleWrites):
    """What changes something changes it in one statement; what it answers is put in order here."""

    _runner: Writer

    async def add_known_notice(self, notice: Notice) -> bool:
        values = record_mapping.notice_values(notice)
        return await self._runner.run(statements.ADD_KNOWN_NOTICE, values) == 1

    async def lease_notices(
        self, now: datetime, *, until: datetime, token: UUID, limit: int
    ) -> tuple[Notice, ...]:
        rows = await self._runner.fetch(
            statements.LEASE_NOTICES,
            {"now": instant(now), "limit": limit, "next_try_at": instant(until), "lease": text_of(token)},
        )
        notices = _readable(record_mapping.notice_of, rows)
        return tuple(sorted(notices, key=lambda notice: (notice.received_at, notice.notice_id)))

    async def finish_notices(self, notices: tuple[Notice, ...], *, token: UUID) -> None:
        await self._runner.run_many(
            statements.FINISH_NOTICE, [finished_notice(notice, token) for notice in notices]
        )

    async def lease_messages(
        self, now: datetime, *, until: datetime, token: UUID, limit: int
    ) -> tuple[Message, ...]:
        rows = await self._runner.fetch(
            statements.LEASE_MESSAGES,
            {"now": instant(now), "limit": limit, "next_try_at": instant(until), "lease": text_of(token)},
        )
        messages = _readable(record_mapping.message_of, rows)
        return tuple(sorted(messages, key=lambda message: (message.created_at, message.message_id)))

    async def finish_messages(self, messages: tuple[Message, ...], *, token: UUID) -> None:
        await self._runner.run_many(
            statements.FINISH_MESSAGE, [finished_message(message, token) for message in messages]
        )

    async def lease_attempts(self, now: datetime, *, until: datetime, limit: int) -> tuple[str, ...]:
        leased = {"now": instant(now), "limit": limit, "next_check_at": instant(until)}
        rows = await self._runner.fetch(statements.LEASE_ATTEMPTS, leased)
        return tuple(sorted(row["reference"] for row in rows))

    async def lease_refunds(
        self, now: datetime, *, until: datetime, limit: int
    ) -> tuple[tuple[UUID, UUID], ...]:
        leased = {"now": instant(now), "limit": limit, "next_check_at": instant(until)}
        rows = await self._runner.fetch(statements.LEASE_REFUNDS, leased)
        return tuple(sorted(_readable(record_mapping.leased_refund_of, rows), key=itemgetter(1)))

    async def begin_answer(self, answer: StoredAnswer, now: datetime) -> StoredAnswer | None:
        new = {**record_mapping.answer_values(answer), "now": instant(now)}
        this = this_answer(answer.user, answer.operation, answer.key)
        for _ in range(_LOOKS):
            if await self._runner.fetch_one(statements.BEGIN_ANSWER, new) is not None:
                return None
            row = await self._runner.fetch_one(statements.ANSWER, this)
            if row is not None:
                return record_mapping.answer_of(row)
        raise StorageUnavailable("Others took the key and gave it back, again and again.", retry_after_s=1.0)

    async def end_answer(self, answer: StoredAnswer) -> bool:
        return await self._runner.run(statements.END_ANSWER, record_mapping.answer_values(answer)) == 1

    async def drop_answer(self, answer: StoredAnswer) -> None:
        this = this_answer(answer.user, answer.operation, answer.key)
        await self._runner.run(statements.DROP_ANSWER, {**this, "this_holder": text_of(answer.holder)})


def _readable(record: Callable[[Row], T], rows: Sequence[Row]) -> Iterator[T]:
    """What can be read of ``rows``, which are leased: one that somebody edited must not keep the others.

    They are put in order afterwards: SQLite has a word, too, where somebody wrote one for an instant.
    """
    for row in rows:
        try:
            yield record(row)
        except UnreadableRecord as unreadable:
            _log.error("record_unreadable", detail=str(unreadable))


def finished_notice(notice: Notice, token: UUID) -> dict[str, object]:
    """What became of a notice, to be stored by who shows the lease's token."""
    return {
        "this_notice": text_of(notice.notice_id),
        "token": text_of(token),
        "handled_at": maybe_instant(notice.handled_at),
        "outcome": notice.outcome,
        "next_try_at": maybe_instant(notice.next_try_at),
        "tries": notice.tries,
        "lease": None,
    }


def finished_message(message: Message, token: UUID) -> dict[str, object]:
    """What became of a message, to be stored by who shows the lease's token."""
    return {
        "this_message": text_of(message.message_id),
        "token": text_of(token),
        "state": message.state.value,
        "next_try_at": maybe_instant(message.next_try_at),
        "tries": message.tries,
        "delivered_at": maybe_instant(message.delivered_at),
        "last_error": message.last_error,
        "lease": None,
    }


def this_answer(user: str, operation: str, key: str) -> dict[str, str]:
    """By what an answer is found."""
    return {"this_user": user, "this_operation": operation, "this_key": key}
