"""SQLite: one connection that writes, one that only reads, and statements run where they are asked for.

SQLite before 3.51.3 can corrupt a WAL file that several connections write to or checkpoint, so exactly one
connection of one process does. Statements take microseconds and never wait for anybody, so they run on the
event loop; COMMIT waits for the disk, so it runs on a thread of its own, and nobody else writes meanwhile.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy.dialects import sqlite
from sqlalchemy.sql import ClauseElement

from payments.adapters.sql.compiled import Statements
from payments.adapters.sql.lock_file import only_writer
from payments.adapters.sql.runner import (
    Database,
    Outdated,
    Reader,
    Row,
    Runner,
    TryAgain,
    Values,
    Write,
)
from payments.adapters.sql.sqlite_connection import (
    connect_reading,
    connect_writing,
    database_file,
    is_busy,
    is_io_error,
    meaning,
)
from payments.adapters.sql.unit_of_work import SqlUnitOfWork
from payments.application.ports.unit_of_work import UnitOfWork
from payments.domain.errors import StorageUnavailable

T = TypeVar("T")

WAIT_S: Final = 5.0
"""How long a writer waits for its turn, and anybody for a connection of another program."""

_LOOK_AGAIN_S: Final = 0.01


@asynccontextmanager
async def open_sqlite(path: str, *, read_only: bool = False) -> AsyncIterator[UnitOfWork]:
    """Units of work on the SQLite database at ``path``, which :mod:`payments.adapters.sql.migrate` made.

    ``read_only`` opens it beside the process that writes it: reads work, writes raise StorageUnavailable.
    A database in memory is not supported: two connections share one file.

    Raises:
        ConfigurationInvalid: ``path`` is no file.
        StorageBusy: another process writes this database.
        StorageUnavailable: it cannot be opened, or is not as safe as payments need it.
    """
    async with open_sqlite_database(database_file(path), read_only=read_only) as database:
        yield SqlUnitOfWork(database)


@asynccontextmanager
async def open_sqlite_database(
    path: Path,
    *,
    read_only: bool = False,
    wait_s: float = WAIT_S,
    connection: type[sqlite3.Connection] = sqlite3.Connection,
) -> AsyncIterator["SqliteDatabase"]:
    """The database behind :func:`open_sqlite`; ``connection`` is the class of the one that writes."""
    async with AsyncExitStack() as resources:
        writer: sqlite3.Connection | None = None
        if not read_only:
            resources.enter_context(only_writer(path))
            writer = connect_writing(path, connection)
            resources.callback(writer.close)
        reader = connect_reading(path)
        resources.callback(reader.close)
        disk = ThreadPoolExecutor(1, "sqlite-commit")
        # Last in, first out: a commit under way ends before its connection is closed.
        resources.callback(disk.shutdown)
        yield SqliteDatabase(reader=reader, writer=writer, disk=disk, wait_s=wait_s)


class SqliteDatabase(Database):
    """One writer at a time, in the order they asked."""

    def __init__(
        self,
        *,
        reader: sqlite3.Connection,
        writer: sqlite3.Connection | None,
        disk: ThreadPoolExecutor,
        wait_s: float,
    ) -> None:
        self._statements = Statements(sqlite.dialect())
        self._reads = _Reading(reader, self._statements, wait_s)
        self._writer = writer
        self._disk = disk
        self._wait_s = wait_s
        # asyncio's lock hands over in the order of asking, and never to a newcomer past those who wait.
        self._turn = asyncio.Lock()

    @property
    def reads(self) -> Reader:
        return self._reads

    async def transact(self, work: Callable[[Runner], Awaitable[T]]) -> T:
        if self._writer is None:
            raise StorageUnavailable("This database was opened for reading only.")
        try:
            async with asyncio.timeout(self._wait_s):
                await self._turn.acquire()
        except TimeoutError as error:
            raise StorageUnavailable("Other writers kept the database busy.", retry_after_s=1.0) from error
        try:
            return await self._transact(self._writer, work)
        finally:
            self._turn.release()

    async def _transact(self, connection: sqlite3.Connection, work: Callable[[Runner], Awaitable[T]]) -> T:
        await _patiently(lambda: connection.execute("BEGIN IMMEDIATE"), self._wait_s)
        writing = _Writing(connection, self._statements)
        before = connection.total_changes
        try:
            result = await work(writing)
            writing.end()
        except BaseException:
            writing.end_rolled_back()
            raise
        await self._commit(connection, changed=connection.total_changes != before)
        return result

    async def _commit(self, connection: sqlite3.Connection, *, changed: bool) -> None:
        if not changed:
            # Nothing reaches the disk, so nothing is waited for.
            connection.execute("COMMIT")
            return
        loop = asyncio.get_running_loop()
        committing = loop.run_in_executor(self._disk, connection.execute, "COMMIT")
        interrupted: asyncio.CancelledError | None = None
        while not committing.done():
            try:
                await asyncio.wait({committing})
            except asyncio.CancelledError as cancelled:
                # The commit cannot be called back: the next writer must not begin before it has ended.
                interrupted = cancelled
        error = committing.exception()
        if error is not None and connection.in_transaction:
            connection.execute("ROLLBACK")
        if interrupted is not None:
            raise interrupted
        if isinstance(error, sqlite3.Error) and is_io_error(error):
            raise TryAgain(str(error)) from error
        if isinstance(error, sqlite3.Error):
            raise meaning(error) from error
        if error is not None:
            raise error


class _Reading(Reader):
    """Single statements on the connection that only reads."""

    def __init__(self, connection: sqlite3.Connection, statements: Statements, wait_s: float) -> None:
        self._connection = connection
        self._statements = statements
        self._wait_s = wait_s

    async def fetch(self, statement: ClauseElement, values: Values) -> Sequence[Row]:
        compiled = self._statements[statement]
        arguments = compiled.arguments(values)
        # All rows at once: a statement left half read would hold its view, and the WAL file would grow.
        return await _patiently(
            lambda: self._connection.execute(compiled.text, arguments).fetchall(), self._wait_s
        )

    async def fetch_one(self, statement: ClauseElement, values: Values) -> Row | None:
        return next(iter(await self.fetch(statement, values)), None)


class _Writing(Runner):
    """Statements of one transaction. After an error in one of them nothing more is run, as in PostgreSQL."""

    def __init__(self, connection: sqlite3.Connection, statements: Statements) -> None:
        self._connection = connection
        self._statements = statements
        self._open = True

    async def fetch(self, statement: ClauseElement, values: Values) -> Sequence[Row]:
        return self._execute(statement, values).fetchall()

    async def fetch_one(self, statement: ClauseElement, values: Values) -> Row | None:
        return next(iter(self._execute(statement, values).fetchall()), None)

    async def run(self, statement: ClauseElement, values: Values) -> int:
        return self._execute(statement, values).rowcount

    async def run_many(self, statement: ClauseElement, values: Sequence[Values]) -> None:
        for row in values:
            self._execute(statement, row)

    async def write(self, writes: Sequence[Write], *, later: bool = False) -> None:  # noqa: ARG002 -- at once costs nothing here
        for number, write in enumerate(writes):
            missed = self._execute(write.statement, write.values).rowcount == 0
            if missed and not write.may_miss:
                self._open = number == 0
                raise Outdated("A row is not as it was.")

    def end(self) -> None:
        """Run nothing more.

        Raises:
            StorageUnavailable: the transaction ended before, by an error that somebody ignored.
        """
        self._refuse_when_ended()
        self._open = False

    def end_rolled_back(self) -> None:
        """Run nothing more, and undo what was run."""
        self._open = False
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _execute(self, statement: ClauseElement, values: Values) -> sqlite3.Cursor:
        self._refuse_when_ended()
        compiled = self._statements[statement]
        try:
            return self._connection.execute(compiled.text, compiled.arguments(values))
        except sqlite3.Error as error:
            self._open = False
            raise meaning(error) from error

    def _refuse_when_ended(self) -> None:
        # SQLite ends a transaction by itself when the disk fails; the next statement would stand alone.
        if not (self._open and self._connection.in_transaction):
            raise StorageUnavailable("The transaction has ended.")


async def _patiently(run: Callable[[], T], wait_s: float) -> T:
    """What ``run`` returns, once no other program's connection stands in its way.

    Raises:
        StorageUnavailable: it did for ``wait_s`` seconds.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait_s
    while True:
        try:
            return run()
        except sqlite3.Error as error:
            if not is_busy(error) or loop.time() >= deadline:
                raise meaning(error) from error
        await asyncio.sleep(_LOOK_AGAIN_S)
