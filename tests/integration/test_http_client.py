"""Each kind of trouble on a real socket, and which of the gateway errors it becomes."""

import asyncio
import base64
import datetime as dt
import functools
import gzip
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from payments.adapters.http_client import MOST_ANSWER_BYTES, exchange, open_http_client
from payments.adapters.secret import MASK
from payments.domain.errors import GatewayError, OutcomeUnknown, ProviderUnavailable
from tests.ports import free_port

pytestmark = pytest.mark.anyio

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

SHORT_S = 0.3
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


@asynccontextmanager
async def serving(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server on loopback that reads one request and then follows the script."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if b"content-length: 4" in head.lower():
                await reader.readexactly(4)
            await script(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=tls)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield f"http{'s' if tls else ''}://127.0.0.1:{port}/"


def saying(raw: bytes) -> Script:
    async def script(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()

    return script


async def says_nothing(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def resets(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def resets_in_the_middle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{")
    await writer.drain()
    await asyncio.sleep(0)
    await resets(reader, writer)


async def drips(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
    while not writer.is_closing():
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


async def never_stops(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
    while not writer.is_closing():
        writer.write(b" " * 65_536)
        await writer.drain()


@functools.cache
def authorities() -> ssl.SSLContext:
    """The public ones, read once: that takes longer than most of these tests."""
    return httpx.create_ssl_context(trust_env=False)


def loopback_client() -> AbstractAsyncContextManager[httpx.AsyncClient]:
    return open_http_client(authorities())


async def trouble_at(url: str, *, method: str = "POST", total_s: float = 5.0) -> GatewayError:
    async with loopback_client() as client:
        body = b"body" if method == "POST" else None
        with pytest.raises(GatewayError) as caught:
            await exchange(client, client.build_request(method, url, content=body), total_s=total_s)
    return caught.value


LOST: dict[str, Script] = {
    "closed without a word": saying(b""),
    "reset without a word": resets,
    "half a head": saying(b"HTTP/1.1 200 OK\r\ncontent-le"),
    "half a body": saying(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{"),
    "half of a chunked body": saying(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhe"),
    "reset in the middle of the body": resets_in_the_middle,
    "no HTTP at all": saying(b"220 mail.example.com ESMTP\r\n"),
    "an endless head": saying(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000),
    "an endless body": never_stops,
    "too large a body": saying(
        b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + b" " * (MOST_ANSWER_BYTES + 1)
    ),
    "too large a body when unpacked": saying(
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-encoding: gzip\r\n\r\n"
        + gzip.compress(b" " * (MOST_ANSWER_BYTES + 1))
    ),
    "a body packed twice": saying(
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-encoding: gzip, gzip\r\n\r\n"
    ),
    "a body that is not packed as it says": saying(
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}"
    ),
    "a packed body that ends too early": saying(
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-encoding: gzip\r\n\r\n" + gzip.compress(b"{}")[:-4]
    ),
}


@pytest.mark.parametrize("script", LOST.values(), ids=LOST.keys())
async def test_trouble_after_sending_leaves_the_outcome_unknown(script: Script) -> None:
    async with serving(script) as url:
        assert isinstance(await trouble_at(url), OutcomeUnknown)


@pytest.mark.parametrize("script", [says_nothing, drips])
async def test_an_answer_that_is_not_whole_in_time_leaves_the_outcome_unknown(script: Script) -> None:
    async with serving(script) as url:
        assert isinstance(await trouble_at(url, total_s=SHORT_S), OutcomeUnknown)


async def test_a_refused_port_means_that_nothing_was_sent() -> None:
    trouble = await trouble_at(f"http://127.0.0.1:{free_port()}/")
    assert isinstance(trouble, ProviderUnavailable)
    assert trouble.retry_after_s


async def test_a_name_that_does_not_resolve_means_that_nothing_was_sent() -> None:
    assert isinstance(await trouble_at("http://nowhere.invalid/"), ProviderUnavailable)


async def test_a_port_that_never_accepts_means_that_nothing_was_sent() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        # The backlog is filled, so the next connection waits for an answer that never comes.
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.settimeout(0)
            filler.connect_ex(listener.getsockname())
        assert isinstance(await trouble_at(url, total_s=10.0), ProviderUnavailable)
        for filler in fillers:
            filler.close()


async def test_a_certificate_nobody_vouches_for_means_that_nothing_was_sent(tmp_path: Path) -> None:
    async with serving(saying(OK), tls=self_signed(tmp_path)) as url, open_http_client() as client:
        with pytest.raises(ProviderUnavailable):
            await exchange(client, client.build_request("GET", url))


async def test_plain_http_where_tls_was_expected_means_that_nothing_was_sent() -> None:
    async with serving(saying(OK)) as url:
        assert isinstance(await trouble_at(url.replace("http:", "https:")), ProviderUnavailable)


async def test_an_address_that_is_not_of_the_web_means_that_nothing_was_sent() -> None:
    assert isinstance(await trouble_at("file:///etc/passwd", method="GET"), ProviderUnavailable)


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    redirect = b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n"
    async with serving(saying(redirect)) as url, loopback_client() as client:
        reply = await exchange(client, client.build_request("GET", url))
        assert (reply.status, reply.body) == (302, b"")


async def test_proxy_variables_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    async with serving(saying(OK)) as url, loopback_client() as client:
        assert (await exchange(client, client.build_request("GET", url))).body == b"{}"


async def test_a_cookie_does_not_travel_to_the_next_call() -> None:
    heads: list[bytes] = []

    async def remembers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nset-cookie: a=b; path=/\r\ncontent-length: 2\r\n\r\n{}")
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(OK)

    async with serving(remembers) as url, loopback_client() as client:
        for _ in range(2):
            await exchange(client, client.build_request("GET", url))
    assert len(heads) == 1
    assert b"cookie" not in heads[0].lower()


async def test_an_answer_at_the_limit_is_read_whole() -> None:
    raw = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + b" " * MOST_ANSWER_BYTES
    async with serving(saying(raw)) as url, loopback_client() as client:
        assert len((await exchange(client, client.build_request("GET", url))).body) == MOST_ANSWER_BYTES


async def test_a_connection_the_server_closed_meanwhile_is_never_used_to_send_a_second_time() -> None:
    requests: list[bytes] = []

    async def answers_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(b"first")
        writer.write(OK)
        await writer.drain()
        await reader.readuntil(b"\r\n\r\n")
        requests.append(b"second")

    async with serving(answers_once) as url, loopback_client() as client:
        await exchange(client, client.build_request("POST", url, content=b"body"))
        with pytest.raises(OutcomeUnknown):
            await exchange(client, client.build_request("POST", url, content=b"body"))
    assert requests == [b"first", b"second"]


async def test_httpx_itself_sees_the_true_error() -> None:
    async with serving(resets) as url, loopback_client() as client:
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            await client.post(url, content=b"body")
    async with loopback_client() as client:
        with pytest.raises(httpx.ConnectError):
            await client.post(f"http://127.0.0.1:{free_port()}/")


def self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


async def test_what_we_prove_ourselves_with_stands_nowhere_in_an_answer() -> None:
    pair = base64.b64encode(b"a-consumer-key:a-consumer/secret").decode()
    said = {
        "basic": f"Basic {pair}",
        "pair": "a-consumer-key and a-consumer/secret",
        "of the body": "pass/word",
    }
    # As some write JSON: a slash with a backslash before it.
    repeated = json.dumps(said).replace("/", r"\/").encode()
    head = b"HTTP/1.1 400 Bad Request\r\ncontent-length: %d\r\n\r\n" % len(repeated)
    async with serving(saying(head + repeated)) as url, loopback_client() as client:
        request = client.build_request("GET", url, headers={"authorization": said["basic"]})
        reply = await exchange(client, request, secrets=("pass/word",))
    assert json.loads(reply.body) == {
        "basic": f"Basic {MASK}",
        "pair": f"{MASK} and {MASK}",
        "of the body": MASK,
    }
