"""A client that posts the same way as a busy stranger: bytes as they are, over connections that stay open."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

import attrs

Headers = list[tuple[bytes, bytes]]
Posted = tuple[str, Headers, bytes]
"""Path, headers and body."""

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_CLOSES: Final = re.compile(rb"\r\nconnection: *close\r\n", re.IGNORECASE)


@attrs.define
class Answers:
    """What many requests were answered, and how long each took."""

    statuses: Counter[int] = attrs.field(factory=Counter)
    seconds: list[float] = attrs.field(factory=list)
    connections: int = 0

    @property
    def p99_ms(self) -> float:
        """What 99 of 100 answers took at most."""
        return sorted(self.seconds)[len(self.seconds) * 99 // 100] * 1000


async def post_all(port: int, requests: Iterable[Posted], *, at_once: int) -> Answers:
    """Post all of ``requests`` over ``at_once`` connections, each anew only where the other side closed it.

    Raises:
        ConnectionError, IncompleteReadError: a request was not answered.
    """
    answers, waiting = Answers(), iter(requests)
    await asyncio.gather(*(_post_some(port, waiting, answers) for _ in range(at_once)))
    return answers


async def _post_some(port: int, waiting: Iterator[Posted], answers: Answers) -> None:
    streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    try:
        for request in waiting:
            if streams is None:
                streams = await asyncio.open_connection("127.0.0.1", port)
                answers.connections += 1
            reader, writer = streams
            since = time.monotonic()
            writer.write(_bytes_of(request))
            async with asyncio.timeout(30):
                head = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                await reader.readexactly(int(length[1]) if length else 0)
            answers.seconds.append(time.monotonic() - since)
            answers.statuses[int(head[9:12])] += 1
            if _CLOSES.search(head):
                writer.transport.abort()
                streams = None
    finally:
        if streams is not None:
            streams[1].close()


def _bytes_of(request: Posted) -> bytes:
    path, headers, body = request
    lines = [f"POST {path} HTTP/1.1".encode(), b"host: pay.example", b"content-length: %d" % len(body)]
    return b"\r\n".join([*lines, *(name + b": " + value for name, value in headers), b"", body])
