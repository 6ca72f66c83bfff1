"""The connection over which PostgreSQL's tables are changed, or looked at.

Alembic runs over asyncpg as everything else does: SQLAlchemy's bridge to it weighs half a megabyte, a second
driver with a libpq and a TLS library of its own twenty times that, and it would read addresses its own way.
"""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

import asyncpg
from sqlalchemy import Connection, func, select
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

WAIT_FOR_OTHERS_S: Final = 60.0
"""How long whoever else is migrating may take."""

# Payments wait two seconds for a lock (postgres_pool.SESSION). Whoever changes a table waits less than that
# for it, because everybody who comes after queues up behind.
_SETTINGS: Final = {"application_name": "payments migrate", "lock_timeout": "1s", "statement_timeout": "60s"}

_KEY: Final = int.from_bytes(b"payments", "big", signed=True)
_ONE_AT_A_TIME: Final = compiled(select(func.pg_try_advisory_lock(_KEY)), DIALECT)
_LOOK_AGAIN_S: Final = 0.1


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
    servers = Servers(read_address(url), _SETTINGS)

    async def connect() -> asyncpg.Connection:
        connection = await servers.connect()
        if alone:
            await _take_turn(connection)
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


async def _take_turn(connection: asyncpg.Connection) -> None:
    # Asked again and again: to wait for it inside a statement would keep an index from being built beside it.
    async with asyncio.timeout(WAIT_FOR_OTHERS_S):
        while not await _is_our_turn(connection):  # noqa: ASYNC110 - the event is in another process
            await asyncio.sleep(_LOOK_AGAIN_S)


async def _is_our_turn(connection: asyncpg.Connection) -> bool:
    answer: bool = await connection.fetchval(_ONE_AT_A_TIME.text, *_ONE_AT_A_TIME.arguments({}))
    return answer


def _unavailable(error: BaseException) -> StorageUnavailable:
    return StorageUnavailable(
        f"The database cannot be read or changed: {told(error)}.", retry_after_s=RETRY_AFTER_S
    )
