"""The two databases a story may be told on, and looking into either beside the running service."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

import asyncpg
import attrs
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal

from tests.postgres import Databases

KINDS = ("sqlite", "postgresql")
APPEND_ONLY = ("audit", "evidence", "review_audit")


class Database(Protocol):
    """A database with this version's tables, and nothing in them when a story begins."""

    @property
    def url(self) -> str: ...

    @property
    def by_many(self) -> bool:
        """Whether the service in front of it is many processes."""

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What it holds."""

    def change(self, sql: str) -> None:
        """Change something behind the service's back; raises what the driver raises."""

    def unguard(self) -> None:
        """Take down what keeps evidence and audit append-only."""

    def copied(self, directory: Path) -> AbstractContextManager["Database"]:
        """A copy of it, made while nobody uses it."""


@attrs.frozen
class SqliteDatabase:
    """A file, written by one process."""

    path: Path
    by_many = False

    @property
    def url(self) -> str:
        return f"sqlite:///{self.path}"

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as connection:
            return connection.execute(sql).fetchall()

    def change(self, sql: str) -> None:
        with closing(sqlite3.connect(self.path)) as connection:
            connection.executescript(sql)

    def unguard(self) -> None:
        triggers = self.rows("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        self.change(";".join(f"DROP TRIGGER {name}" for (name,) in triggers))

    @contextmanager
    def copied(self, directory: Path) -> Iterator["SqliteDatabase"]:
        copy = directory / "copy.db"
        shutil.copyfile(self.path, copy)
        yield SqliteDatabase(copy)


@attrs.define
class PostgresDatabase:
    """A database of the tests' server, in front of which stand two serving and two working processes."""

    url: str
    _portal: BlockingPortal
    _connection: asyncpg.Connection
    by_many = True

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self._portal.call(self._own().fetch, sql)]

    def change(self, sql: str) -> None:
        self._portal.call(self._own().execute, sql)

    def _own(self) -> asyncpg.Connection:
        if self._connection.is_closed():
            self._connection = self._portal.call(asyncpg.connect, self.url)
        return self._connection

    def close(self) -> None:
        if not self._connection.is_closed():
            self._portal.call(self._connection.close)

    def unguard(self) -> None:
        for table in APPEND_ONLY:
            self.change(f"ALTER TABLE {table} DISABLE TRIGGER USER")

    @contextmanager
    def copied(self, directory: Path) -> Iterator["PostgresDatabase"]:
        before, _, name = self.url.rpartition("/")
        copy = f"{name}_{directory.name.lower()}"[:60]
        with opened(f"{before}/postgres") as server:
            # A template must have no guests.
            self.close()
            server.change(f'CREATE DATABASE "{copy}" TEMPLATE "{name}"')
            try:
                with opened(f"{before}/{copy}") as made:
                    yield made
            finally:
                server.change(f'DROP DATABASE "{copy}" WITH (FORCE)')


@contextmanager
def fresh_database(request: pytest.FixtureRequest, empty: Path, directory: Path) -> Iterator[Database]:
    """A database of the kind that the fixture's parameter names; ``empty`` is SQLite's, to copy."""
    if request.param == "sqlite":
        path = directory / "payments.db"
        shutil.copyfile(empty, path)
        yield SqliteDatabase(path)
        return
    postgres: Databases = request.getfixturevalue("postgres")
    with postgres.migrated() as url, opened(url) as database:
        yield database


@contextmanager
def opened(url: str) -> Iterator[PostgresDatabase]:
    """The database at ``url``, over one connection that lives in a thread of its own."""
    with (
        start_blocking_portal() as portal,
        closing(PostgresDatabase(url, portal, portal.call(asyncpg.connect, url))) as database,
    ):
        yield database
