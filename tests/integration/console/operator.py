"""An operator's browser: it keeps cookies, reads forms and sends them, and runs no script."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from html import unescape
from typing import Any

import attrs
import httpx

from payments.entrypoints.console.desk import COOKIE
from payments.entrypoints.http import create_app
from payments.settings import Settings
from payments.testing import InMemoryPayments, in_memory_payments
from tests.integration.http.door import PUBLIC_URL, SETTINGS, token

OPERATE = "payments:operate"


@attrs.frozen
class Operator:
    """One browser, and the payments behind the console it looks at."""

    kit: InMemoryPayments
    client: httpx.AsyncClient

    async def sign_in(
        self, with_token: str | None = None, *, headers: Mapping[str, str] | None = None, **fields: str
    ) -> httpx.Response:
        """Send the form; the answer, which is a redirect when all is well."""
        given = token("boss", OPERATE) if with_token is None else with_token
        return await self.client.post("/console/sign-in/", data={"token": given, **fields}, headers=headers)

    async def sees(self, path: str, status: int = 200) -> str:
        """The text of a page of the console, without its markup."""
        return text_of(await self.gets(path, status))

    async def gets(self, path: str, status: int = 200) -> httpx.Response:
        """A page of the console."""
        answer = await self.client.get(f"/console{path}")
        assert answer.status_code == status, answer.text
        return answer

    async def form_token(self) -> str:
        """What the forms of this visit carry."""
        page = await self.gets("/")
        found = re.search(r'name="form_token" value="([^"]+)"', page.text)
        assert found is not None
        return found[1]

    async def posts(
        self, path: str, *, headers: Mapping[str, str] | None = None, **fields: str
    ) -> httpx.Response:
        """What a form of this visit is answered; ``fields`` replace its own."""
        body = {"form_token": await self.form_token(), **fields}
        return await self.client.post(f"/console{path}", data=body, headers=headers)

    async def checkout(self, order_id: str = "order_1") -> Any:
        """A checkout that a payer got for a new order."""
        self.kit.order(order_id)
        return await self.kit.payments.initiate(order_id=order_id, user_id="user_1", provider="scripted")

    @property
    def cookie(self) -> str | None:
        """What the browser keeps for the console."""
        return self.client.cookies.get(COOKIE, path="/console")


@asynccontextmanager
async def open_browser(
    kit: InMemoryPayments | None = None, settings: Settings = SETTINGS
) -> AsyncIterator[Operator]:
    """A browser before the sign-in form, over ``kit``."""
    given = kit or in_memory_payments()
    app = create_app(given.payments, settings)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=PUBLIC_URL) as client:
        yield Operator(given, client)


def text_of(page: httpx.Response) -> str:
    """What a person reads of ``page``."""
    assert page.headers["content-type"].startswith("text/html")
    body = re.sub(r"(?s)<head>.*?</head>", "", page.text)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def actions(payment: Any, reference: str) -> tuple[str, str]:
    """Where a payment's attempt is asked about and cancelled."""
    attempt = f"/payments/{payment}/attempts/{reference}"
    return f"{attempt}/ask/", f"{attempt}/cancel/"
