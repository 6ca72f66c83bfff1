"""The wire on real sockets: what each error of aiohttp becomes, and that every way to it sends the same."""

import asyncio
import gzip
import socket
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import attrs
import httpx
import pytest

from payments.adapters.http_client import Call, exchange, whole_reply
from payments.adapters.http_wire import HEADERS, MOST_ANSWER_BYTES, Wire, unpacked
from payments.domain.errors import OutcomeUnknown
from tests.integration.test_http_client import (
    OK,
    loopback_client,
    resets,
    resets_in_the_middle,
    saying,
    self_signed,
    serving,
)
from tests.ports import free_port
from tests.serving import conversing, plain_client

pytestmark = pytest.mark.anyio

GZIP = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n%b"


def a_call(url: str, method: str = "POST") -> Call:
    body = None if method == "GET" else b"body"
    return Call(method=method, url=url, headers={"accept": "application/json"}, body=body)


async def trouble_with(url: str) -> httpx.HTTPError:
    async with loopback_client() as client:
        with pytest.raises(httpx.HTTPError) as caught:
            await whole_reply(client, a_call(url))
    return caught.value


@pytest.mark.parametrize(
    ("script", "raised", "told"),
    [
        (saying(b""), aiohttp.ServerDisconnectedError, httpx.RemoteProtocolError),
        (
            saying(b"HTTP/1.1 200 OK\r\ncontent-le"),
            aiohttp.ServerDisconnectedError,
            httpx.RemoteProtocolError,
        ),
        (saying(b"220 mail.example.com ESMTP\r\n"), aiohttp.ClientResponseError, httpx.RemoteProtocolError),
        (resets, aiohttp.ClientOSError, httpx.ReadError),
        (
            saying(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"),
            aiohttp.ClientPayloadError,
            httpx.ReadError,
        ),
        (
            saying(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nno number\r\n"),
            aiohttp.ClientResponseError,
            httpx.RemoteProtocolError,
        ),
        (resets_in_the_middle, aiohttp.ClientPayloadError, httpx.ReadError),
    ],
    ids=["silence", "half a head", "no HTTP", "reset", "half a body", "bad chunks", "reset in the body"],
)
async def test_what_breaks_after_sending_is_never_told_as_unsent(
    script: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    raised: type[Exception],
    told: type[httpx.HTTPError],
) -> None:
    async with serving(script) as url:
        trouble = await trouble_with(url)
    assert (type(trouble), isinstance(trouble.__cause__, raised)) == (told, True)


def knowing_nobody(*_arguments: Any, **_options: Any) -> Any:
    """What a name server says of a name that nobody has; none is asked, which may take longer than a call."""
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.mark.parametrize(
    ("url", "raised"),
    [
        ("http://127.0.0.1:{port}/", aiohttp.ClientConnectorError),
        ("http://nowhere.invalid/", aiohttp.ClientConnectorDNSError),
        ("http:///nowhere", aiohttp.InvalidURL),
        ("http://127.0.0.1:port/", aiohttp.InvalidURL),
        ("file:///etc/passwd", aiohttp.NonHttpUrlClientError),
    ],
)
async def test_what_never_connects_is_told_as_unsent(
    url: str, raised: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", knowing_nobody)
    trouble = await trouble_with(url.replace("{port}", str(free_port())))
    assert (type(trouble), isinstance(trouble.__cause__, raised)) == (httpx.ConnectError, True)


async def test_a_certificate_nobody_vouches_for_is_told_as_unsent(tmp_path: Path) -> None:
    async with serving(saying(OK), tls=self_signed(tmp_path)) as url:
        trouble = await trouble_with(url.replace("http:", "https:"))
    assert isinstance(trouble.__cause__, aiohttp.ClientConnectorCertificateError)
    assert type(trouble) is httpx.ConnectError


async def test_what_is_no_tls_at_all_is_told_as_unsent() -> None:
    async def greets(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.com ESMTP\r\n")

    async with conversing(greets) as port:
        trouble = await trouble_with(f"https://127.0.0.1:{port}/")
    assert isinstance(trouble.__cause__, aiohttp.ClientConnectorError)
    assert type(trouble) is httpx.ConnectError


async def test_a_call_that_waited_for_a_connection_in_vain_is_told_as_unsent() -> None:
    began = asyncio.Event()

    async def keeps_silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        began.set()
        await reader.read()

    async with (
        serving(keeps_silent) as url,
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=1), timeout=aiohttp.ClientTimeout(connect=1.0)
        ) as session,
    ):
        wire = Wire(session)
        first = asyncio.create_task(wire.reply(a_call(url), MOST_ANSWER_BYTES))
        await began.wait()
        with pytest.raises(httpx.ConnectTimeout) as caught:
            await wire.reply(a_call(url), MOST_ANSWER_BYTES)
        first.cancel()
        await asyncio.wait({first})
    assert isinstance(caught.value.__cause__, aiohttp.ConnectionTimeoutError)


@attrs.define
class Recorder:
    """Answers each request with ``answer`` and keeps what came in, by connection."""

    answer: bytes = OK
    answers_a_connection: int = 1_000
    came: list[list[bytes]] = attrs.field(factory=list)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        here: list[bytes] = []
        self.came.append(here)
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                return
            lowered = head.lower()
            body = await reader.readexactly(4) if b"content-length: 4" in lowered else b""
            here.append(head + body)
            if len(here) > self.answers_a_connection:
                return
            writer.write(self.answer)


@asynccontextmanager
async def recording(recorder: Recorder) -> AsyncIterator[str]:
    async with conversing(recorder) as port:
        yield f"http://127.0.0.1:{port}/a%20path%2Fb/?q=a%2Bb"


@pytest.mark.parametrize(
    ("method", "sent"), [("POST", 1), ("PUT", 1), ("PATCH", 1), ("DELETE", 1), ("GET", 2)]
)
async def test_only_a_question_is_repeated_where_a_kept_connection_was_lost(method: str, sent: int) -> None:
    recorder = Recorder(answers_a_connection=1)
    async with recording(recorder) as url, loopback_client() as client:
        await exchange(client, a_call(url, "POST"))
        if method == "GET":
            assert (await exchange(client, a_call(url, method))).status == 200
        else:
            with pytest.raises(OutcomeUnknown):
                await exchange(client, a_call(url, method))
    lines = [request.partition(b" ")[0].decode() for connection in recorder.came for request in connection]
    assert lines == ["POST", *[method] * sent]


async def test_a_change_that_was_lost_is_not_told_as_unsent_because_nobody_listens_any_more() -> None:
    changing = asyncio.Event()

    async def answers_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"body")
        writer.write(OK)
        await reader.readuntil(b"body")
        changing.set()
        await reader.read()

    async with loopback_client() as client:
        async with conversing(answers_once) as port:
            call = a_call(f"http://127.0.0.1:{port}/", "PUT")
            await exchange(client, call)
            second = asyncio.create_task(exchange(client, call))
            await changing.wait()
        with pytest.raises(OutcomeUnknown):
            await second


@pytest.mark.parametrize("typed", [{}, {"content-type": "application/json"}], ids=["untyped", "typed"])
@pytest.mark.parametrize(
    ("method", "body"),
    [("GET", None), ("GET", b"body"), ("POST", b"body"), ("PUT", None), ("PUT", b"body"), ("PATCH", b"body")],
)
async def test_every_way_sends_the_same_request(
    method: str, body: bytes | None, typed: dict[str, str]
) -> None:
    recorder = Recorder()
    async with recording(recorder) as url, loopback_client() as client, plain_client() as other:
        call = attrs.evolve(a_call(url, method), body=body, headers={"accept": "application/json", **typed})
        request = client.build_request(method, url, headers=call.headers, content=call.body)
        await exchange(client, call)
        await exchange(client, request)
        await client.send(request)
        await exchange(other, call)

    def told(raw: bytes) -> tuple[bytes, frozenset[bytes], bytes]:
        head, _, body = raw.partition(b"\r\n\r\n")
        line, *fields = head.split(b"\r\n")
        named = {
            name.lower() + b":" + value for name, _, value in (field.partition(b":") for field in fields)
        }
        # HTTP/1.1 keeps connections without being asked to.
        return line, frozenset(named - {b"connection: keep-alive"}), body

    (first, *others) = [told(request) for connection in recorder.came for request in connection]
    assert len(others) == 3
    assert all(other == first for other in others)
    assert first[0].decode() == f"{method} /a%20path%2Fb/?q=a%2Bb HTTP/1.1"
    assert {f"{name}: {value}".encode() for name, value in {**HEADERS, **typed}.items()} <= first[1]
    assert any(field.startswith(b"content-type:") for field in first[1]) is bool(typed)


async def test_calls_one_after_the_other_share_a_connection() -> None:
    recorder = Recorder()
    async with recording(recorder) as url, loopback_client() as client:
        for _ in range(3):
            await exchange(client, a_call(url))
    assert [len(connection) for connection in recorder.came] == [3]


async def test_a_connection_with_an_unread_answer_is_not_used_again() -> None:
    recorder = Recorder(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n123456789")
    async with recording(recorder) as url, loopback_client() as client:
        for _ in range(2):
            with pytest.raises(httpx.RemoteProtocolError, match="too large"):
                await whole_reply(client, a_call(url), most_bytes=8)
        assert (await whole_reply(client, a_call(url), most_bytes=9)).body == b"123456789"
    assert sum(len(connection) for connection in recorder.came) == 3


async def test_a_connection_that_became_something_else_is_not_used_again() -> None:
    recorder = Recorder(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n")
    async with recording(recorder) as url, loopback_client() as client:
        for _ in range(2):
            assert (await whole_reply(client, a_call(url, "GET"))).status == 101
    assert [len(connection) for connection in recorder.came] == [1, 1]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (b"", ""),
        (b"etag:\r\n", ""),
        (b"ETag: a\r\n", "a"),
        (b"etag: a\r\nx: y\r\neTag: b\r\n", "a, b"),
        ("etag: መ\r\n".encode(), "መ"),
        (b"etag: \xe9\r\n", "é"),
    ],
)
async def test_a_header_is_told_the_same_whichever_client_brought_it(lines: bytes, said: str) -> None:
    answer = b"HTTP/1.1 200 OK\r\n%bcontent-length: 0\r\n\r\n" % lines
    async with serving(saying(answer)) as url, loopback_client() as client, plain_client() as other:
        request = client.build_request("GET", url)
        replies = [await exchange(each, request) for each in (client, other)]
        replies.append(await exchange(client, a_call(url, "GET")))
        sent = await client.send(request)
    assert {reply.header("etag") for reply in replies} == {said}
    assert sent.headers.get("etag", "") == said


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("", b"{}"),
        ("identity", b"{}"),
        ("gzip", gzip.compress(b"{}")),
        ("GZip ", gzip.compress(b"{}")),
        ("deflate", zlib.compress(b"{}")),
        ("deflate", zlib.compress(b"{}", wbits=-15)),
    ],
    ids=["absent", "identity", "gzip", "gzip spelt otherwise", "zlib", "raw deflate"],
)
def test_what_came_packed_is_unpacked(encoding: str, packed: bytes) -> None:
    assert unpacked(packed, encoding, 2) == b"{}"


def test_what_came_packed_fills_no_more_than_the_bound() -> None:
    packed = gzip.compress(b" " * 5_000_000)
    with pytest.raises(httpx.RemoteProtocolError, match="too large"):
        unpacked(packed, "gzip", MOST_ANSWER_BYTES)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "gzip, identity", "compress"])
def test_an_encoding_nobody_asked_for_is_refused(encoding: str) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        unpacked(b"", encoding, 2)


async def test_two_encodings_in_two_headers_are_refused() -> None:
    answer = (
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-encoding: gzip\r\ncontent-length: 0\r\n\r\n"
    )
    async with serving(saying(answer)) as url:
        assert "encoding" in str(await trouble_with(url))


async def test_httpx_reads_an_answer_that_was_unpacked_within_bounds() -> None:
    small, large = gzip.compress(b"{}"), gzip.compress(b" " * (MOST_ANSWER_BYTES + 1))
    async with loopback_client() as client:
        async with serving(saying(GZIP % (len(small), small))) as url:
            assert (await client.get(url)).json() == {}
        async with serving(saying(GZIP % (len(large), large))) as url:
            with pytest.raises(httpx.RemoteProtocolError, match="too large"):
                await client.get(url)


async def test_a_body_in_pieces_arrives_whole() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"bo"
        yield b"dy"

    recorder = Recorder()
    async with recording(recorder) as url, loopback_client() as client:
        assert (await client.post(url, content=pieces())).status_code == 200
    assert recorder.came[0][0].endswith(b"\r\n\r\nbody")


async def test_httpx_waits_no_longer_than_it_was_told() -> None:
    async def keeps_silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(keeps_silent) as url, loopback_client() as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.get(url, timeout=0.05)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (httpx.Response(200, content=b" " * (MOST_ANSWER_BYTES + 1)), "too large"),
        (
            httpx.Response(
                200,
                headers={"content-encoding": "gzip"},
                stream=httpx.ByteStream(gzip.compress(b" " * (MOST_ANSWER_BYTES + 1))),
            ),
            "too large",
        ),
        (
            httpx.Response(200, headers={"content-encoding": "gzip, gzip"}, stream=httpx.ByteStream(b"")),
            "encoding",
        ),
    ],
    ids=["large", "large when unpacked", "packed twice"],
)
async def test_another_client_keeps_the_same_bounds(answer: httpx.Response, told: str) -> None:
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: answer)) as other:
        with pytest.raises(httpx.RemoteProtocolError, match=told):
            await whole_reply(other, a_call("http://provider/"))


async def test_another_client_follows_no_redirect_either() -> None:
    answer = httpx.Response(302, headers={"location": "http://169.254.169.254/"})
    async with httpx.AsyncClient(
        transport=httpx.MockTransport(lambda _: answer), follow_redirects=True
    ) as other:
        assert (await whole_reply(other, a_call("http://provider/"))).status == 302


async def test_a_call_shows_neither_its_headers_nor_its_body() -> None:
    call = Call(method="POST", url="http://o/", headers={"authorization": "Bearer s3cret"}, body=b"s3cret")
    assert "s3cret" not in repr(call)
