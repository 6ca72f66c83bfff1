"""Where a payer's browser ends up, whatever the query says: by reading the address, and in a real browser."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import quote, urlsplit

import attrs
import httpx
import pytest
from playwright.async_api import async_playwright
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from payments.domain.errors import ConfigurationInvalid
from payments.entrypoints.http import create_app
from payments.entrypoints.http.return_pages import ReturnPages
from payments.settings import Settings
from payments.testing import InMemoryPayments, in_memory_payments
from tests.browsing import STARTS_WITHIN_MS
from tests.integration.http.door import SETTINGS, bearer
from tests.serving import plain_client, serving

pytestmark = pytest.mark.anyio

EVIL: Final = (
    "https://evil.example",
    "http://evil.example/",
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "\\\\evil.example",
    "https:/\\evil.example",
    "https:\\\\evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https:///evil.example",
    "https:////evil.example",
    "hTTps://evil.example",
    " https://evil.example",
    "\thttps://evil.example",
    "\nhttps://evil.example",
    "ht\ntps://evil.example",
    "h\tttps://evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r/evil.example",
    "\x00//evil.example",
    "\x01https://evil.example",
    "https://pay.example@evil.example",
    "https://pay.example:443@evil.example",
    "https://pay.example%40evil.example",
    "https://pay.example%2f@evil.example",
    "https://pay.example\\@evil.example",
    "https://evil.example\\@pay.example",
    "https://evil.example#@pay.example",
    "https://evil.example?@pay.example",
    "https://evil.example/pay.example",
    "https://pay.example.evil.example",
    "https://pay.exampleevil.example",
    "https://evil.example;pay.example",
    "https://evil.example,pay.example",
    "https://evil.example:80\\@pay.example",
    "https://[::1]@evil.example",
    "https://[::ffff:1.2.3.4]/",
    "https://evil.example%00.pay.example",
    "https://evil.example%0d%0aLocation:%20https://evil.example",
    "https://evil\u3002example",
    "https://evil\uff0eexample",
    "https://\u2025evil.example",
    "https://\u24d4vil.example",
    "https://ev\u00adil.example",
    "https://evil.example\u2044@pay.example",
    "https://1249763844",
    "https://0x4a7d2f04",
    "https://0112.0175.057.04",
    "javascript:alert(document.domain)",
    "JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)",
    "javascript://pay.example/%0aalert(1)",
    "data:text/html,<script>location='https://evil.example'</script>",
    "data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==",
    "vbscript:msgbox(1)",
    "file:///etc/passwd",
    "blob:https://evil.example/1",
    "view-source:https://evil.example",
    "intent://evil.example#Intent;scheme=https;end",
    "ftp://evil.example/",
    "\r\nLocation: https://evil.example",
    "x\r\nSet-Cookie: a=b",
    "<script>location='https://evil.example'</script>",
    "../../../../evil",
    "/payments/verify/scripted/?trx_ref=x&return_to=//evil.example",
)
"""Where an address in a query has taken a browser somewhere, some day."""

NAMES: Final = ("return_to", "return_url", "next", "url", "redirect", "redirect_uri", "callback", "trx_ref")
SHOP: Final = "https://shop.example/thanks"


@attrs.frozen
class Shop:
    kit: InMemoryPayments
    settings: Settings
    client: httpx.AsyncClient
    url: str


@asynccontextmanager
async def shop(page: str = SHOP) -> AsyncIterator[Shop]:
    """A service whose payers come back to the shop's page."""
    kit = in_memory_payments()
    kit.order()
    async with serving(create_app(kit.payments, SETTINGS)) as url:
        settings = attrs.evolve(SETTINGS, public_url=url, return_urls={"shop": page})
        async with serving(create_app(kit.payments, settings)) as ours, plain_client(ours) as client:
            yield Shop(kit, attrs.evolve(settings, public_url=url), client, ours)


def queries(evil: str, reference: str) -> list[str]:
    """The ways in which an address may be slipped in beside a reference, and in place of one."""
    written = quote(evil, safe="")
    return [
        *(f"trx_ref={reference}&{name}={written}" for name in NAMES if name != "trx_ref"),
        *(f"{name}={written}" for name in NAMES),
        f"trx_ref={reference}{written}",
        f"trx_ref={written}&tx_ref={reference}",
    ]


def test_there_are_enough_of_them() -> None:
    assert len(EVIL) >= 60


async def test_no_query_changes_where_a_payer_is_sent() -> None:
    async with shop() as here:
        wish = {"provider": "scripted", "return_to": "shop"}
        checkout = await here.client.post("/payments/initiate/order_1/", json=wish, headers=bearer())
        reference = checkout.json()["reference"]
        wrong = []
        for evil in EVIL:
            for query in queries(evil, reference):
                answer = await here.client.get(f"/payments/verify/scripted/?{query}")
                where = urlsplit(answer.headers["location"])
                ours = (where.scheme, where.netloc) == tuple(here.settings.public_url.split("://"))
                theirs = (where.scheme, where.netloc, where.path) == ("https", "shop.example", "/thanks")
                if answer.status_code != 302 or not (ours or theirs) or "evil" in where.geturl():
                    wrong.append((query, where.geturl()))
        assert wrong == []


HOSTS: Final = ("evil.example", "evil.example:443", "shop.example@evil.example", "[::1]", "pay.example\\evil")


@pytest.mark.parametrize("host", HOSTS)
async def test_no_header_changes_where_a_payer_is_sent(host: str) -> None:
    async with shop() as here:
        named = ("Host", "X-Forwarded-Host", "X-Forwarded-Server", "X-Original-URL", "Forwarded", "Referer")
        for name in named:
            answer = await here.client.get(
                "/payments/verify/scripted/", headers={name: host}, params={"trx_ref": "p-" + "a" * 26}
            )
            if answer.status_code != 400:
                assert answer.headers["location"] == f"{here.settings.public_url}/payments/return/"


@pytest.mark.parametrize("evil", EVIL, ids=range(len(EVIL)))
async def test_no_request_names_a_page_of_its_own(evil: str) -> None:
    async with shop() as here:
        wish = {"provider": "scripted", "return_to": evil}
        body = json.dumps(wish).encode()
        kind = {"Content-Type": "application/json"}
        refused = await here.client.post("/payments/initiate/order_1/", content=body, headers=bearer() | kind)
        assert refused.status_code in {400, 422}
        assert here.kit.provider.calls["open"] == 0


NO_PAGES: Final = (
    "javascript:alert(1)",
    "data:text/html,x",
    "//shop.example",
    "https:///x",
    "https://user:password@shop.example",
    "https://shop.example\\@evil.example",
    "https:/\\evil.example",
    "ftp://shop.example",
    "shop.example",
    "",
)


@pytest.mark.parametrize("address", NO_PAGES, ids=range(len(NO_PAGES)))
def test_no_such_page_can_be_configured(address: str) -> None:
    with pytest.raises(ValueError, match="is no page"):
        ReturnPages.of("https://pay.example", {"shop": address})
    with pytest.raises(ConfigurationInvalid):
        Settings.from_env({"PAYMENTS_RETURN_URLS": f"shop={address}"})


async def test_a_real_browser_ends_up_where_the_attempt_says(chromium_path: str) -> None:
    visited: set[str] = set()

    async def elsewhere(scope: Scope, receive: Receive, send: Send) -> None:
        """Every host of the world but our own."""
        if scope["type"] == "lifespan":
            await no_lifespan(receive, send)
            return
        visited.add(dict(scope["headers"]).get(b"host", b"").decode())
        await PlainTextResponse("elsewhere")(scope, receive, send)

    async with shop("http://shop.example/thanks") as here, serving(elsewhere) as world:
        wish = {"provider": "scripted", "return_to": "shop"}
        checkout = await here.client.post("/payments/initiate/order_1/", json=wish, headers=bearer())
        reference = checkout.json()["reference"]
        allowed = {urlsplit(here.url).netloc, urlsplit(here.settings.public_url).netloc, "shop.example"}
        wrong: list[Any] = []
        rules = f"MAP * {urlsplit(world).netloc}, EXCLUDE 127.0.0.1"
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=chromium_path,
                args=["--no-sandbox", "--disable-gpu", f"--host-resolver-rules={rules}"],
                timeout=STARTS_WITHIN_MS,
            )
            page = await browser.new_page()
            page.on("dialog", lambda dialog: wrong.append(dialog.message))
            for number, evil in enumerate(EVIL):
                written = quote(evil, safe="")
                for query in (
                    f"trx_ref={reference}&return_to={written}",
                    f"{NAMES[number % len(NAMES)]}={written}",
                ):
                    await page.goto(f"{here.url}/payments/verify/scripted/?{query}")
                    if urlsplit(page.url).netloc not in allowed:
                        wrong.append((evil, page.url))
            await browser.close()
    assert wrong == []
    assert "shop.example" in visited
    # The browser has business of its own with its maker.
    assert not [host for host in visited if "evil" in host]


async def no_lifespan(receive: Receive, send: Send) -> None:
    for kind in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{kind}.complete"})
