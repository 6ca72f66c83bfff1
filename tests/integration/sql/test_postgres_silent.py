"""A PostgreSQL that is there and says nothing any more, as behind a network that lost its connections."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import attrs
import pytest

from payments.adapters.sql.postgres import PostgresDatabase, open_postgres_database, units_of_work
from payments.domain.errors import StorageUnavailable
from payments.testing.contracts.stored import a_notice, a_payment
from tests.serving import conversing

pytestmark = pytest.mark.anyio

SHORT_S = 1.0
"""A connection is made within it, and a question answered, on a busy machine, too."""


@attrs.define
class Wire:
    """What lies between us and the server."""

    _port: int
    silent: bool = False

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.silent:
            await reader.read()
            return
        answers, asks = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            await asyncio.gather(self._carry(reader, asks), self._carry(answers, writer))
        finally:
            asks.close()
            writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            if not self.silent:
                writer.write(data)


@asynccontextmanager
async def over_a_wire(url: str) -> AsyncIterator[tuple[Wire, PostgresDatabase]]:
    """One connection, over a wire that may be cut."""
    wire = Wire(urlsplit(url).port or 0)
    async with conversing(wire) as port:
        address = f"postgresql://payments@127.0.0.1:{port}{urlsplit(url).path}?sslmode=disable"
        async with open_postgres_database(address, pool_size=1) as database:
            yield wire, database


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("payments.adapters.sql.postgres_pool.COMMAND_S", SHORT_S)
    monkeypatch.setattr("payments.adapters.sql.postgres_lending.ACQUIRE_S", SHORT_S)


async def test_a_read_that_is_not_answered_is_an_outage_and_leaves_no_connection_behind(
    postgres_url: str,
) -> None:
    async with over_a_wire(postgres_url) as (wire, database):
        reads = units_of_work(database).reads
        assert await reads.payments_after(None, 10) == ()
        wire.silent = True
        with pytest.raises(StorageUnavailable):
            await reads.payments_after(None, 10)
        wire.silent = False
        assert await reads.payments_after(None, 10) == ()


async def test_what_was_committed_stands_though_its_connection_does_not_part_in_time(
    postgres_url: str,
) -> None:
    async with over_a_wire(postgres_url) as (wire, database):
        units = units_of_work(database)
        async with database.connection() as connection:
            # As another unit of work does that was told that this server is a standby now.
            await database.lender.expire()
            await connection.execute("SELECT 1")
            wire.silent = True
        wire.silent = False
        await units.write(lambda transaction: transaction.open_payment(a_payment(1)))
        assert await units.write(lambda transaction: transaction.add_notice(a_notice(1)))


async def test_who_stops_waiting_for_an_answer_waits_for_nothing_else(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("payments.adapters.sql.postgres_lending.ACQUIRE_S", 2.0)
    monkeypatch.setattr("payments.adapters.sql.postgres_pool.COMMAND_S", 3.0)
    async with over_a_wire(postgres_url) as (wire, database):
        reads = units_of_work(database).reads
        assert await reads.payments_after(None, 10) == ()
        wire.silent = True
        began = asyncio.get_running_loop().time()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SHORT_S / 2):
                await reads.payments_after(None, 10)
        assert asyncio.get_running_loop().time() - began < 2.0
        wire.silent = False
        monkeypatch.setattr("payments.adapters.sql.postgres_lending.ACQUIRE_S", 10.0)
        assert await reads.payments_after(None, 10) == ()
