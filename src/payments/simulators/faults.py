"""Faults on the wire: what a caller sees when the other side misbehaves.

| fault | carried out? | the caller sees |
|---|---|---|
| `none` | yes | the answer |
| `reset_before`, `reset_after` | no, yes | the connection closed without a byte of an answer |
| `truncated` | yes | a complete answer whose body is half of the JSON |
| `cut_off` | yes | the status and half of the body, then the connection closed |
| `rate_limited` | no | 429 |
| `html_500`, `html_500_after` | no, yes | 500 and an HTML page |
| `unavailable` | no | 503 |
| `slow` | yes | the answer, after `answer_delay_s` |
| `never_answer` | yes | nothing, until the caller gives up |

ASGI has no message for "drop the connection", and a server turns an exception into a 500. So we look among
the file descriptors of this process for our end of the connection (the pair of addresses the scope names)
and shut it down: the caller sees the end of the stream at once, and the server sees a client that went
away, and writes nothing. Where the descriptor cannot be found (another operating system, a proxy in
between) the answer is cut off instead.
"""

import asyncio
import os
import socket
from http import HTTPStatus
from pathlib import Path

from starlette.types import Receive, Scope, Send

FAULTS = (
    "none",
    "reset_before",
    "reset_after",
    "truncated",
    "cut_off",
    "rate_limited",
    "html_500",
    "html_500_after",
    "unavailable",
    "slow",
    "never_answer",
)
NOT_CARRIED_OUT = frozenset({"reset_before", "rate_limited", "html_500", "unavailable"})
HTML_500 = "<!DOCTYPE html><html><head><title>Server Error</title></head><body><h1>500</h1></body></html>"

# A caller without a time limit of its own must not keep the server from stopping.
_LONGEST_SILENCE_S = 120.0
_DESCRIPTORS = Path("/dev/fd")


async def drop_connection(scope: Scope, receive: Receive, send: Send) -> None:
    """Close the connection of this request without an answer."""
    if _shut_down(scope):
        await _gone(receive)
    else:
        await cut_off(b"{}", send)


async def cut_off(body: bytes, send: Send, status: int = HTTPStatus.OK) -> None:
    """Answer with half of the body; the server closes the connection of an answer that was not completed."""
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})


async def stay_silent(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer nothing until the caller goes away, or for two minutes."""
    try:
        async with asyncio.timeout(_LONGEST_SILENCE_S):
            await _gone(receive)
    except TimeoutError:
        await drop_connection(scope, receive, send)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _shut_down(scope: Scope) -> bool:
    client, server = scope.get("client"), scope.get("server")
    if client is None or server is None or not _DESCRIPTORS.is_dir():
        return False
    ends = (tuple(client), tuple(server))
    return any(_shut_down_if_it_joins(int(entry.name), ends) for entry in _DESCRIPTORS.iterdir())


def _shut_down_if_it_joins(descriptor: int, ends: tuple[tuple[object, ...], tuple[object, ...]]) -> bool:
    try:
        # A duplicate, so that closing ours leaves the server's own descriptor open.
        candidate = socket.socket(fileno=os.dup(descriptor))
    except OSError:
        return False
    with candidate:
        try:
            if (candidate.getpeername()[:2], candidate.getsockname()[:2]) != ends:
                return False
            candidate.shutdown(socket.SHUT_RDWR)
        except OSError:
            return False
        return True
