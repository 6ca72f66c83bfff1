"""Units of work in memory: real rollback, and no stronger than the real databases.

Writers run one after the other, as on SQLite; what they wrote is seen by nobody until they commit; and what
the databases' unique indexes refuse is refused here too.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import attrs

from payments.adapters.memory.repository import MemoryReads, MemoryTransaction, Tables
from payments.application.ports.repository import Reads, Transaction
from payments.application.ports.unit_of_work import UnitOfWork

T = TypeVar("T")


@attrs.define
class MemoryUnitOfWork(UnitOfWork):
    """Everything is kept in this object and gone with it."""

    _committed: Tables = attrs.field(factory=Tables, init=False)
    _writer: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)

    @property
    def reads(self) -> Reads:
        return MemoryReads(lambda: self._committed)

    async def write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        async with self._writer:
            transaction = MemoryTransaction(self._committed)
            result = await work(transaction)
            # Another task's turn between the last statement and the commit, as a real commit allows.
            await asyncio.sleep(0)
            self._committed = transaction.tables
            return result
