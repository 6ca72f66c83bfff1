"""Sockets that stay half open and bodies without end, at a real server process."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.databases import SqliteDatabase
from tests.e2e.outside_world import Outside
from tests.e2e.story import Story, open_story, token
from tests.hostile.conftest import CLOSED_S, copied

pytestmark = pytest.mark.anyio

HALF_OPEN = 500
BODIES = 50
BODY_BYTES = 200_000_000
AT_ONCE = 10
GROWTH_BYTES = 10_000_000

BEGUN: dict[str, bytes] = {
    "nothing": b"",
    "a letter": b"P",
    "half a line": b"GET /livez HT",
    "half a head": b"GET /livez HTTP/1.1\r\nHost: pay\r\nX-Half:",
    "half a webhook": b"POST /payments/verify/chapa/ HTTP/1.1\r\nHost: pay\r\nContent-Length: 40\r\n\r\n{",
    "half a chunk": (
        b"POST /payments/verify/chapa/ HTTP/1.1\r\nHost: pay\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{"
    ),
    "half a body nobody reads": b"POST /payments/ HTTP/1.1\r\nHost: pay\r\nContent-Length: 40\r\n\r\n{",
    "half a body of a GET": b"GET /livez HTTP/1.1\r\nHost: pay\r\nContent-Length: 40\r\n\r\n{",
    "half a body after asking": (
        b"POST /payments/verify/stk/00000000000000000000000000000000/ HTTP/1.1\r\nHost: pay\r\n"
        b"Expect: 100-continue\r\nContent-Length: 40\r\n\r\n"
    ),
    "half a second request": b"GET /livez HTTP/1.1\r\nHost: pay\r\n\r\nGET /livez HTTP/1.1\r\nHost:",
}


@pytest.fixture
async def story(outside: Outside, empty_database: Path, tmp_path: Path) -> AsyncIterator[Story]:
    database = SqliteDatabase(copied(empty_database, tmp_path))
    async with open_story(outside, database, tmp_path) as told:
        yield told


async def held_open(port: int, begun: bytes) -> float:
    """How many seconds the other side keeps a connection on which nothing follows ``begun``."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    since = time.monotonic()
    writer.write(begun)
    try:
        async with asyncio.timeout(60):
            while await reader.read(65_536):
                pass
    except ConnectionError:
        pass
    finally:
        writer.close()
    return time.monotonic() - since


async def test_five_hundred_half_open_sockets_are_closed_while_others_are_answered(story: Story) -> None:
    port = int(story.service.environ["PAYMENTS_PORT"])
    kinds = [*BEGUN.items()] * (HALF_OPEN // len(BEGUN))
    held = [asyncio.create_task(held_open(port, begun)) for _, begun in kinds]
    answered = 0
    while not all(task.done() for task in held):
        answer = await story.client.get("/payments/")
        assert answer.status_code == 200, answer.text
        answered += 1
        await asyncio.sleep(0.05)
    seconds = [task.result() for task in held]
    late = {kind for (kind, _), took in zip(kinds, seconds, strict=True) if took > CLOSED_S}
    assert late == set(), max(seconds)
    assert answered > 10
    assert (await story.initiated())["checkout_url"]


def resident_bytes(process: int) -> int:
    """How much memory a process holds now."""
    pages = int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096


async def pour(port: int, path: str, *, chunked: bool) -> bytes:
    """The first line of what is answered to a body of 200 MB; empty where the connection just ended."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {BODY_BYTES}"
    head = (
        f"POST {path} HTTP/1.1\r\nHost: pay\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {token()}\r\n{length}\r\n\r\n"
    )
    piece = b"x" * 65_536
    said = asyncio.create_task(reader.readline())
    try:
        writer.write(head.encode())
        for _ in range(BODY_BYTES // len(piece)):
            if reader.at_eof() or reader.exception():
                break
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
            await writer.drain()
            await asyncio.sleep(0)
        async with asyncio.timeout(60):
            return await said
    except ConnectionError:
        return said.result() if said.done() and not said.exception() else b""
    finally:
        said.cancel()
        writer.transport.abort()


@pytest.mark.parametrize(
    "path",
    [
        "/payments/verify/chapa/",
        "/payments/initiate/order_1/",
        "/payments/verify/stk/00000000000000000000000000000000/",
        "/payments/",
    ],
)
async def test_fifty_bodies_of_200_mb_are_refused_and_held_nowhere(story: Story, path: str) -> None:
    port = int(story.service.environ["PAYMENTS_PORT"])
    (process,) = (each.pid for each in story.service._processes)
    assert process is not None
    await asyncio.gather(*(pour(port, path, chunked=bool(number % 2)) for number in range(AT_ONCE)))
    before = resident_bytes(process)
    highest, said = before, []
    for number in range(0, BODIES, AT_ONCE):
        pouring = [
            asyncio.create_task(pour(port, path, chunked=bool(each % 2)))
            for each in range(number, number + AT_ONCE)
        ]
        while not all(task.done() for task in pouring):
            highest = max(highest, resident_bytes(process))
            await asyncio.sleep(0.01)
        said += [task.result() for task in pouring]
    wanted = b"HTTP/1.1 405" if path == "/payments/" else b"HTTP/1.1 413"
    assert {line[:12] for line in said} <= {wanted, b""}
    assert highest - before < GROWTH_BYTES
    assert (await story.client.get("/payments/")).status_code == 200
