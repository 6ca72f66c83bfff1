"""Units of work: all or nothing, and never open while the network is used."""

from abc import abstractmethod
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Protocol, TypeVar
from uuid import UUID

import attrs

from payments.application.ports.repository import Reads, Transaction
from payments.application.ports.single_writes import SingleWrites
from payments.application.records import Message, Notice, StoredAnswer

T = TypeVar("T")


class UnitOfWork(Protocol):
    """Runs functions in transactions; holds none itself."""

    @property
    @abstractmethod
    def reads(self) -> Reads:
        """Reads outside any transaction."""

    @property
    def single(self) -> SingleWrites:
        """Writes of one statement, each a unit of work of its own.

        A store that has no cheaper way to make them runs each in :meth:`write`.
        """
        return _EachInWrite(self.write)

    @abstractmethod
    async def write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run ``work`` in a transaction and commit it; roll all of it back if it raises.

        ``work`` may be run again, in a new transaction, after a serialisation failure, a lost connection or
        a commit whose outcome is unknown, and when what it began from is no longer so. So it carries the ids
        of what it writes, looks for them first, and has no other effect than through its transaction.

        Raises:
            StorageUnavailable: nothing was answered in time. Whatever was acknowledged before still stands.
        """


@attrs.frozen
class _EachInWrite(SingleWrites):
    """Each single write in a transaction of its own."""

    _write: Callable[[Callable[[Transaction], Awaitable[Any]]], Awaitable[Any]]

    async def add_known_notice(self, notice: Notice) -> bool:
        stored: bool = await self._write(lambda transaction: transaction.add_known_notice(notice))
        return stored

    async def lease_notices(
        self, now: datetime, *, until: datetime, token: UUID, limit: int
    ) -> tuple[Notice, ...]:
        taken: tuple[Notice, ...] = await self._write(
            lambda transaction: transaction.lease_notices(now, until=until, token=token, limit=limit)
        )
        return taken

    async def finish_notices(self, notices: tuple[Notice, ...], *, token: UUID) -> None:
        await self._write(lambda transaction: transaction.finish_notices(notices, token=token))

    async def lease_messages(
        self, now: datetime, *, until: datetime, token: UUID, limit: int
    ) -> tuple[Message, ...]:
        taken: tuple[Message, ...] = await self._write(
            lambda transaction: transaction.lease_messages(now, until=until, token=token, limit=limit)
        )
        return taken

    async def finish_messages(self, messages: tuple[Message, ...], *, token: UUID) -> None:
        await self._write(lambda transaction: transaction.finish_messages(messages, token=token))

    async def lease_attempts(self, now: datetime, *, until: datetime, limit: int) -> tuple[str, ...]:
        taken: tuple[str, ...] = await self._write(
            lambda transaction: transaction.lease_attempts(now, until=until, limit=limit)
        )
        return taken

    async def lease_refunds(
        self, now: datetime, *, until: datetime, limit: int
    ) -> tuple[tuple[UUID, UUID], ...]:
        taken: tuple[tuple[UUID, UUID], ...] = await self._write(
            lambda transaction: transaction.lease_refunds(now, until=until, limit=limit)
        )
        return taken

    async def begin_answer(self, answer: StoredAnswer, now: datetime) -> StoredAnswer | None:
        stands: StoredAnswer | None = await self._write(
            lambda transaction: transaction.begin_answer(answer, now)
        )
        return stands

    async def end_answer(self, answer: StoredAnswer) -> bool:
        stored: bool = await self._write(lambda transaction: transaction.end_answer(answer))
        return stored

    async def drop_answer(self, answer: StoredAnswer) -> None:
        await self._write(lambda transaction: transaction.drop_answer(answer))
