"""Lending the connections of a pool, each kept at hand for a moment after its use.

The next one is asked for soon, and the pool takes as long to give and to take one as a short statement does.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import asyncpg

from payments.adapters.sql.postgres_answers import LOST
from payments.adapters.sql.postgres_errors import (
    ON_A_STANDBY,
    RETRY_AFTER_S,
    closed_means_lost,
    meaning,
    sqlstate,
)
from payments.adapters.sql.postgres_pool import ACQUIRE_S
from payments.domain.errors import StorageUnavailable

KEPT_S: Final = 0.02
"""What nobody needed for so long, twice that at most, is returned to the pool."""


class Lender:
    """Lends connections of ``pool``. Nothing is kept at hand while somebody waits for one of the pool."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self._at_hand: list[tuple[asyncpg.Connection, float]] = []
        """Each with when it was used; the last used is the next to be lent."""
        self._returning: asyncio.TimerHandle | None = None
        self._waiting = 0
        """How many wait for one of the pool."""
        self._left = 0
        """How often all connections were given up: those lent before that are not kept."""
        self._closed = False
        self._parting: set[asyncio.Task[None]] = set()
        """Connections on their way back that nobody waits for."""
        self._idle: set[asyncio.Task[None]] = set()
        """Those of them that nobody needed: they are there in a turn or two, and to make one takes longer."""

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection for as long as the block runs.

        Raises:
            StorageUnavailable: none became free in time.
            TryAgain: none could be made.
        """
        left = self._left
        connection = await self._taken()
        try:
            yield connection
        except asyncio.CancelledError:
            # Whoever goes away is not kept until the server has heard of it, which may hear nothing any more.
            _ = self._part_with(connection)
            raise
        except BaseException:
            await self._give_back(connection)
            raise
        if self._closed or self._waiting or left != self._left or _is_lost(connection):
            await self._give_back(connection)
        else:
            self._keep(connection)

    async def leave_standby(self, error: BaseException) -> None:
        """Have no connection used again if ``error`` says that its server takes no writes any more."""
        # Connections to a server that gave its role away stay open, and would fail one after the other.
        if sqlstate(error.__cause__) in ON_A_STANDBY:
            await self.expire()

    async def expire(self) -> None:
        """Have no connection used again that was made before."""
        await self.pool.expire_connections()
        self._left += 1
        self._return_all()

    async def aclose(self) -> None:
        """Keep none any more."""
        self._closed = True
        self._return_all()
        while self._parting:
            await asyncio.wait(self._parting)

    async def _taken(self) -> asyncpg.Connection:
        while self._at_hand:
            connection, _ = self._at_hand.pop()
            if not _is_lost(connection):
                return connection
            _ = self._part_with(connection)
        self._waiting += 1
        try:
            if self._idle:
                await asyncio.wait(self._idle, return_when=asyncio.FIRST_COMPLETED)
            return await self.pool.acquire(timeout=ACQUIRE_S)
        except TimeoutError as error:
            raise StorageUnavailable(
                f"No connection to the database within {ACQUIRE_S:.0f} s.", retry_after_s=RETRY_AFTER_S
            ) from error
        except Exception as error:
            raise meaning(error) from error
        finally:
            self._waiting -= 1

    def _keep(self, connection: asyncpg.Connection) -> None:
        loop = asyncio.get_running_loop()
        self._at_hand.append((connection, loop.time()))
        if self._returning is None:
            self._returning = loop.call_later(KEPT_S, self._return_idle)

    def _return_idle(self) -> None:
        loop = asyncio.get_running_loop()
        idle_since = loop.time() - KEPT_S
        idle = [connection for connection, used in self._at_hand if used <= idle_since]
        self._at_hand = [each for each in self._at_hand if each[1] > idle_since]
        self._returning = loop.call_later(KEPT_S, self._return_idle) if self._at_hand else None
        for connection in idle:
            parting = self._part_with(connection)
            self._idle.add(parting)
            parting.add_done_callback(self._idle.discard)

    def _return_all(self) -> None:
        if self._returning is not None:
            self._returning.cancel()
            self._returning = None
        while self._at_hand:
            _ = self._part_with(self._at_hand.pop()[0])

    def _part_with(self, connection: asyncpg.Connection) -> "asyncio.Task[None]":
        parting = asyncio.create_task(self._give_back(connection))
        self._parting.add(parting)
        parting.add_done_callback(self._parting.discard)
        return parting

    async def _give_back(self, connection: asyncpg.Connection) -> None:
        # What was done on it stands, and what went wrong has been said. One that is lost on its way back,
        # or does not part in time, is closed by the pool, or is back already.
        with suppress(*LOST), closed_means_lost():
            await self.pool.release(connection)


def _is_lost(connection: asyncpg.Connection) -> bool:
    try:
        closed: bool = connection.is_closed()
    except asyncpg.InterfaceError:
        # One that is lost is back in the pool's hands at once, whoever has it.
        return True
    return closed
