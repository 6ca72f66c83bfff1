"""Connections to SQLite as we need them, asserted and not hoped for; and what its errors mean to us."""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeVar

from payments.adapters.sql.runner import NotUnique
from payments.domain.errors import ConfigurationInvalid, StorageUnavailable

T = TypeVar("T")

_LOOK_AGAIN_S: Final = 0.01
_OPENING_S: Final = 5.0
"""How long opening may block the caller; once open, a connection never blocks."""

WRITING: Final[Mapping[str, str | int]] = {
    "journal_mode": "wal",
    "synchronous": 2,
    "fullfsync": 1,
    "checkpoint_fullfsync": 1,
    "foreign_keys": 1,
    "trusted_schema": 0,
    "busy_timeout": 0,
    "temp_store": 2,
}
"""FULL: a commit that was answered survives a power cut. The event loop does the waiting, never SQLite. What
undoing a savepoint would take is kept in memory (``temp_store``): in files it was two thirds of all that a
webhook writes, and needed a second place on a disk."""

READING: Final[Mapping[str, str | int]] = {"query_only": 1, "trusted_schema": 0, "busy_timeout": 0}

_NO_ANSWER: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    }
)
_TAKEN: Final = frozenset({sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY})


def database_file(path: str) -> Path:
    """Where the database lies.

    Raises:
        ConfigurationInvalid: ``path`` is no file: one in memory has one connection, and we need two. Or it
            has options, which would be a part of the file's name.
    """
    if not path or ":memory:" in path or "mode=memory" in path:
        raise ConfigurationInvalid("SQLite needs a file; what lives in memory alone is memory://.")
    if "?" in path:
        raise ConfigurationInvalid("SQLite's address has no options: take out the ? and what follows.")
    return Path(path).absolute()


def connect_writing(
    database: Path, kind: type[sqlite3.Connection] = sqlite3.Connection
) -> sqlite3.Connection:
    """The one connection that writes ``database``; it must exist.

    Raises:
        StorageUnavailable: it cannot be opened, or this SQLite does not do what we need of it.
    """
    return _connect(database, "rw", WRITING, kind)


def connect_reading(database: Path) -> sqlite3.Connection:
    """A connection that cannot write, and therefore cannot checkpoint either.

    Raises:
        StorageUnavailable: it cannot be opened.
    """
    return _connect(database, "ro", READING, sqlite3.Connection)


def _connect(
    database: Path, mode: str, pragmas: Mapping[str, str | int], kind: type[sqlite3.Connection]
) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(
            f"{database.as_uri()}?mode={mode}",
            uri=True,
            timeout=_OPENING_S,
            isolation_level=None,
            check_same_thread=False,
            factory=kind,
        )
    except sqlite3.Error as error:
        raise _cannot_open(database, error) from error
    try:
        connection.row_factory = sqlite3.Row
        for name, wanted in pragmas.items():
            connection.execute(f"PRAGMA {name} = {wanted}").fetchall()
        assert_pragmas(connection, pragmas)
    except sqlite3.Error as error:
        connection.close()
        raise _cannot_open(database, error) from error
    except BaseException:
        connection.close()
        raise
    return connection


def assert_pragmas(connection: sqlite3.Connection, pragmas: Mapping[str, str | int]) -> None:
    """Return if ``connection`` is set as ``pragmas`` say.

    Raises:
        StorageUnavailable: naming the first setting that does not hold.
    """
    for name, wanted in pragmas.items():
        (found,) = connection.execute(f"PRAGMA {name}").fetchone()
        if found != wanted:
            raise StorageUnavailable(
                f"SQLite {sqlite3.sqlite_version} keeps {name} at {found!r}; payments are only safe with "
                f"{wanted!r}. Is the database on a network or read-only file system?"
            )


def _cannot_open(database: Path, error: sqlite3.Error) -> StorageUnavailable:
    remedy = "" if database.exists() else " It does not exist: run `payments migrate` first."
    return StorageUnavailable(f"The database {database} cannot be opened: {error}.{remedy}")


async def patiently(run: Callable[[], T], wait_s: float) -> T:
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


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection stood in the way, and waiting may help."""
    return _primary(error) == sqlite3.SQLITE_BUSY


def is_io_error(error: sqlite3.Error) -> bool:
    """Whether the disk failed: after a COMMIT nobody knows what it kept."""
    return _primary(error) == sqlite3.SQLITE_IOERR


def meaning(error: sqlite3.Error) -> Exception:
    """What ``error`` is to us: :class:`NotUnique`, :class:`StorageUnavailable`, or itself: a defect."""
    if getattr(error, "sqlite_errorcode", None) in _TAKEN:
        return NotUnique(str(error))
    if _primary(error) in _NO_ANSWER:
        return StorageUnavailable(f"The database gave no answer: {error}.")
    return error


def _primary(error: sqlite3.Error) -> int | None:
    # Errors that Python's module raises by itself carry no code.
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
