"""The connection over which SQLite's tables are changed, or looked at."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from payments.adapters.sql.lock_file import only_writer
from payments.adapters.sql.sqlite_connection import database_file
from payments.domain.errors import StorageUnavailable

T = TypeVar("T")

Change: TypeAlias = Callable[[Connection], None]


def change(url: str, do: Change) -> None:
    """Run ``do`` as the one who writes the database.

    Raises:
        StorageBusy: another process writes it.
        StorageUnavailable: it cannot be opened or changed.
    """
    database = database_file(_path(url))
    with only_writer(database):
        _make(database)
        with _connected(_engine(database, "rw")) as connection:
            do(connection)


def look(url: str, do: Callable[[Connection], T]) -> T | None:
    """What ``do`` finds in the database; None when there is none.

    Raises:
        StorageUnavailable: it cannot be read.
    """
    database = database_file(_path(url))
    if not database.exists():
        return None
    with _connected(_engine(database, "ro")) as connection:
        return do(connection)


def _make(database: Path) -> None:
    """Have a file there, which nobody but its owner reads: payers' names, addresses and phones will be in it.

    What SQLite keeps beside it is as open as the file itself. One that was there before stays as it is, and
    is not even opened: to close it would take the locks from all of this process who have it open (POSIX).
    """
    try:
        os.close(os.open(database.resolve(), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise StorageUnavailable(f"{database} cannot be opened: {error.strerror}.") from error


@contextmanager
def _connected(engine: Engine) -> Iterator[Connection]:
    try:
        with engine.connect() as connection:
            yield connection
    except DBAPIError as error:
        raise StorageUnavailable(f"The database cannot be read or changed: {error.orig}.") from error


def _path(url: str) -> str:
    # As it is written, as everybody has it who opens the database: SQLAlchemy would decode it.
    return url.partition("sqlite:///")[2]


def _engine(database: Path, mode: str) -> Engine:
    def connect() -> sqlite3.Connection:
        # None: the driver would otherwise commit before each DDL statement, behind Alembic's back.
        return sqlite3.connect(f"{database.as_uri()}?mode={mode}", uri=True, isolation_level=None)

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if mode == "rw" else "BEGIN")

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
    event.listen(engine, "begin", begin)
    return engine
