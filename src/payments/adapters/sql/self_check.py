"""Whether a SQLite database can be used, is as safe as payments need it, and has this version's tables."""

import asyncio
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

from payments.adapters.sql import migrate
from payments.adapters.sql.lock_file import writer_of
from payments.adapters.sql.sqlite_connection import connect_reading, connect_writing, database_file
from payments.application.ports.self_check import Finding, SelfCheck, State
from payments.domain.errors import ConfigurationInvalid, StorageUnavailable

PART: Final = "database"
MIGRATIONS: Final = "migrations"
_MIGRATE: Final = "Run `payments migrate`."


def migrations_of(url: str, *, migrates_itself: bool) -> Finding:
    """Whether the tables at ``url`` are those of this version.

    Raises:
        StorageUnavailable: the database cannot be reached.
    """
    revision = migrate.current_revision(url)
    if not migrate.pending(url):
        what = f"The tables are those of this version ({revision})."
        return Finding(part=MIGRATIONS, state=State.FINE, what=what)
    what = f"The tables are those of revision {revision}." if revision else "There are no tables."
    if revision and not migrate.knows(revision):
        return Finding(part=MIGRATIONS, state=State.WRONG, what=what, remedy=migrate.NEEDS_ITS_VERSION)
    if migrates_itself:
        remedy = f"{_MIGRATE} In the sandbox `payments serve` does it by itself."
        return Finding(part=MIGRATIONS, state=State.WARNING, what=what, remedy=remedy)
    return Finding(part=MIGRATIONS, state=State.WRONG, what=what, remedy=_MIGRATE)


@attrs.frozen(kw_only=True)
class SqliteSelfCheck(SelfCheck):
    """Opens the database for reading only, and tries what writing needs on a file beside it."""

    _url: str
    _path: str
    _sandbox: bool

    async def look(self) -> tuple[Finding, ...]:
        return await asyncio.to_thread(lambda: tuple(self._look()))

    def _look(self) -> Iterator[Finding]:
        try:
            database = database_file(self._path)
            yield _opened(database) if database.exists() else self._absent(database)
            yield _durable(database)
            yield _written(database)
            yield migrations_of(self._url, migrates_itself=self._sandbox)
        except (StorageUnavailable, ConfigurationInvalid) as error:
            yield _wrong(error.detail, "Check PAYMENTS_DATABASE_URL, and who owns the file.")

    def _absent(self, database: Path) -> Finding:
        state = State.WARNING if self._sandbox else State.WRONG
        return Finding(part=PART, state=state, what=f"{database} does not exist.", remedy=_MIGRATE)


def _opened(database: Path) -> Finding:
    connection = connect_reading(database)
    try:
        (journal,) = connection.execute("PRAGMA journal_mode").fetchone()
        # Reading the schema is what shows that this is a database at all.
        connection.execute("PRAGMA schema_version").fetchone()
    except sqlite3.Error as error:
        return _wrong(
            f"{database} cannot be read: {error}.", "Restore it from a copy (docs/operations.md, Backup)."
        )
    finally:
        connection.close()
    what = f"{database} opens: SQLite {sqlite3.sqlite_version}, journal_mode {journal}."
    return Finding(part=PART, state=State.FINE, what=what)


def _durable(database: Path) -> Finding:
    """Whether a new database in the same folder can be given what a writing connection insists on."""
    try:
        with tempfile.TemporaryDirectory(prefix=".payments-doctor-", dir=database.parent) as folder:
            trial = Path(folder) / "trial.db"
            trial.touch()
            connect_writing(trial).close()
    except OSError as error:
        remedy = "Let this user write the folder; SQLite keeps files beside the database."
        return _wrong(f"{database.parent} cannot be written: {error.strerror}.", remedy)
    what = f"Commits reach the disk in {database.parent}: WAL, synchronous=FULL."
    return Finding(part=PART, state=State.FINE, what=what)


def _written(database: Path) -> Finding:
    writer = writer_of(database)
    if writer is None:
        return Finding(part=PART, state=State.FINE, what="No process writes it at this moment.")
    who = f"Process {writer.process}" if writer.process else "Another process"
    return Finding(part=PART, state=State.FINE, what=f"{who} writes it: that is the service, or should be.")


def _wrong(what: str, remedy: str) -> Finding:
    return Finding(part=PART, state=State.WRONG, what=what, remedy=remedy)
