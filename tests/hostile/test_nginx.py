"""The shipped nginx configuration before a real service: what passes, what is cut, what is written down."""

import asyncio
import hmac
import json
import re
import ssl
import time
import warnings
from collections.abc import AsyncIterator
from pathlib import Path

import attrs
import httpx
import pytest

from tests.e2e.databases import SqliteDatabase
from tests.e2e.outside_world import WEBHOOK_SECRET, Outside
from tests.e2e.story import CUSTOMER, PAYER, Story, open_story, token, until
from tests.hostile.conftest import CLOSED_S, copied
from tests.hostile.proxy import Proxy, in_front_of

pytestmark = pytest.mark.anyio

INSIDE = "127.0.0.1"
"""The one address that the shipped file calls inside."""


@attrs.frozen
class Shop:
    story: Story
    proxy: Proxy


@pytest.fixture
def readable(tmp_path: Path) -> Path:
    """A folder for nginx, whose workers are nobody's where its parent is root's."""
    tmp_path.chmod(0o755)
    return tmp_path


async def logged(proxy: Proxy, line: str) -> str:
    """All that ``proxy`` logged, once it holds ``line``: nginx writes after it has answered."""

    async def told() -> str:
        return proxy.logged()

    return await until(told, lambda lines: line in lines)


@pytest.fixture(scope="module")
async def shop(
    outside: Outside, empty_database: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Shop]:
    """A service behind nginx, once for all tests here; each calls from an address of its own."""
    folder = tmp_path_factory.mktemp("nginx")
    # Workers of nginx are nobody's, where its parent is root's.
    folder.chmod(0o755)
    database = SqliteDatabase(copied(empty_database, folder))
    async with open_story(outside, database, folder) as story:
        # Chapa's own webhooks would not come through nginx; these tests send them.
        await outside.switch_chapa(webhook_url=None)
        with in_front_of(int(story.service.environ["PAYMENTS_PORT"]), folder) as proxy:
            async with proxy.client(INSIDE) as client:

                async def ready() -> bool:
                    try:
                        return (await client.get("/readyz")).status_code == 200
                    except httpx.TransportError:
                        return False

                await until(ready, bool)
            yield Shop(story, proxy)


def signed(reference: str, *, length: int = 0) -> dict[str, object]:
    """A webhook of Chapa's about ``reference``, filled up with blanks to ``length`` bytes."""
    body = json.dumps({"event": "charge.success", "tx_ref": reference, "status": "success"}).encode()
    body = body.ljust(length)
    signature = hmac.digest(WEBHOOK_SECRET.encode(), body, "sha256").hex()
    return {"content": body, "headers": {"x-chapa-signature": signature}}


def of_nginx(answer: httpx.Response, status: int, code: str) -> None:
    """Fail unless ``answer`` is a problem document of nginx's own, shaped like those of the service."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    told = answer.json()
    assert set(told) == {"type", "title", "status", "code", "detail", "error", "request_id", "errors"}
    assert (told["status"], told["code"], told["errors"]) == (status, code, [])
    assert told["type"] == f"https://localhost/docs#{code}"
    assert told["title"] == told["error"]
    assert answer.headers.get_list("x-request-id") == [told["request_id"]]
    assert re.fullmatch("[A-Za-z0-9._-]{1,64}", told["request_id"])


async def test_a_payment_goes_through_and_no_webhook_waits(shop: Shop) -> None:
    async with shop.proxy.client("127.0.0.2", authorization=f"Bearer {token()}") as payer:
        answer = await payer.post("/payments/initiate/order_1/", json={"provider": "chapa"})
        assert answer.status_code == 200, answer.text
        checkout = answer.json()
        await shop.story.browser.pay(checkout["checkout_url"])
        webhook = signed(checkout["reference"])
        webhooks = [await payer.post("/payments/verify/chapa/", **webhook) for _ in range(150)]  # type: ignore[arg-type]  # content and headers
        assert {each.status_code for each in webhooks} == {200}

        async def status() -> str:
            told: str = (await payer.get(f"/payments/{checkout['payment_id']}/")).json()["status"]
            await asyncio.sleep(0.1)
            return told

        await until(status, lambda said: said == "success")
        back = await payer.get("/payments/verify/chapa/", params={"trx_ref": checkout["reference"]})
        assert back.status_code == 302
        assert "status=success" in back.headers["location"]


async def test_problems_of_the_service_pass_as_they_are(shop: Shop) -> None:
    async with shop.proxy.client("127.0.0.3") as nobody:
        for method, path, status, code in (
            ("GET", "/payments/", 401, "unauthenticated"),
            ("GET", "/nothing/here", 404, "not_found"),
            ("DELETE", "/payments/", 405, "method_not_allowed"),
            ("POST", "/payments/verify/chapa/", 401, "notice_forged"),
        ):
            answer = await nobody.request(method, path)
            assert (answer.status_code, answer.json()["code"]) == (status, code)
            assert answer.headers["x-request-id"]
            # Browsers take the first of two (RFC 6797, section 8.1), so it is the service's to send.
            assert "strict-transport-security" not in answer.headers


async def test_payers_are_limited_by_their_address_whatever_they_say_it_is(shop: Shop) -> None:
    async with shop.proxy.client("127.0.0.4", authorization=f"Bearer {token()}") as eager:
        for path, method in (("/payments/initiate/nothing/", "POST"), ("/payments/", "GET")):
            limited: list[httpx.Response] = []
            # Many at once, so that they come faster than they may where each takes long, too.
            for first in range(0, 240, 20):
                answers = await asyncio.gather(
                    *(
                        eager.request(
                            method,
                            path,
                            json={"provider": "chapa"} if method == "POST" else None,
                            headers={
                                "X-Forwarded-For": f"192.0.2.{number}",
                                "X-Real-IP": f"192.0.2.{number}",
                            },
                        )
                        for number in range(first, first + 20)
                    )
                )
                limited += [answer for answer in answers if answer.status_code == 429]
                if limited:
                    break
            assert limited
            assert limited[0].headers["retry-after"] == "5"
            of_nginx(limited[0], 429, "too_many_requests")
    async with shop.proxy.client("127.0.0.5", authorization=f"Bearer {token()}") as another:
        assert (await another.get("/payments/")).status_code == 200
    lines = await logged(shop.proxy, '"from":"127.0.0.4"')
    assert "192.0.2." not in lines + shop.story.service.log()


async def test_measures_and_console_are_for_those_inside_whoever_says_they_are(shop: Shop) -> None:
    said = {"X-Forwarded-For": INSIDE, "X-Real-IP": INSIDE, "Forwarded": f"for={INSIDE}"}
    paths = ("/metrics", "/readyz", "/livez", "/console/", "/console", "//metrics", "/%6detrics")
    async with shop.proxy.client("127.0.0.6", **said) as outsider:
        for path in paths:
            # Whole: of what begins with two slashes the client would take the first part for a host.
            whole = httpx.URL(f"https://localhost:{shop.proxy.tls_port}{path}")
            of_nginx(await outsider.get(whole), 404, "not_found")
    async with shop.proxy.client(INSIDE) as insider:
        for path in paths[:4]:
            assert (await insider.get(path)).status_code != 404, path


async def test_a_body_is_taken_up_to_64_kb_and_no_further(shop: Shop) -> None:
    reference = "p-" + "a" * 26
    async with shop.proxy.client("127.0.0.7") as provider:

        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(100):
                yield b"x" * 65_536

        largest = await provider.post("/payments/verify/chapa/", **signed(reference, length=65_536))  # type: ignore[arg-type]  # content and headers
        assert largest.status_code == 200
        for content in (b"x" * 65_537, pieces()):
            refused = await provider.post("/payments/verify/chapa/", content=content)
            assert (refused.status_code, refused.json()["code"]) == (413, "content_too_large")
            assert refused.json()["request_id"] == refused.headers["x-request-id"]
        of_nginx(
            await provider.post("/payments/verify/chapa/", content=b"x" * 65_537), 413, "content_too_large"
        )


@pytest.mark.parametrize("path", ["/metrics", "/payments/"])
async def test_a_request_keeps_its_harmless_identifier_whoever_answers_it(shop: Shop, path: str) -> None:
    async with shop.proxy.client("127.0.0.11") as caller:
        for given, kept in (("shop-4711.a_b", True), ('"},{"', False), ("a" * 65, False)):
            answer = await caller.get(path, headers={"X-Request-Id": given})
            told = answer.headers.get_list("x-request-id")
            assert told == [answer.json()["request_id"]]
            assert (told == [given]) is kept
            await logged(shop.proxy, f'"request_id":"{told[0]}"')


SLOW: dict[str, tuple[bytes, bytes]] = {
    "nothing": (b"", b""),
    "half a head": (b"GET /payments/ HTTP/1.1\r\nHost: localhost\r\n", b""),
    "a head that drips": (b"GET /payments/ HTTP/1.1\r\nHost: localhost\r\n", b"X: y\r\n"),
    "half a body": (
        b"POST /payments/verify/chapa/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999\r\n\r\n{",
        b"",
    ),
    "a body that drips": (
        b"POST /payments/verify/chapa/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999\r\n\r\n{",
        b" ",
    ),
}


async def cut_off_after(proxy: Proxy, begun: bytes, dripping: bytes) -> float:
    """How many seconds nginx bears with somebody who is this slow."""
    reader, writer = await asyncio.open_connection("localhost", proxy.tls_port, ssl=proxy.tls())
    since = time.monotonic()
    ended = asyncio.create_task(reader.read())
    writer.write(begun)
    try:
        async with asyncio.timeout(60):
            while not ended.done():
                writer.write(dripping)
                await asyncio.wait({ended}, timeout=0.5)
        ended.exception()
    finally:
        writer.transport.abort()
    return time.monotonic() - since


async def test_whoever_is_slow_is_cut_off(shop: Shop) -> None:
    took = await asyncio.gather(*(cut_off_after(shop.proxy, *slow) for slow in SLOW.values()))
    assert {kind for kind, seconds in zip(SLOW, took, strict=True) if seconds > CLOSED_S} == set(), took


async def test_a_head_without_end_is_refused(shop: Shop) -> None:
    async with shop.proxy.client("127.0.0.8") as nobody:
        assert (await nobody.get("/livez", headers={"X-Long": "x" * 20_000})).status_code == 400
        assert (await nobody.get("/" + "x" * 20_000)).status_code == 414


async def test_only_the_service_of_that_name_is_served_and_only_by_tls(shop: Shop) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=30.0) as nobody:
        plain = f"http://localhost:{shop.proxy.plain_port}/payments/"
        answer = await nobody.post(plain, content=b"{}")
        assert answer.status_code == 308
        assert answer.headers["location"] == f"https://localhost:{shop.proxy.tls_port}/payments/"
        with pytest.raises(httpx.TransportError):
            await nobody.get(plain, headers={"Host": "evil.example"})
    tls = shop.proxy.tls()
    tls.check_hostname = False
    with pytest.raises((ConnectionError, OSError)):
        await asyncio.open_connection(
            "localhost", shop.proxy.tls_port, ssl=tls, server_hostname="evil.example"
        )


async def test_old_tls_and_old_ways_of_sealing_are_refused(readable: Path) -> None:
    with in_front_of(9, readable) as alone:

        async def version(ciphers: str, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2) -> str | None:
            """The version that is agreed on by somebody who knows no other; None where it is none."""
            tls = alone.tls()
            tls.minimum_version, tls.maximum_version = newest, newest
            tls.set_ciphers(f"{ciphers}:@SECLEVEL=0")
            try:
                _, writer = await asyncio.open_connection("localhost", alone.tls_port, ssl=tls)
            except ssl.SSLError:
                return None
            told: str = writer.get_extra_info("ssl_object").version()
            writer.close()
            return told

        async def listening() -> str | None:
            try:
                return await version("ECDHE-ECDSA-AES128-GCM-SHA256")
            except ConnectionRefusedError:
                return None

        assert await until(listening, bool) == "TLSv1.2"
        assert await version("DEFAULT", ssl.TLSVersion.TLSv1_3) == "TLSv1.3"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            assert await version("ALL", ssl.TLSVersion.TLSv1_1) is None
        for refused in ("ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "ECDHE-ECDSA-AES128-CCM"):
            assert await version(refused) is None, refused


async def test_no_secret_address_is_in_any_log_of_nginx(shop: Shop) -> None:
    await shop.story.outside.put_order(
        "order_at_the_door", user_id=PAYER, amount="10.00", currency="ETB", customer=CUSTOMER
    )
    checkout = await shop.story.initiated("order_at_the_door", provider="cash")
    page = checkout["checkout_url"].split("/pay/")[1].strip("/")
    secret = "5ec2e7" * 5 + "aa"
    where = (
        f"/payments/verify/mpesa/{secret}/",
        f"/payments/verify/stk/{secret}",
        f"//payments//verify/stk//{secret}/",
        f"/payments/./verify/x/../stk/{secret}/",
        f"/payments/%76erify/stk/{secret}/?{secret}={secret}",
        f"/payments/verify/stk%2F{secret}/",
        f"/payments/verify/stk/{secret}/more/{secret}",
        f"/pay/{secret}/?x={secret}",
        f"//pay/{secret}/status/",
        f"/%70ay/{secret}/",
    )
    async with shop.proxy.client("127.0.0.9", referer=f"https://x.example/pay/{secret}/") as caller:
        answers = [await caller.get(f"/pay/{page}/"), await caller.get(f"/pay/{page}/status/")]
        assert [answer.status_code for answer in answers] == [200, 200]
        for path in where:
            url = f"https://localhost:{shop.proxy.tls_port}{path}"
            for content in (b"{}", b"x" * 70_000):
                answer = await caller.post(httpx.URL(url), content=content)
                assert answer.status_code in {404, 405, 413}, (path, answer.text)
                answers.append(answer)
    for answer in answers:
        await logged(shop.proxy, f'"request_id":"{answer.headers["x-request-id"]}"')
    lines = shop.proxy.logged()
    assert '"uri":"/payments/verify/stk/-"' in lines
    assert '"uri":"/pay/-"' in lines
    for each in (secret, page):
        assert each not in lines


async def test_while_the_service_is_away_nginx_says_so_and_still_tells_no_secret(
    readable: Path,
) -> None:
    secret = "5ec2e7" * 5 + "bb"
    with in_front_of(9, readable) as alone:
        async with alone.client("127.0.0.10") as caller:

            async def answered() -> httpx.Response | None:
                try:
                    return await caller.post(f"/payments/verify/stk/{secret}/", content=b"{}")
                except httpx.TransportError:
                    return None

            answer = await until(answered, lambda one: one is not None)
            assert answer is not None
            of_nginx(answer, 503, "service_unreachable")
            assert answer.headers["retry-after"] == "5"
            assert (await caller.get(f"/pay/{secret}/")).status_code == 503
        assert secret not in await logged(alone, '"upstream_status":"502"')
