"""The wire below the client: whole requests out and whole answers in over one aiohttp session.

docs/adr/0028 says why. What aiohttp raises is told in httpx's words, sorted by the one question that matters
afterwards: was anything sent?
"""

import asyncio
import zlib
from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final, Self

import aiohttp
import attrs
import httpx

MOST_ANSWER_BYTES: Final = 1_000_000
HEADERS: Final[Mapping[str, str]] = {"user-agent": "payments", "accept-encoding": "identity"}
"""What every request carries."""

_NOT_GUESSED: Final = ("content-type",)
_PLAIN: Final = frozenset({"", "identity"})
_QUESTIONS: Final = frozenset({"GET", "HEAD"})
_PACKED: Final = {"gzip": (16 + zlib.MAX_WBITS,), "deflate": (zlib.MAX_WBITS, -zlib.MAX_WBITS)}
"""zlib's names of the forms; some send "deflate" without the header that RFC 9110 asks for."""
_OF_THE_PACKAGE: Final = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})

# aiohttp raises these before the first byte of a request is written, and all its others after that.
_BEFORE_SENDING: Final = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ServerFingerprintMismatch,
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
)


@attrs.frozen(kw_only=True)
class Call:
    """A whole request. ``headers`` come on top of those that every request carries."""

    method: str
    url: str
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes | None = attrs.field(default=None, repr=False)

    @classmethod
    async def of(cls, request: httpx.Request) -> Self:
        """``request``, its body read to the end."""
        body = await request.aread()
        headers = {name: value for name, value in request.headers.items() if name != "transfer-encoding"}
        return cls(method=request.method, url=str(request.url), headers=headers, body=body or None)


@attrs.frozen(kw_only=True)
class Reply:
    """A whole answer, unpacked."""

    status: int
    raw_headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    def header(self, name: str) -> str:
        """All that the lines of ``name``, in small letters, say; empty where there is none."""
        wanted = name.encode()
        said = b", ".join([value for key, value in self.raw_headers if key.lower() == wanted])
        try:
            return said.decode()
        except UnicodeDecodeError:
            return said.decode("latin-1")


@attrs.frozen
class Wire:
    """Follows no redirect, and keeps nothing of one call for the next but its connection."""

    _session: aiohttp.ClientSession

    async def reply(self, call: Call, most_bytes: int) -> Reply:
        """The whole answer to ``call``. How long it may take is the caller's to say.

        Raises:
            httpx.ConnectError, httpx.ConnectTimeout: nothing was sent.
            httpx.TransportError: any other; the request may have been carried out.
            httpx.DecodingError: likewise; the answer is not packed as it says.
        """
        question = call.method in _QUESTIONS
        # To have aiohttp skip what it would not add takes longer.
        typed = "content-type" in call.headers or (question and call.body is None)
        try:
            response = await self._session.request(
                call.method,
                call.url,
                headers=call.headers,
                data=call.body,
                allow_redirects=False,
                skip_auto_headers=None if typed else _NOT_GUESSED,
                middlewares=None if question else (_once,),
            )
            try:
                received = bytearray()
                while not response.content.at_eof():
                    received += await response.content.readany()
                    refuse_size(received, most_bytes)
            finally:
                # One that was read to its end gave its connection back; the rest of another goes with it.
                if not response.closed:
                    response.close()
        except (aiohttp.ClientError, OSError) as trouble:
            raise _true_error(trouble) from trouble
        encoding = ", ".join(response.headers.getall("content-encoding", ()))
        return Reply(
            status=response.status,
            raw_headers=response.raw_headers,
            body=unpacked(bytes(received), encoding, most_bytes),
        )


class WiredClient(httpx.AsyncClient):
    """httpx's interface over ``wire``, which a caller that needs no more than that may also use itself."""

    def __init__(self, wire: Wire, timeout: httpx.Timeout) -> None:
        super().__init__(
            transport=_WireTransport(wire),
            timeout=timeout,
            # What one call was answered must not travel with the next.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            headers=HEADERS,
            follow_redirects=False,
            trust_env=False,
        )
        self.wire = wire


@attrs.frozen
class _WireTransport(httpx.AsyncBaseTransport):
    _wire: Wire

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            async with asyncio.timeout(request.extensions.get("timeout", {}).get("read")):
                reply = await self._wire.reply(await Call.of(request), MOST_ANSWER_BYTES)
        except TimeoutError as trouble:
            raise httpx.ReadTimeout("The answer did not come in time.") from trouble
        # Unpacked here, within bounds, and not once more by httpx.
        headers = [(name, value) for name, value in reply.raw_headers if name.lower() not in _OF_THE_PACKAGE]
        return httpx.Response(reply.status, headers=headers, stream=httpx.ByteStream(reply.body))


def refuse_size(received: bytes | bytearray, most_bytes: int) -> None:
    """Refuse what is more than ``most_bytes``.

    Raises:
        httpx.RemoteProtocolError: it is.
    """
    if len(received) > most_bytes:
        raise httpx.RemoteProtocolError("The answer is too large.")


def unpacked(packed: bytes, encoding: str, most_bytes: int) -> bytes:
    """``packed`` as it was before its ``content-encoding``; we ask for none, and some servers use one.

    Raises:
        httpx.RemoteProtocolError: the encoding is another, or the answer more than ``most_bytes``.
        httpx.DecodingError: it is not packed as it says, or not whole.
    """
    encoding = encoding.strip().lower()
    if encoding in _PLAIN:
        return packed
    if encoding not in _PACKED:
        raise httpx.RemoteProtocolError("The answer has an encoding that we do not read.")
    if not packed:
        return packed
    for form in _PACKED[encoding]:
        unpacking = zlib.decompressobj(form)
        try:
            body = unpacking.decompress(packed, most_bytes + 1)
        except zlib.error:
            continue
        refuse_size(body, most_bytes)
        if unpacking.eof:
            return body
    raise httpx.DecodingError("The answer is not packed as it says.")


async def _once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Send ``request`` one time only.

    aiohttp itself sends PUT and DELETE again when a kept connection turns out to be lost, and the error of
    the second try says nothing about the first. An error that is not aiohttp's own ends that.
    """
    try:
        return await send(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as trouble:
        raise _true_error(trouble) from trouble


def _true_error(trouble: aiohttp.ClientError | OSError) -> httpx.TransportError:
    text = _said(trouble)
    if isinstance(trouble, _BEFORE_SENDING):
        return httpx.ConnectTimeout(text) if isinstance(trouble, TimeoutError) else httpx.ConnectError(text)
    if isinstance(trouble, TimeoutError):
        return httpx.ReadTimeout(text)
    if isinstance(trouble, aiohttp.ServerDisconnectedError | aiohttp.ClientResponseError):
        return httpx.RemoteProtocolError(text)
    return httpx.ReadError(text)


def _said(trouble: aiohttp.ClientError | OSError) -> str:
    """What ``trouble`` says, but for the address: an issuer's may have a secret in its query."""
    match trouble:
        case aiohttp.ClientResponseError():
            return f"{trouble.status}, {trouble.message}"
        case aiohttp.ConnectionTimeoutError():
            return "It did not connect in time."
        case aiohttp.InvalidURL():
            return "The address cannot be called."
        case _:
            return str(trouble) or type(trouble).__name__
