"""PostgreSQL databases for tests: each with this version's tables and nothing in them.

The session fixture ``postgres`` (:class:`Databases`) and the fixture ``postgres_url`` (one migrated database
for one test) stand in ``tests/conftest.py``. A server that a test may kill and restart is :func:`own_server`.
"""

import asyncio
import itertools
import os
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg

from payments.adapters.sql import migrate
from payments.adapters.sql.tables import METADATA
from tests.ports import free_port
from tests.postgres_server import PostgresServer, server

T = TypeVar("T")

VARIABLE = "PAYMENTS_TEST_DATABASE_URL"
"""A server to use instead of the wheel's; the user it names must be allowed to create databases."""


OTHERS_SENT_AWAY = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()"""

# Whoever a test left behind goes first; what is append-only for the service is not for its owner. Few rows
# are deleted sooner than forty files are made anew.
EMPTIED = "; ".join(
    [
        OTHERS_SENT_AWAY,
        *(f"ALTER TABLE {table} DISABLE TRIGGER USER" for table in ("audit", "evidence", "review_audit")),
        *(f"DELETE FROM {table.name}" for table in reversed(METADATA.sorted_tables)),  # noqa: S608 - our own names
        *(f"ALTER TABLE {table} ENABLE TRIGGER USER" for table in ("audit", "evidence", "review_audit")),
    ]
)


class Databases:
    """Databases of one server. Making one takes a fifth of a second, emptying one a tenth of that."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._names = (f"payments_test_{uuid4().hex[:12]}_{number}" for number in itertools.count(1))
        self._made: list[str] = []
        self._free: list[str] = []

    @contextmanager
    def migrated(self) -> Iterator[str]:
        """The address of a database with this version's tables and nothing in them, for one test."""
        url = self._free.pop() if self._free else self._migrated()
        yield url
        execute(url, EMPTIED)
        self._free.append(url)

    @contextmanager
    def empty(self) -> Iterator[str]:
        """The address of a database without tables, which no other test gets."""
        yield self._new()

    def close(self) -> None:
        for name in self._made:
            execute(self._url, f'DROP DATABASE "{name}" WITH (FORCE)')

    def _migrated(self) -> str:
        url = self._new()
        migrate.upgrade(url)
        return url

    def _new(self) -> str:
        name = next(self._names)
        execute(self._url, f'CREATE DATABASE "{name}"')
        self._made.append(name)
        return beside(self._url, name)


@contextmanager
def databases() -> Iterator[Databases]:
    """The databases of this test run: on the server that the environment names, or on the wheel's.

    The wheel's server is one for all processes of a run, and does not wait for the disk (``fsync=off``): no
    machine goes down under these tests.
    """
    given = os.environ.get(VARIABLE)
    if given:
        with closing(Databases(given)) as found:
            yield found
        return
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or f"{os.getpid()}"
    # Its databases go with it.
    with server(run, free_port(), fsync=False) as shared:
        yield Databases(shared.url())


@contextmanager
def own_server() -> Iterator[tuple[PostgresServer, str]]:
    """A server for one test to kill and restart, with ``fsync`` on, and a migrated database's address."""
    with server(uuid4().hex, free_port(), fsync=True) as own:
        execute(own.url(), "CREATE DATABASE payments")
        migrate.upgrade(own.url("payments"))
        yield own, own.url("payments")


def execute(url: str, statement: str) -> None:
    """Run ``statement`` by itself."""

    async def do() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    in_own_loop(do())


def in_own_loop(work: Coroutine[Any, Any, T]) -> T:
    """What ``work`` returns, run in a thread, beside whatever loop this one has."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def beside(url: str, database: str) -> str:
    return urlsplit(url)._replace(path=f"/{database}").geturl()
