"""A connection that the event loop closed a moment ago is lost, whatever the loop calls it."""

import asyncio

import pytest
import uvloop

from payments.adapters.sql.postgres_errors import closed_means_lost


async def write_behind_its_end() -> None:
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, "127.0.0.1", port)
        transport.abort()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        with closed_means_lost():
            transport.write(b"too late")


def test_what_uvloop_says_of_a_connection_it_has_closed_means_that_it_is_lost() -> None:
    with pytest.raises(ConnectionResetError, match="closed"):
        uvloop.run(write_behind_its_end())


def test_any_other_trouble_stays_what_it_is() -> None:
    with pytest.raises(RuntimeError, match="another"), closed_means_lost():
        raise RuntimeError("another defect")
