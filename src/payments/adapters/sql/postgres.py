"""PostgreSQL: a pool of asyncpg's connections, READ COMMITTED, and row locks where a payment changes.

Each statement is compiled once in this process and prepared once on each connection. Single reads run
without a transaction. A unit of work that the server broke off, or whose commit was not answered, says
TryAgain: :mod:`payments.adapters.sql.again` then runs it again, whole, with the same identifiers.

Leases are taken with the caller's clock, not the server's. No safety hangs on it: who marks a row shows the
token it was leased with (fencing), in the statement that marks it. A clock that is wrong makes somebody work
twice or later, and never lets two of them mark one row (ADR 0014).
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager
from functools import partial
from typing import Any, Final, TypeVar

import asyncpg
from sqlalchemy.sql import ClauseElement

from payments.adapters.sql.again import Patience, again
from payments.adapters.sql.compiled import Compiled, Statements
from payments.adapters.sql.many_at_once import ManyAtOnceStatements
from payments.adapters.sql.merged import Merged, MergedStatements
from payments.adapters.sql.postgres_answers import (
    LOST,
    NEVER_S,
    answered,
    arguments_of,
    arguments_of_many,
    meaning_of_writes,
    refuse_outdated,
    roll_back,
    rows_counted,
    sendable,
    unbroken,
)
from payments.adapters.sql.postgres_convoys import Convoys
from payments.adapters.sql.postgres_errors import meaning, told
from payments.adapters.sql.postgres_lending import Lender
from payments.adapters.sql.postgres_pool import BEGIN, DIALECT, PooledConnection, open_pool
from payments.adapters.sql.postgres_url import read_address
from payments.adapters.sql.runner import (
    Database,
    Outdated,
    Reader,
    Row,
    Runner,
    TryAgain,
    Values,
    Write,
    Writer,
)
from payments.adapters.sql.unit_of_work import SqlUnitOfWork
from payments.application.ports.unit_of_work import UnitOfWork
from payments.domain.errors import StorageUnavailable

T = TypeVar("T")

DEFAULT_POOL_SIZE: Final = 10

SOME: Final = Patience(times=25, within_s=5.0, first_pause_s=0.02, longest_pause_s=1.0)
"""Long enough for a restart and for most fail-overs, and shorter than who waits for an answer."""


@asynccontextmanager
async def open_postgres(
    url: str, *, read_only: bool = False, pool_size: int = DEFAULT_POOL_SIZE
) -> AsyncIterator[UnitOfWork]:
    """Units of work on the database at ``url``, which :mod:`payments.adapters.sql.migrate` made.

    Raises:
        ConfigurationInvalid: ``url`` cannot be read.
        StorageUnavailable: no server lets us in.
    """
    async with open_postgres_database(url, read_only=read_only, pool_size=pool_size) as database:
        yield units_of_work(database)


@asynccontextmanager
async def open_postgres_database(
    url: str,
    *,
    read_only: bool = False,
    pool_size: int = DEFAULT_POOL_SIZE,
    connection: type[PooledConnection] = PooledConnection,
    patience: Patience = SOME,
) -> AsyncIterator["PostgresDatabase"]:
    """The database behind :func:`open_postgres`; ``connection`` is the class of its connections."""
    async with (
        open_pool(read_address(url), size=pool_size, read_only=read_only, connection=connection) as pool,
        aclosing(PostgresDatabase(pool, patience, read_only=read_only)) as database,
    ):
        yield database


def units_of_work(database: "PostgresDatabase") -> UnitOfWork:
    return SqlUnitOfWork(database, database.patience, database.alone)


class PostgresDatabase(Database):
    """Any number of units of work at once; as many of them write or lock as there are connections."""

    def __init__(self, pool: asyncpg.Pool, patience: Patience, *, read_only: bool) -> None:
        self.patience = patience
        self.lender = Lender(pool)
        self._read_only = read_only
        self._statements = Statements(DIALECT)
        self.merged = MergedStatements(self._statements)
        self.many_at_once = ManyAtOnceStatements(self._statements)
        self.convoys = Convoys(self._statements, self.lent)

    @property
    def reads(self) -> Reader:
        """Runs single statements, each committed by itself."""
        return _Alone(self, self._statements)

    @property
    def alone(self) -> Writer:
        """Runs single statements that write: each is a transaction of its own, run again while in doubt."""
        return _WritingAlone(self)

    async def transact(self, work: Callable[[Runner], Awaitable[T]]) -> T:
        self.refuse_when_read_only()
        async with AsyncExitStack() as lent:
            writing = _Writing(self, lent, self._statements)
            try:
                result = await work(writing)
                await writing.commit()
            except BaseException as error:
                await writing.roll_back()
                await self.lender.leave_standby(error)
                raise
            return result

    def connection(self) -> AbstractAsyncContextManager[asyncpg.Connection]:
        """A connection for as long as the block runs.

        Raises:
            StorageUnavailable: none became free in time.
            TryAgain: none could be made.
        """
        return self.lender.connection()

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[asyncpg.Connection]:
        """As :meth:`connection`, for single statements."""
        async with self.connection() as connection:
            try:
                yield connection
            except Exception as error:
                await self.lender.leave_standby(error)
                raise

    async def aclose(self) -> None:
        """Hold no connection any more."""
        await self.lender.aclose()

    def refuse_when_read_only(self) -> None:
        if self._read_only:
            raise StorageUnavailable("This database was opened for reading only.")


class _Alone(Reader):
    """Single statements, run again when their connection was lost.

    Those of :mod:`~payments.adapters.sql.shared_state` write, too: what they write may be lost.
    """

    def __init__(self, database: PostgresDatabase, statements: Statements) -> None:
        self._database = database
        self._statements = statements

    async def fetch(self, statement: ClauseElement, values: Values) -> Sequence[Row]:
        compiled = self._statements[statement]

        async def run() -> Sequence[Row]:
            if compiled.only_reads:
                return await self._database.convoys.read(statement, values)
            arguments = arguments_of(compiled, values)
            async with self._database.lent() as connection:
                rows: Sequence[Row] = await answered(connection.fetch, compiled.text, *arguments)
                return rows

        return await again(run, self._database.patience)

    async def fetch_one(self, statement: ClauseElement, values: Values) -> Row | None:
        return next(iter(await self.fetch(statement, values)), None)


class _WritingAlone(Writer):
    """Statements that write, each with a transaction that begins and ends with it.

    There is no COMMIT to wait for: the statement's answer is the commit's, and is waited for like one.
    """

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def fetch(self, statement: ClauseElement, values: Values) -> Sequence[Row]:
        self._database.refuse_when_read_only()
        asking = partial(self._database.convoys.fetch, statement, values)
        return await again(asking, self._database.patience)

    async def fetch_one(self, statement: ClauseElement, values: Values) -> Row | None:
        return next(iter(await self.fetch(statement, values)), None)

    async def run(self, statement: ClauseElement, values: Values) -> int:
        self._database.refuse_when_read_only()
        asking = partial(self._database.convoys.run, statement, values)
        return await again(asking, self._database.patience)

    async def run_many(self, statement: ClauseElement, values: Sequence[Values]) -> None:
        if len(values) == 1:
            await self.run(statement, values[0])
        elif values:
            self._database.refuse_when_read_only()
            await again(partial(self._run_many, statement, values), self._database.patience)

    async def _run_many(self, statement: ClauseElement, values: Sequence[Values]) -> None:
        many = self._database.many_at_once[statement]
        arguments = arguments_of_many(many, values)
        async with self._database.lent() as connection:
            writing = connection.execute(many.text, *arguments, timeout=NEVER_S)
            await answered(unbroken, connection, writing)


class _Writing(Runner):
    """Statements of one transaction. After an error in one of them nothing more is run.

    It begins with the first statement that writes or locks: at READ COMMITTED each statement sees what is
    committed when it starts, so that one before which only others have read is no different outside of it.
    Writes that are all there is of a transaction are one statement, which is a transaction by itself.
    """

    def __init__(self, database: PostgresDatabase, lent: AsyncExitStack, statements: Statements) -> None:
        self._database = database
        self._lent = lent
        self._statements = statements
        self._open = True
        self._last: tuple[Merged, Sequence[Write]] | None = None
        """What is to be written with the next statement, or by itself if there is none."""
        self._connection: asyncpg.Connection = None
        """Lent once the transaction begins, until it has ended."""

    async def commit(self) -> None:
        """Make it last.

        Raises:
            StorageUnavailable: the transaction ended before, by an error that somebody ignored.
            TryAgain: nobody knows whether it did, or it did not.
            Outdated, NotUnique: what was to be written with it could not be.
        """
        self._refuse_when_ended()
        self._open = False
        if self._last is not None:
            refuse_outdated(await self._database.convoys.write(*self._last))
        elif self._connection is not None:
            await self._commit()

    async def roll_back(self) -> None:
        """Undo what was run, if anything was."""
        if self._connection is not None:
            await roll_back(self._connection)

    async def _commit(self) -> None:
        try:
            word = await unbroken(self._connection, self._connection.execute("COMMIT", timeout=NEVER_S))
        except LOST as error:
            # It may have happened: whoever runs the work again finds what it wrote by its own ids.
            raise TryAgain(f"the commit was not confirmed ({told(error)})") from error
        if word != "COMMIT":
            raise TryAgain(f"the commit was answered with {word}")

    async def write(self, writes: Sequence[Write], *, later: bool = False) -> None:
        self._refuse_when_ended()
        merged = self._database.merged.of(writes)
        if merged is not None and later and self._connection is None:
            self._last = (merged, writes)
            return
        await self._begin()
        if merged is not None:
            await self._write(merged, writes)
            return
        for number, write in enumerate(writes):
            if not await self.run(write.statement, write.values) and not write.may_miss:
                self._open = number == 0
                raise Outdated("A row is not as it was.")

    async def _write(self, merged: Merged, writes: Sequence[Write]) -> None:
        arguments = sendable(merged.arguments(writes))
        refuse_outdated(
            await self._do(self._connection.fetchrow, merged.text, *arguments, means=meaning_of_writes)
        )

    async def _begin(self) -> None:
        """Have a transaction, and in it all that was to be written before."""
        if self._connection is None:
            lending = self._lent.enter_async_context(self._database.connection())
            self._connection = await self._ended_by_errors(lending)
            await self._do(self._connection.execute, BEGIN)
        if self._last is not None:
            last, self._last = self._last, None
            await self._write(*last)

    async def fetch(self, statement: ClauseElement, values: Values) -> Sequence[Row]:
        compiled = await self._next(statement)
        if self._connection is None:
            return await self._ended_by_errors(self._database.convoys.read(statement, values))
        arguments = arguments_of(compiled, values)
        rows: Sequence[Row] = await self._do(self._connection.fetch, compiled.text, *arguments)
        return rows

    async def fetch_one(self, statement: ClauseElement, values: Values) -> Row | None:
        return next(iter(await self.fetch(statement, values)), None)

    async def run(self, statement: ClauseElement, values: Values) -> int:
        compiled = await self._next(statement)
        arguments = arguments_of(compiled, values)
        status: str = await self._do(self._connection.execute, compiled.text, *arguments)
        return rows_counted(status)

    async def run_many(self, statement: ClauseElement, values: Sequence[Values]) -> None:
        if len(values) == 1:
            await self.run(statement, values[0])
        elif values:
            self._refuse_when_ended()
            await self._begin()
            many = self._database.many_at_once[statement]
            await self._do(self._connection.execute, many.text, *arguments_of_many(many, values))

    async def _next(self, statement: ClauseElement) -> Compiled:
        self._refuse_when_ended()
        compiled = self._statements[statement]
        if not compiled.only_reads or self._last is not None:
            await self._begin()
        return compiled

    async def _do(
        self,
        method: Callable[..., Awaitable[Any]],
        text: str,
        *arguments: Any,
        means: Callable[[Exception], Exception] = meaning,
    ) -> Any:
        return await self._ended_by_errors(answered(method, text, *arguments, means=means))

    async def _ended_by_errors(self, answer: Awaitable[T]) -> T:
        try:
            return await answer
        except BaseException:
            self._open = False
            raise

    def _refuse_when_ended(self) -> None:
        if not self._open:
            raise StorageUnavailable("The transaction has ended.")
