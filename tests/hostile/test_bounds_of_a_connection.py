"""Bounds of a connection, with short ones in place of real ones: ``test_connections.py`` waits for those."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from payments.entrypoints.connections import MOST_HEAD_BYTES, BoundedConnection

pytestmark = pytest.mark.anyio

WHOLE = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Hasty(BoundedConnection):
    """A second stands for ten, and for thirty."""

    _request_s = 1.0
    _unread_s = 1.0


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    """``/slow`` outlasts a request, ``/large`` is more than a socket takes unread, and ``/body`` echoes."""
    path = scope["path"]
    if path == "/slow":
        await asyncio.sleep(2.0)
    said: Response = PlainTextResponse("x" * (4_000_000 if path == "/large" else 2))
    if path == "/body":
        said = PlainTextResponse(await Request(scope, receive).body())
    await said(scope, receive, send)


@asynccontextmanager
async def listening(connections: set[asyncio.Protocol]) -> AsyncIterator[int]:
    """The port at which :func:`answer` answers; who is connected stands in ``connections``."""
    config = uvicorn.Config(answer, log_config=None, timeout_keep_alive=1)
    config.load()
    state = ServerState()
    state.connections = connections  # type: ignore[assignment]  # a set of uvicorn's own protocols
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Hasty(config, state, {}), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def told(*pieces: bytes, pause_s: float = 0.0) -> bytes:
    """All that comes back until the other side ends the connection, as it does in the end."""
    async with listening(set()) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for piece in pieces:
            if not reader.at_eof():
                writer.write(piece)
            await asyncio.sleep(pause_s)
        async with asyncio.timeout(30):
            said = await reader.read()
        writer.close()
    return said


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"G",
        b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Half: ",
        b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf",
        b"POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf",
    ],
)
async def test_a_connection_without_a_whole_request_is_ended(begun: bytes) -> None:
    assert await told(begun) == b""


async def test_a_request_that_drips_is_ended_too() -> None:
    assert await told(*(bytes([byte]) for byte in WHOLE[:20]), pause_s=0.05) == b""


async def test_empty_lines_do_not_keep_an_answered_connection() -> None:
    said = await told(WHOLE, b"\r\n", pause_s=0.1)
    assert said.startswith(b"HTTP/1.1 200 OK")


async def test_what_is_whole_is_answered_however_long_that_takes() -> None:
    said = await told(b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 200 OK")


async def test_whoever_sends_the_next_request_early_is_not_cut_off_for_our_slowness() -> None:
    last = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    said = await told(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n", last)
    assert said.count(b"HTTP/1.1 200 OK") == 2


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * MOST_HEAD_BYTES + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * (MOST_HEAD_BYTES // 2) + b"\r\n",
        b"GET /" + b"x" * MOST_HEAD_BYTES + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=["one header", "many headers", "address"],
)
async def test_a_head_that_is_too_large_is_refused(head: bytes) -> None:
    assert (await told(head)).startswith(b"HTTP/1.1 431 Request Header Fields Too Large")


async def test_a_header_that_does_not_end_is_refused() -> None:
    said = await told(b"GET / HTTP/1.1\r\nHost: x\r\nX: ", b"x" * 60_000, b"x" * 6_000, pause_s=0.05)
    assert said.startswith(b"HTTP/1.1 431 Request Header Fields Too Large")


async def test_a_large_body_is_no_head() -> None:
    body = b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n" + b"x" * 70_000
    last = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert (await told(body + last[:9], last[9:], pause_s=0.05)).count(b"HTTP/1.1 200 OK") == 2


HIDDEN = b"GET / HTTP/1.1\r\nHost: evil\r\n\r\n"


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 36\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + HIDDEN,
        b"Content-Length: 0\r\nContent-Length: 31\r\n\r\n" + HIDDEN,
        b"Content-Length: 0, 31\r\n\r\n" + HIDDEN,
        b"Content-Length: +0\r\n\r\n" + HIDDEN,
        b"Content-Length: -1\r\n\r\n" + HIDDEN,
        b"Content-Length: 0x1f\r\n\r\n" + HIDDEN,
        b"Content-Length : 0\r\n\r\n" + HIDDEN,
        b"Transfer-Encoding: identity, chunked, identity\r\n\r\n0\r\n\r\n" + HIDDEN,
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + HIDDEN,
        b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
        b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n" + HIDDEN,
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n" + HIDDEN,
        b"X: y\n\n" + HIDDEN,
        b"X: y\rContent-Length: 0\r\n\r\n" + HIDDEN,
        b"X\x00: y\r\n\r\n" + HIDDEN,
        b" folded: y\r\n\r\n" + HIDDEN,
    ],
    ids=range(17),
)
async def test_a_second_request_inside_of_a_body_is_never_answered(framing: bytes) -> None:
    said = await told(b"POST /body HTTP/1.1\r\nHost: x\r\n" + framing)
    assert said.count(b"HTTP/1.1 200 OK") == 0
    assert said.count(b"HTTP/1.1 400 Bad Request") <= 1


UPGRADE = b"POST /body HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("pause_s", [0.0, 0.05])
@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 30\r\n\r\n" + HIDDEN,
        b"Transfer-Encoding: chunked\r\n\r\n1e\r\n" + HIDDEN + b"\r\n0\r\n\r\n",
        b"\r\n",
    ],
    ids=["length", "chunked", "none"],
)
async def test_a_body_stays_a_body_where_the_client_asks_to_upgrade(rest: bytes, pause_s: float) -> None:
    head, _, body = rest.partition(b"\r\n\r\n")
    said = await told(UPGRADE + (head + b"\r\n\r\n" if body else rest), body, LAST, pause_s=pause_s)
    assert said.count(b"HTTP/1.1 200 OK") == 2
    assert (HIDDEN in said) is (HIDDEN in body)


async def test_the_body_of_a_request_that_asks_to_upgrade_is_read() -> None:
    said = await told(UPGRADE + b"Content-Length: 5\r\n\r\n", b"hello", LAST, pause_s=0.05)
    assert b"\r\n\r\nhello" in said


@pytest.mark.parametrize("address", [b"/body", b"pay.shop.et:443"])
async def test_nobody_is_connected_elsewhere(address: bytes) -> None:
    said = await told(b"CONNECT " + address + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 400 Bad Request")


async def test_what_is_no_request_is_refused() -> None:
    assert (await told(b"nonsense\r\n\r\n")).startswith(b"HTTP/1.1 400 Bad Request")


async def test_whoever_never_reads_the_answers_is_cut_off() -> None:
    connections: set[asyncio.Protocol] = set()
    async with listening(connections) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
        writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n" * 8)
        await until(lambda: len(connections) == 1)
        await until(lambda: not connections)
        writer.close()


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not done():  # noqa: ASYNC110 -- uvicorn tells nobody when a connection ends
            await asyncio.sleep(0.02)
