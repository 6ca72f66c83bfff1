"""The one HTTP client of a process: httpx's interface over aiohttp, and what its trouble means.

docs/adr/0004 says why. Redirects are not followed, proxy variables and cookies are ignored, TLS is verified,
answers are read up to a bound. One client serves every provider and the orders service; each call brings its
own total time.
"""

import asyncio
from base64 import b64decode
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final

import aiohttp
import attrs
import httpx
from httpx_aiohttp import AiohttpTransport

from payments.adapters.secret import MASK
from payments.domain.errors import OutcomeUnknown, ProviderUnavailable

CONNECT_S: Final = 2.0
"""Covers waiting for a free connection, the host's name, TCP and TLS."""
PROVIDER_TOTAL_S: Final = 10.0
ORDERS_TOTAL_S: Final = 3.0
MOST_ANSWER_BYTES: Final = 1_000_000

_CONNECTIONS: Final = 100
_CONNECTIONS_PER_HOST: Final = 32
_KEEP_ALIVE_S: Final = 15.0
_WAIT_S: Final = 2.0
_LEAST_SECRET_CHARACTERS: Final = 8
_ENCODINGS: Final = frozenset({"", "identity", "gzip", "deflate"})

# aiohttp raises these before the first byte of a request is written, and all its others after that.
_BEFORE_SENDING: Final = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ServerFingerprintMismatch,
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
)
_NOTHING_SENT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
)


@attrs.frozen(kw_only=True)
class Reply:
    """A whole answer, at most :data:`MOST_ANSWER_BYTES` long."""

    status: int
    headers: httpx.Headers
    body: bytes


@asynccontextmanager
async def open_http_client() -> AsyncIterator[httpx.AsyncClient]:
    """The client, for as long as the process runs. Never make one for a request."""
    tls = httpx.create_ssl_context(verify=True, trust_env=False)
    connector = aiohttp.TCPConnector(
        ssl=tls,
        limit=_CONNECTIONS,
        limit_per_host=_CONNECTIONS_PER_HOST,
        keepalive_timeout=_KEEP_ALIVE_S,
    )
    async with (
        aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
        ) as session,
        httpx.AsyncClient(
            transport=SortingTransport(AiohttpTransport(verify=tls, trust_env=False, client=session)),
            timeout=httpx.Timeout(PROVIDER_TOTAL_S, connect=CONNECT_S, pool=CONNECT_S),
            # What one call was answered must not travel with the next.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            headers={"user-agent": "payments", "accept-encoding": "identity"},
            follow_redirects=False,
            trust_env=False,
        ) as client,
    ):
        yield client


async def exchange(
    client: httpx.AsyncClient,
    request: httpx.Request,
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
            reply = await _whole_reply(client, request)
    except (httpx.HTTPError, TimeoutError) as trouble:
        raise gateway_error(trouble) from trouble
    return attrs.evolve(reply, body=_without(reply.body, (*_credentials(request), *secrets)))


def _credentials(request: httpx.Request) -> Iterator[str]:
    """All that tells others who we are in the request's ``Authorization``, encoded and as it was before."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if not credentials:
        return
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


@attrs.frozen
class SortingTransport(httpx.AsyncBaseTransport):
    """Raises the httpx error that is true.

    ``httpx-aiohttp`` 0.2 turns every lost connection into ``ConnectTimeout``, also one lost after the request
    had been sent, and lets aiohttp's protocol errors through as they are.
    """

    _wire: AiohttpTransport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        with _sorted_trouble(request):
            response = await self._wire.handle_async_request(request)
        if isinstance(response.stream, httpx.AsyncByteStream):
            response.stream = _SortingStream(response.stream, request)
        return response

    async def aclose(self) -> None:
        await self._wire.aclose()


@attrs.frozen
class _SortingStream(httpx.AsyncByteStream):
    _wire: httpx.AsyncByteStream
    _request: httpx.Request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _sorted_trouble(self._request):
            async for chunk in self._wire:
                yield chunk

    async def aclose(self) -> None:
        with _sorted_trouble(self._request):
            await self._wire.aclose()


@contextmanager
def _sorted_trouble(request: httpx.Request) -> Iterator[None]:
    try:
        yield
    except (httpx.TransportError, aiohttp.ClientError, OSError) as trouble:
        told = trouble.__cause__ if isinstance(trouble, httpx.TransportError) else trouble
        raise _true_error(told or trouble, request) from trouble


def _true_error(trouble: BaseException, request: httpx.Request) -> httpx.TransportError:
    text = str(trouble) or type(trouble).__name__
    if isinstance(trouble, _BEFORE_SENDING):
        late = isinstance(trouble, TimeoutError)
        return (httpx.ConnectTimeout if late else httpx.ConnectError)(text, request=request)
    if isinstance(trouble, TimeoutError):
        return httpx.ReadTimeout(text, request=request)
    if isinstance(trouble, aiohttp.ServerDisconnectedError | aiohttp.ClientResponseError):
        return httpx.RemoteProtocolError(text, request=request)
    return httpx.ReadError(text, request=request)


async def _whole_reply(client: httpx.AsyncClient, request: httpx.Request) -> Reply:
    response = await client.send(request, stream=True)
    try:
        # Encodings on top of each other let a small answer grow without bound while one piece is decoded.
        if response.headers.get("content-encoding", "").strip().lower() not in _ENCODINGS:
            raise httpx.RemoteProtocolError("The answer has an encoding we did not ask for.", request=request)
        received = bytearray()
        async for chunk in response.aiter_bytes():
            received += chunk
            if len(received) > MOST_ANSWER_BYTES:
                raise httpx.RemoteProtocolError("The answer is too large.", request=request)
    finally:
        await response.aclose()
    return Reply(status=response.status_code, headers=response.headers, body=bytes(received))
