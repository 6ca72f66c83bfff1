"""Units of work in SQL: each in one transaction, run again while the database asks for it."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import attrs

from payments.adapters.sql.again import Patience, again
from payments.adapters.sql.repository import SqlReads, SqlTransaction
from payments.adapters.sql.runner import Database, Runner
from payments.application.ports.repository import Reads, Transaction
from payments.application.ports.unit_of_work import UnitOfWork

T = TypeVar("T")

TIMES: Final = 3
AGAIN_WITHIN_S: Final = 10.0

A_LITTLE: Final = Patience(times=TIMES, within_s=AGAIN_WITHIN_S, first_pause_s=0.01, longest_pause_s=0.1)
"""For a database that lives in this process."""


@attrs.frozen
class SqlUnitOfWork(UnitOfWork):
    """Units of work over one database."""

    _database: Database
    _patience: Patience = A_LITTLE

    @property
    def reads(self) -> Reads:
        return SqlReads(self._database.reads)

    async def write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        async def run(runner: Runner) -> T:
            return await work(SqlTransaction(runner))

        return await again(lambda: self._database.transact(run), self._patience)
