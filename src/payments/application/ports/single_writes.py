"""Writes of one statement: each is a unit of work by itself, and costs one round trip."""

from abc import abstractmethod
from datetime import datetime
from typing import Protocol
from uuid import UUID

from payments.application.records import Message, Notice, StoredAnswer


class SingleWrites(Protocol):
    """Each call happens whole or not at all, and by itself: nothing is done together with another one.

    Like every unit of work a call may be run again after its outcome was in doubt; it raises what
    :meth:`UnitOfWork.write <payments.application.ports.unit_of_work.UnitOfWork.write>` raises. A lease taken
    by the run whose answer was lost ends by itself.
    """

    @abstractmethod
    async def add_known_notice(self, notice: Notice) -> bool:
        """Store ``notice`` if an attempt or a refund has its reference, or nobody is to look at it.

        False, and nothing is stored, if it is to be looked at and nobody has its reference, and if its digest
        is already there: :meth:`Transaction.add_notice` tells one from the other.
        """

    @abstractmethod
    async def lease_notices(
        self, now: datetime, *, until: datetime, token: UUID, limit: int
    ) -> tuple[Notice, ...]:
        """Take up to ``limit`` unhandled notices, those due for longest; due again at ``until``.

        They come as they now are, the first received first.
        """

    @abstractmethod
    async def finish_notices(self, notices: tuple[Notice, ...], *, token: UUID) -> None:
        """Store what became of leased notices; one whose lease was lost meanwhile is left alone."""

    @abstractmethod
    async def lease_messages(
        self, now: datetime, *, until: datetime, token: UUID, limit: int
    ) -> tuple[Message, ...]:
        """Take up to ``limit`` pending messages, those due for longest; due again at ``until``.

        They come as they now are, oldest first. One to the orders service that a newer one of its order
        overtook is marked so and not leased: it comes with that state, and is not to be sent.
        """

    @abstractmethod
    async def finish_messages(self, messages: tuple[Message, ...], *, token: UUID) -> None:
        """Store what became of leased messages; one whose lease was lost meanwhile is left alone."""

    @abstractmethod
    async def lease_attempts(self, now: datetime, *, until: datetime, limit: int) -> tuple[str, ...]:
        """References of up to ``limit`` attempts due for a check, those due for longest; again at ``until``.

        They come in the order of their references.
        """

    @abstractmethod
    async def lease_refunds(
        self, now: datetime, *, until: datetime, limit: int
    ) -> tuple[tuple[UUID, UUID], ...]:
        """Payment and refund ids of up to ``limit`` refunds that are due, leased in the same way."""

    @abstractmethod
    async def begin_answer(self, answer: StoredAnswer, now: datetime) -> StoredAnswer | None:
        """Reserve a key, or return what stands under it (expired rows count as absent)."""

    @abstractmethod
    async def end_answer(self, answer: StoredAnswer) -> bool:
        """Store the final answer under the key that its holder reserved.

        False, and nothing is stored, if the reservation ran out and another one has the key by now.
        """

    @abstractmethod
    async def drop_answer(self, answer: StoredAnswer) -> None:
        """Give the key back that its holder reserved: the answer was not final. Another one's stays."""
