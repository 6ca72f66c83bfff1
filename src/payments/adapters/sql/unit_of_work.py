"""Units of work in SQL: each in one transaction, run again while the database asks for it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import attrs

from payments.adapters.sql.repository import SqlReads, SqlTransaction
from payments.adapters.sql.runner import Database, Runner, TryAgain
from payments.application.ports.repository import Reads, Transaction
from payments.application.ports.unit_of_work import UnitOfWork
from payments.domain.errors import StorageUnavailable

T = TypeVar("T")

TIMES: Final = 3
"""How often one unit of work is run at most."""

AGAIN_WITHIN_S: Final = 10.0
"""No new run begins later than this after the first one began."""


@attrs.frozen
class SqlUnitOfWork(UnitOfWork):
    """Units of work over one database."""

    _database: Database

    @property
    def reads(self) -> Reads:
        return SqlReads(self._database.reads)

    async def write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        async def run(runner: Runner) -> T:
            return await work(SqlTransaction(runner))

        loop = asyncio.get_running_loop()
        last_start = loop.time() + AGAIN_WITHIN_S
        for runs_left in reversed(range(TIMES)):
            try:
                return await self._database.transact(run)
            except TryAgain as broken:
                if not runs_left or loop.time() > last_start:
                    raise StorageUnavailable(f"The database did not confirm: {broken}") from broken
        raise AssertionError("unreachable: the last run returns or raises")
