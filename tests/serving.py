"""Serving an ASGI application, or a bare conversation of bytes, on a free loopback port."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import httpx
import uvicorn
from starlette.types import ASGIApp

Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

KEPT_S = 75
"""For so long a server here keeps a connection that nobody uses, as ours does: longer than any client.

By itself uvicorn closes it after five seconds, and whoever sends on it at that very moment has no answer.
"""


@asynccontextmanager
async def serving(app: ASGIApp, port: int = 0) -> AsyncIterator[str]:
    """The address, such as ``http://127.0.0.1:40123``, at which ``app`` answers until the block ends.

    ``port`` 0 takes a free one.
    """
    # Named TCP, so that asyncio switches Nagle's algorithm off: it costs 40 ms an answer otherwise.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", port))
        # What Server.serve() does without its ticks of a tenth of a second, and without taking over signals.
        config = uvicorn.Config(
            app,
            log_config=None,
            lifespan="on",
            timeout_graceful_shutdown=1,
            timeout_keep_alive=KEPT_S,
        )
        config.load()
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        await server.startup(sockets=[listening])
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            await _end(server)


async def _end(server: uvicorn.Server) -> None:
    """Close everything; whoever is still being answered after a second is left in the middle."""
    for listener in server.servers:
        listener.close()
    for connection in list(server.server_state.connections):
        connection.shutdown()
    with suppress(TimeoutError):
        async with asyncio.timeout(1.0):
            # uvicorn tells nobody when a connection ends.
            while server.server_state.connections or server.server_state.tasks:  # noqa: ASYNC110 -- as above
                await asyncio.sleep(0.002)
    for task in server.server_state.tasks:
        task.cancel()
    await server.lifespan.shutdown()


@asynccontextmanager
async def conversing(conversation: Conversation, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port at which every connection is given to ``conversation`` until the block ends."""
    connections: set[asyncio.Task[None]] = set()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            connections.add(task)
        try:
            await conversation(reader, writer)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    server = await asyncio.start_server(converse, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


def plain_client(base_url: str = "") -> httpx.AsyncClient:
    """A client for loopback HTTP. Without certificates to load it is made in no time."""
    return httpx.AsyncClient(
        base_url=base_url,
        trust_env=False,
        verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        timeout=120.0,
        # Shorter than any server does.
        limits=httpx.Limits(keepalive_expiry=2.0),
    )
