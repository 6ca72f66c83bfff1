"""Units of work in SQL: each in one transaction, run again while the database asks for it."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import attrs

from payments.adapters.sql.again import Patience, again
from payments.adapters.sql.repository import SqlReads, SqlTransaction
from payments.adapters.sql.runner import Database, Runner
from payments.adapters.sql.single_writes import SqlSingleWrites
from payments.application.ports.repository import Reads, Transaction
from payments.application.ports.single_writes import SingleWrites
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
    _alone: Runner | None = None
    """Runs statements that write, each by itself, where that is cheaper than a transaction around it."""

    @property
    def reads(self) -> Reads:
        return SqlReads(self._database.reads)

    @property
    def single(self) -> SingleWrites:
        return super().single if self._alone is None else SqlSingleWrites(self._alone)

    async def write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        async def run(runner: Runner) -> T:
            return await work(SqlTransaction(runner))

        return await again(lambda: self._database.transact(run), self._patience)
