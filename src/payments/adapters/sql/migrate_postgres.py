"""The connection over which PostgreSQL's tables are changed, or looked at.

Alembic runs over asyncpg as everything else does: SQLAlchemy's bridge to it weighs half a megabyte, a second
driver with a libpq and a TLS library of its own twenty times that, and it would read addresses its own way.
"""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

import asyncpg
from sqlalchemy import Connection, false, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from payments.adapters.sql.compiled import compiled
from payments.adapters.sql.migrate_sqlite import Change
from payments.adapters.sql.postgres_errors import RETRY_AFTER_S, meaning, told
from payments.adapters.sql.postgres_pool import DIALECT, Servers
from payments.adapters.sql.postgres_url import read_address
from payments.domain.errors import StorageUnavailable

T = TypeVar("T")

WAIT_FOR_OTHERS_S: Final = 60
"""How long whoever else is migrating may take."""

_CONNECTING: Final = {
    "application_name": "payments migrate",
    "lock_timeout": f"{WAIT_FOR_OTHERS_S}s",
    # No change of ours holds a table for longer than this, and none takes as long as waiting may.
    "statement_timeout": f"{WAIT_FOR_OTHERS_S + 1}s",
}

_ADVISORY_KEY: Final = int.from_bytes(b"payments", "big", signed=True)
_ONE_AT_A_TIME: Final = compiled(select(func.pg_advisory_lock(_ADVISORY_KEY)), DIALECT)

# Payments wait two seconds for a lock (postgres_pool.SESSION). Whoever changes a table waits less than that
# for it, because everybody who comes after queues up behind.
_WAIT_BRIEFLY: Final = compiled(select(func.set_config("lock_timeout", "1s", false())), DIALECT)


def change(url: str, do: Change) -> None:
    """Run ``do`` as the only one who changes the tables; the lock ends with the connection.

    Raises:
        StorageUnavailable: no server lets us in, or a table was in use for too long: try again.
    """
    _in_own_loop(_run(url, do, alone=True))


def look(url: str, do: Callable[[Connection], T]) -> T:
    """What ``do`` finds in the database.

    Raises:
        StorageUnavailable: no server lets us in.
    """
    return _in_own_loop(_run(url, do, alone=False))


def _in_own_loop(work: Coroutine[Any, Any, T]) -> T:
    # The caller may have an event loop, and loops do not nest.
    with ThreadPoolExecutor(1, "migrate") as thread:
        return thread.submit(asyncio.run, work).result()


async def _run(url: str, do: Callable[[Connection], T], *, alone: bool) -> T:
    servers = Servers(read_address(url), _CONNECTING)

    async def connect() -> asyncpg.Connection:
        connection = await servers.connect()
        if alone:
            for statement in (_ONE_AT_A_TIME, _WAIT_BRIEFLY):
                await connection.fetch(statement.text, *statement.arguments({}))
        return connection

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(do)
    except DBAPIError as error:
        raise _unavailable(error.orig or error) from error
    except Exception as error:
        if meaning(error) is error:
            raise
        raise _unavailable(error) from error


def _unavailable(error: BaseException) -> StorageUnavailable:
    return StorageUnavailable(
        f"The database cannot be read or changed: {told(error)}.", retry_after_s=RETRY_AFTER_S
    )
