"""The one HTTP client of a process: httpx's interface over aiohttp, and what its trouble means.

docs/adr/0028 says why. Redirects are not followed, proxy variables and cookies are ignored, TLS is verified,
answers are read up to a bound. One client serves every provider and the orders service; each call brings its
own total time.
"""

import asyncio
import ssl
from base64 import b64decode
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final, cast

import aiohttp
import attrs
import httpx

from payments.adapters.http_wire import (
    HEADERS,
    MOST_ANSWER_BYTES,
    Call,
    Reply,
    Wire,
    WiredClient,
    refuse_size,
    unpacked,
)
from payments.adapters.secret import MASK
from payments.domain.errors import OutcomeUnknown, ProviderUnavailable

__all__ = [
    "CONNECTIONS_PER_HOST",
    "CONNECT_S",
    "MOST_ANSWER_BYTES",
    "ORDERS_TOTAL_S",
    "PROVIDER_TOTAL_S",
    "Call",
    "Reply",
    "exchange",
    "gateway_error",
    "open_http_client",
    "whole_reply",
]

CONNECT_S: Final = 2.0
"""Covers waiting for a free connection, the host's name, TCP and TLS."""
PROVIDER_TOTAL_S: Final = 10.0
ORDERS_TOTAL_S: Final = 3.0

_CONNECTIONS: Final = 600
CONNECTIONS_PER_HOST: Final = 180
"""More than inbox and sweep ask at once (136), or the outbox tells (16): a host that hangs must leave some to
the payers."""
_KEEP_ALIVE_S: Final = 15.0
_WAIT_S: Final = 2.0
_LEAST_SECRET_CHARACTERS: Final = 8

_NOTHING_SENT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
)


@asynccontextmanager
async def open_http_client(tls: ssl.SSLContext | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """The client, for as long as the process runs. Never make one for a request.

    ``tls`` says whom to trust; None means the public authorities.
    """
    connector = aiohttp.TCPConnector(
        ssl=tls or httpx.create_ssl_context(verify=True, trust_env=False),
        limit=_CONNECTIONS,
        limit_per_host=CONNECTIONS_PER_HOST,
        keepalive_timeout=_KEEP_ALIVE_S,
    )
    async with (
        aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=HEADERS,
            auto_decompress=False,
            # Whoever calls bounds the whole; only connecting has a bound of its own.
            timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_S, sock_connect=CONNECT_S),
            trust_env=False,
        ) as session,
        WiredClient(Wire(session), httpx.Timeout(PROVIDER_TOTAL_S, connect=CONNECT_S)) as client,
    ):
        yield client


async def exchange(
    client: httpx.AsyncClient,
    request: Call | httpx.Request,
    *,
    total_s: float = PROVIDER_TOTAL_S,
    secrets: tuple[str, ...] = (),
) -> Reply:
    """Send ``request`` and read the whole answer, whatever its status, within ``total_s`` seconds.

    What the request proves us with (``Authorization``, and the ``secrets`` of its body) stands nowhere in the
    answer, even where somebody repeats it: what providers say is kept, and shown to people.

    Raises:
        ProviderUnavailable: nothing was sent.
        OutcomeUnknown: the request may have been carried out; the answer is missing, cut off or unreadable.
    """
    try:
        async with asyncio.timeout(total_s):
            reply = await whole_reply(client, request)
    except (httpx.HTTPError, TimeoutError) as trouble:
        raise gateway_error(trouble) from trouble
    body = _without(reply.body, (*_credentials(request.headers), *secrets))
    return reply if body == reply.body else attrs.evolve(reply, body=body)


def _credentials(headers: Mapping[str, str]) -> Iterator[str]:
    """All that tells others who we are in ``Authorization``, encoded and as it was before."""
    for name, value in headers.items():
        scheme, _, credentials = value.partition(" ")
        if name.lower() != "authorization" or not credentials:
            continue
        yield credentials
        if scheme.lower() == "basic":
            with suppress(ValueError):
                yield from b64decode(credentials, validate=True).decode().split(":", 1)


def _without(body: bytes, secrets: Iterable[str]) -> bytes:
    for secret in secrets:
        # Short texts would be found in the midst of words that mean something else.
        if len(secret) < _LEAST_SECRET_CHARACTERS:
            continue
        # Some write a slash in JSON with a backslash before it.
        for spelt in {secret, secret.replace("/", r"\/")}:
            body = body.replace(spelt.encode(), MASK.encode())
    return body


def gateway_error(trouble: httpx.HTTPError | TimeoutError) -> ProviderUnavailable | OutcomeUnknown:
    """What ``trouble`` allows to be done next: whatever is not proven unsent may have happened."""
    kind = type(trouble).__name__
    if isinstance(trouble, _NOTHING_SENT):
        return ProviderUnavailable(
            f"The provider could not be reached ({kind}); nothing was sent.", retry_after_s=_WAIT_S
        )
    return OutcomeUnknown(f"The provider's answer was lost ({kind}).", retry_after_s=_WAIT_S)


async def whole_reply(
    client: httpx.AsyncClient, request: Call | httpx.Request, *, most_bytes: int = MOST_ANSWER_BYTES
) -> Reply:
    """The whole answer to ``request``, whatever its status, by the shortest way that ``client`` has.

    Raises:
        httpx.HTTPError: there was none, or none of at most ``most_bytes``.
    """
    if isinstance(client, WiredClient):
        call = await Call.of(request) if isinstance(request, httpx.Request) else request
        return await client.wire.reply(call, most_bytes)
    if isinstance(request, Call):
        request = client.build_request(
            request.method, request.url, headers={**HEADERS, **request.headers}, content=request.body
        )
    response = await client.send(request, stream=True, follow_redirects=False)
    try:
        received = bytearray()
        # As it was sent; httpx's own readers unpack without bounds.
        async for piece in cast(httpx.AsyncByteStream, response.stream):
            received += piece
            refuse_size(received, most_bytes)
    finally:
        await response.aclose()
    body = unpacked(bytes(received), response.headers.get("content-encoding", ""), most_bytes)
    return Reply(status=response.status_code, raw_headers=tuple(response.headers.raw), body=body)
