"""SQLite: one connection that writes, one that only reads, and statements run where they are asked for.

SQLite before 3.51.3 can corrupt a WAL file that several connections write to or checkpoint, so exactly one
connection of one process does. Statements take microseconds and never wait for anybody, so they run on the
event loop; COMMIT waits for the disk, so it runs on a thread of its own, and nobody else writes meanwhile
(:mod:`payments.adapters.sql.sqlite_turns`).
"""

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
    Values,
    Write,
)
from payments.adapters.sql.sqlite_connection import (
    connect_reading,
    connect_writing,
    database_file,
    meaning,
    patiently,
)
from payments.adapters.sql.sqlite_turns import Begin, Turns
from payments.adapters.sql.unit_of_work import SqlUnitOfWork
from payments.application.ports.unit_of_work import UnitOfWork
from payments.domain.errors import StorageUnavailable

T = TypeVar("T")

WAIT_S: Final = 5.0
"""How long a writer waits for its turn, and anybody for a connection of another program."""


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
    """One writer at a time, in the order they asked (:mod:`payments.adapters.sql.sqlite_turns`)."""

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
        self._turns = None if writer is None else Turns(writer, disk, wait_s)

    @property
    def reads(self) -> Reader:
        return self._reads

    async def transact(self, work: Callable[[Runner], Awaitable[T]]) -> T:
        if self._writer is None or self._turns is None:
            raise StorageUnavailable("This database was opened for reading only.")
        connection = self._writer

        async def run(begin: Begin) -> T:
            writing = _Writing(connection, self._statements, begin)
            try:
                result = await work(writing)
                writing.end()
            finally:
                writing.stop()
            return result

        return await self._turns.take(run)


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
        return await patiently(
            lambda: self._connection.execute(compiled.text, arguments).fetchall(), self._wait_s
        )

    async def fetch_one(self, statement: ClauseElement, values: Values) -> Row | None:
        return next(iter(await self.fetch(statement, values)), None)


class _Writing(Runner):
    """Statements of one transaction, which begins with the first of them.

    After an error in one of them nothing more is run, as in PostgreSQL.
    """

    def __init__(self, connection: sqlite3.Connection, statements: Statements, begin: Begin) -> None:
        self._connection = connection
        self._statements = statements
        self._begin: Begin | None = begin
        self._open = True

    async def fetch(self, statement: ClauseElement, values: Values) -> Sequence[Row]:
        if self._begin is not None:
            await self._begun(self._begin)
        return self._execute(statement, values).fetchall()

    async def fetch_one(self, statement: ClauseElement, values: Values) -> Row | None:
        return next(iter(await self.fetch(statement, values)), None)

    async def run(self, statement: ClauseElement, values: Values) -> int:
        if self._begin is not None:
            await self._begun(self._begin)
        return self._execute(statement, values).rowcount

    async def run_many(self, statement: ClauseElement, values: Sequence[Values]) -> None:
        for row in values:
            await self.run(statement, row)

    async def write(self, writes: Sequence[Write], *, later: bool = False) -> None:  # noqa: ARG002 -- at once costs nothing here
        if self._begin is not None:
            await self._begun(self._begin)
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
        # One that has run no statement has begun nothing that could have ended.
        if not self._open or self._begin is None:
            self._refuse_when_ended()
        self._open = False

    def stop(self) -> None:
        """Run nothing more, however it ended."""
        self._open = False

    async def _begun(self, begin: Begin) -> None:
        if not self._open:
            raise StorageUnavailable("The transaction has ended.")
        self._begin = None
        try:
            await begin()
        except BaseException:
            self._open = False
            raise

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
