"""PostgreSQL: a pool of asyncpg's connections, READ COMMITTED, and row locks where a payment changes.

Each statement is compiled once in this process and prepared once on each connection. Single reads run
without a transaction. A unit of work that the server broke off, or whose commit was not answered, says
TryAgain: :mod:`payments.adapters.sql.again` then runs it again, whole, with the same identifiers.

Leases are taken with the caller's clock, not the server's. No safety hangs on it: who marks a row shows the
token it was leased with (fencing), in the statement that marks it. A clock that is wrong makes somebody work
twice or later, and never lets two of them mark one row (ADR 0014).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, TypeVar

import asyncpg
from sqlalchemy.sql import ClauseElement

from payments.adapters.sql.again import Patience, again
from payments.adapters.sql.compiled import Compiled, Statements
from payments.adapters.sql.many_at_once import ManyAtOnce, ManyAtOnceStatements
from payments.adapters.sql.merged import PARTLY_WRITTEN, Merged, MergedStatements
from payments.adapters.sql.postgres_errors import (
    ON_A_STANDBY,
    RETRY_AFTER_S,
    closed_means_lost,
    meaning,
    sqlstate,
    told,
)
from payments.adapters.sql.postgres_pool import ACQUIRE_S, COMMAND_S, DIALECT, PooledConnection, open_pool
from payments.adapters.sql.postgres_url import read_address
from payments.adapters.sql.runner import (
    Database,
    NotUnique,
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

_ROLL_BACK_S: Final = 2.0

_LOST: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What a connection raises that is gone, or of which nothing is heard."""

_NEVER_S: Final = 86_400.0
"""When the driver may break a commit off: it has no word for never."""


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
    async with open_pool(
        read_address(url), size=pool_size, read_only=read_only, connection=connection
    ) as pool:
        yield PostgresDatabase(pool, patience, read_only=read_only)


def units_of_work(database: "PostgresDatabase") -> UnitOfWork:
    return SqlUnitOfWork(database, database.patience, database.alone)


class PostgresDatabase(Database):
    """Any number of units of work at once, as many as there are connections."""

    def __init__(self, pool: asyncpg.Pool, patience: Patience, *, read_only: bool) -> None:
        self.patience = patience
        self._pool = pool
        self._read_only = read_only
        self._parting: set[asyncio.Task[None]] = set()
        """Connections on their way back from somebody who went away."""
        self._statements = Statements(DIALECT)
        self._merged = MergedStatements(self._statements)
        self.many_at_once = ManyAtOnceStatements(self._statements)

    @property
    def reads(self) -> Reader:
        """Runs single statements, each committed by itself."""
        return _Alone(self, self._statements)

    @property
    def alone(self) -> Writer:
        """Runs single statements that write: each is a transaction of its own, run again while in doubt."""
        return _WritingAlone(self, self._statements)

    async def transact(self, work: Callable[[Runner], Awaitable[T]]) -> T:
        self.refuse_when_read_only()
        async with self.connection() as connection:
            writing = _Writing(connection, self._statements, self._merged, self.many_at_once)
            try:
                result = await work(writing)
                await writing.commit()
            except BaseException as error:
                if writing.begun:
                    await _roll_back(connection)
                await self.leave_standby(error)
                raise
            return result

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection of the pool for as long as the block runs.

        Raises:
            StorageUnavailable: none became free in time.
            TryAgain: none could be made.
        """
        try:
            connection = await self._pool.acquire(timeout=ACQUIRE_S)
        except TimeoutError as error:
            raise StorageUnavailable(
                f"No connection to the database within {ACQUIRE_S:.0f} s.", retry_after_s=RETRY_AFTER_S
            ) from error
        except Exception as error:
            raise meaning(error) from error
        try:
            yield connection
        except asyncio.CancelledError:
            # Whoever goes away is not kept until the server has heard of it, which may hear nothing any more.
            parting = asyncio.create_task(self._give_back(connection))
            self._parting.add(parting)
            parting.add_done_callback(self._parting.discard)
            raise
        except BaseException:
            await self._give_back(connection)
            raise
        await self._give_back(connection)

    async def _give_back(self, connection: asyncpg.Connection) -> None:
        # What was done on it stands, and what went wrong has been said. One that is lost on its way back,
        # or does not part in time, is closed by the pool, or is back already.
        with suppress(*_LOST), closed_means_lost():
            await self._pool.release(connection)

    def refuse_when_read_only(self) -> None:
        if self._read_only:
            raise StorageUnavailable("This database was opened for reading only.")

    @asynccontextmanager
    async def left_when_standby(self) -> AsyncIterator[None]:
        """Have no connection used again if the block was told that its server takes no writes any more."""
        try:
            yield
        except Exception as error:
            await self.leave_standby(error)
            raise

    async def leave_standby(self, error: BaseException) -> None:
        # Connections to a server that gave its role away stay open, and would fail one after the other.
        if sqlstate(error.__cause__) in ON_A_STANDBY:
            await self._pool.expire_connections()


class _Alone(Reader):
    """Single statements, each on a connection of its own and run again when it was lost.

    Those of :mod:`~payments.adapters.sql.shared_state` write, too: what they write may be lost.
    """

    def __init__(self, database: PostgresDatabase, statements: Statements) -> None:
        self._database = database
        self._statements = statements

    async def fetch(self, statement: ClauseElement, values: Values) -> Sequence[Row]:
        compiled = self._statements[statement]
        arguments = _arguments(compiled, values)

        async def run() -> Sequence[Row]:
            async with self._database.connection() as connection, self._database.left_when_standby():
                rows: Sequence[Row] = await _answered(connection.fetch, compiled.text, *arguments)
                return rows

        return await again(run, self._database.patience)

    async def fetch_one(self, statement: ClauseElement, values: Values) -> Row | None:
        return next(iter(await self.fetch(statement, values)), None)


class _WritingAlone(Writer):
    """Statements that write, each with a transaction that begins and ends with it.

    There is no COMMIT to wait for: the statement's answer is the commit's, and is waited for like one.
    """

    def __init__(self, database: PostgresDatabase, statements: Statements) -> None:
        self._database = database
        self._statements = statements

    async def fetch(self, statement: ClauseElement, values: Values) -> Sequence[Row]:
        compiled = self._statements[statement]
        arguments = _arguments(compiled, values)
        rows: Sequence[Row] = await self._do(
            lambda connection: connection.fetch(compiled.text, *arguments, timeout=_NEVER_S)
        )
        return rows

    async def fetch_one(self, statement: ClauseElement, values: Values) -> Row | None:
        return next(iter(await self.fetch(statement, values)), None)

    async def run(self, statement: ClauseElement, values: Values) -> int:
        compiled = self._statements[statement]
        arguments = _arguments(compiled, values)
        return _count(
            await self._do(lambda connection: connection.execute(compiled.text, *arguments, timeout=_NEVER_S))
        )

    async def run_many(self, statement: ClauseElement, values: Sequence[Values]) -> None:
        if len(values) == 1:
            await self.run(statement, values[0])
        elif values:
            many = self._database.many_at_once[statement]
            arguments = _arguments_of_many(many, values)
            await self._do(lambda connection: connection.execute(many.text, *arguments, timeout=_NEVER_S))

    async def _do(self, statement: Callable[[asyncpg.Connection], Coroutine[Any, Any, T]]) -> T:
        self._database.refuse_when_read_only()

        async def run() -> T:
            async with self._database.connection() as connection, self._database.left_when_standby():
                answer: T = await _answered(_unbroken, connection, statement(connection))
                return answer

        return await again(run, self._database.patience)


class _Writing(Runner):
    """Statements of one transaction. After an error in one of them nothing more is run.

    It begins with the first statement that writes or locks: at READ COMMITTED each statement sees what is
    committed when it starts, so that one before which only others have read is no different outside of it.
    Writes that are all there is of a transaction are one statement, which is a transaction by itself.
    """

    def __init__(
        self,
        connection: asyncpg.Connection,
        statements: Statements,
        merged: MergedStatements,
        many_at_once: ManyAtOnceStatements,
    ) -> None:
        self._connection = connection
        self._statements = statements
        self._merged = merged
        self._many_at_once = many_at_once
        self._open = True
        self._last: tuple[Merged, Sequence[Write]] | None = None
        """What is to be written with the next statement, or by itself if there is none."""
        self.begun = False
        """There may be something to roll back."""

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
            await self._write_alone(*self._last)
        elif self.begun:
            await self._commit()

    async def _commit(self) -> None:
        try:
            word = await _unbroken(self._connection, self._connection.execute("COMMIT", timeout=_NEVER_S))
        except _LOST as error:
            # It may have happened: whoever runs the work again finds what it wrote by its own ids.
            raise TryAgain(f"the commit was not confirmed ({told(error)})") from error
        if word != "COMMIT":
            raise TryAgain(f"the commit was answered with {word}")

    async def _write_alone(self, merged: Merged, writes: Sequence[Write]) -> None:
        """Run what is a transaction by itself: its answer is that of a commit."""
        arguments = _sendable(merged.arguments(writes))
        try:
            row = await _unbroken(
                self._connection, self._connection.fetchrow(merged.text, *arguments, timeout=_NEVER_S)
            )
        except _LOST as error:
            meant = _meaning_of_writes(error)
            if meant is error or isinstance(meant, Outdated | NotUnique):
                raise meant from error
            raise TryAgain(f"the commit was not confirmed ({told(error)})") from error
        _refuse_outdated(row)

    async def write(self, writes: Sequence[Write], *, later: bool = False) -> None:
        self._refuse_when_ended()
        merged = self._merged.of(writes)
        if merged is not None and later and not self.begun:
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
        arguments = _sendable(merged.arguments(writes))
        _refuse_outdated(
            await self._do(self._connection.fetchrow, merged.text, *arguments, means=_meaning_of_writes)
        )

    async def _begin(self) -> None:
        """Have a transaction, and in it all that was to be written before."""
        if not self.begun:
            self.begun = True
            await self._do(self._connection.execute, "BEGIN")
        if self._last is not None:
            last, self._last = self._last, None
            await self._write(*last)

    async def fetch(self, statement: ClauseElement, values: Values) -> Sequence[Row]:
        compiled = await self._next(statement)
        arguments = _arguments(compiled, values)
        rows: Sequence[Row] = await self._do(self._connection.fetch, compiled.text, *arguments)
        return rows

    async def fetch_one(self, statement: ClauseElement, values: Values) -> Row | None:
        return next(iter(await self.fetch(statement, values)), None)

    async def run(self, statement: ClauseElement, values: Values) -> int:
        compiled = await self._next(statement)
        arguments = _arguments(compiled, values)
        status: str = await self._do(self._connection.execute, compiled.text, *arguments)
        return _count(status)

    async def run_many(self, statement: ClauseElement, values: Sequence[Values]) -> None:
        if len(values) == 1:
            await self.run(statement, values[0])
        elif values:
            self._refuse_when_ended()
            await self._begin()
            many = self._many_at_once[statement]
            await self._do(self._connection.execute, many.text, *_arguments_of_many(many, values))

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
        try:
            return await _answered(method, text, *arguments, means=means)
        except BaseException:
            self._open = False
            raise

    def _refuse_when_ended(self) -> None:
        if not self._open:
            raise StorageUnavailable("The transaction has ended.")


def _count(status: str) -> int:
    # Such as INSERT 0 1 and UPDATE 1.
    return int(status.rpartition(" ")[2])


async def _answered(
    method: Callable[..., Awaitable[Any]],
    *arguments: Any,
    means: Callable[[Exception], Exception] = meaning,
) -> Any:
    try:
        with closed_means_lost():
            return await method(*arguments)
    except _LOST as error:
        raise means(error) from error


def _meaning_of_writes(error: Exception) -> Exception:
    """As :func:`meaning`, of a merged statement: it divides by zero when a row of it was not there."""
    if sqlstate(error) == PARTLY_WRITTEN:
        return Outdated("A row is not as it was.")
    return meaning(error)


def _refuse_outdated(row: Row) -> None:
    if not row["written"]:
        raise Outdated("The payment is not as it was.")


async def _unbroken(connection: asyncpg.Connection, answer: Coroutine[Any, Any, T]) -> T:
    """The server's answer to what commits; whoever does not wait for it hangs up, and never breaks it off.

    To cancel a commit that waits for a standby (as the driver does when time runs out, or when who awaits it
    goes away) ends the wait and not the commit: it stands on this server alone, for all to see. Whoever comes
    again would find it and answer for it, and a fail-over would lose it. Left alone it stays unseen, with its
    locks held, until the standby has it.

    Raises:
        TimeoutError: it was not answered in time.
    """
    committing: asyncio.Future[T] = asyncio.ensure_future(answer)
    try:
        await asyncio.wait({committing}, timeout=COMMAND_S)
    finally:
        if not committing.done():
            committing.add_done_callback(_heard)
            _hang_up(connection)
    if not committing.done():
        raise TimeoutError
    with closed_means_lost():
        return await committing


def _heard(committing: "asyncio.Future[Any]") -> None:
    """Take what nobody waits for any more."""
    if not committing.cancelled():
        committing.exception()


async def _roll_back(connection: asyncpg.Connection) -> None:
    """Undo what was run; a connection that does not say it did is closed, which undoes it too."""
    try:
        with closed_means_lost():
            await connection.execute("ROLLBACK", timeout=_ROLL_BACK_S)
    except _LOST:
        _hang_up(connection)
    except BaseException:
        _hang_up(connection)
        raise


def _hang_up(connection: asyncpg.Connection) -> None:
    # One that was lost before is back in the pool's hands, and no longer ours to close.
    with suppress(asyncpg.InterfaceError):
        connection.terminate()


def _arguments(compiled: Compiled, values: Values) -> tuple[Any, ...]:
    """The values in the statement's order, as the server can take them."""
    return _sendable(compiled.arguments(values))


def _arguments_of_many(many: ManyAtOnce, rows: Sequence[Values]) -> tuple[Any, ...]:
    """The same of many rows."""
    return many.arguments([dict(zip(row, _sendable(tuple(row.values())), strict=True)) for row in rows])


def _sendable(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """``arguments`` without the one character that PostgreSQL's text cannot hold."""
    for value in arguments:
        if type(value) is str and "\x00" in value:
            return tuple(
                value.replace("\x00", "\ufffd") if type(value) is str else value for value in arguments
            )
    return arguments
