"""Real servers on loopback for the simulators' tests."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from tests.serving import KEPT_S

TEST_KEY = "CHASECK_TEST-0123456789abcdefghijABCDEFGHIJKL"
LIVE_KEY = "CHASECK-0123456789abcdefghijABCDEFGHIJKL"


def listening() -> socket.socket:
    """Return a socket on a free port, so that the address is known before the server is built."""
    # With the protocol named, asyncio turns Nagle's algorithm off; without, each answer takes 40 ms.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.bind(("127.0.0.1", 0))
    return bound


def address_of(bound: socket.socket) -> str:
    return f"http://127.0.0.1:{bound.getsockname()[1]}"


@asynccontextmanager
async def serving(app: Starlette, bound: socket.socket) -> AsyncIterator[str]:
    config = uvicorn.Config(
        app, log_level="critical", lifespan="on", timeout_graceful_shutdown=1, timeout_keep_alive=KEPT_S
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve([bound]))
    while not server.started and not task.done():  # noqa: ASYNC110 (uvicorn has a flag, and no event)
        await asyncio.sleep(0.005)
    try:
        yield address_of(bound)
    finally:
        server.should_exit = True
        await task
        bound.close()


async def eventually(seen: Callable[[], Awaitable[Any]], within_s: float = 30.0) -> Any:
    """Return the first true thing that is seen; fail when the deadline passes first."""
    deadline = time.monotonic() + within_s
    while not (found := await seen()):
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.01)
    return found


@attrs.frozen(kw_only=True)
class Received:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    at: float


@attrs.define
class Merchant:
    """A shop's server: keeps what reaches it, and answers webhooks as told (then 200 again)."""

    received: list[Received] = attrs.field(factory=list)
    answers: list[int] = attrs.field(factory=list)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self._take, methods=["GET", "POST"])])

    async def _take(self, request: Request) -> PlainTextResponse:
        received = Received(
            method=request.method,
            path=request.url.path,
            query=dict(request.query_params),
            headers=dict(request.headers),
            body=await request.body(),
            at=time.time(),
        )
        self.received.append(received)
        status = self.answers.pop(0) if self.answers and request.url.path == "/hook" else 200
        return PlainTextResponse("taken", status)

    def at(self, path: str) -> list[Received]:
        return [one for one in self.received if one.path == path]


@attrs.frozen(kw_only=True)
class Sandbox:
    """A simulated Chapa, a client with its test key, and the shop it tells."""

    url: str
    client: httpx.AsyncClient
    merchant: Merchant
    merchant_url: str

    async def initialize(self, tx_ref: str, /, **fields: Any) -> httpx.Response:
        body = {"amount": "100.50", "currency": "ETB", "tx_ref": tx_ref, **fields}
        return await self.client.post("/v1/transaction/initialize", json=body)

    async def opened(self, tx_ref: str, **fields: Any) -> str:
        """Return the checkout page of a new transaction of this shop."""
        shop = {
            "return_url": f"{self.merchant_url}/return?order=1",
            "callback_url": f"{self.merchant_url}/callback?shop=1",
        }
        answer = await self.initialize(tx_ref, **{**shop, **fields})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["data"]["checkout_url"])

    async def verify(self, tx_ref: str) -> httpx.Response:
        return await self.client.get(f"/v1/transaction/verify/{tx_ref}")

    async def switch(self, tx_ref: str | None = None, **switches: Any) -> None:
        params = {} if tx_ref is None else {"tx_ref": tx_ref}
        answer = await self.client.put("/_sim/switches", params=params, json=switches)
        assert answer.status_code == 200, answer.text

    async def act(self, tx_ref: str, action: str, **body: Any) -> httpx.Response:
        return await self.client.post(f"/_sim/transactions/{tx_ref}/{action}", json=body)

    async def webhooks(self, **filters: str) -> list[dict[str, Any]]:
        answer = await self.client.get("/_sim/webhooks", params={"kind": "webhook", **filters})
        return list(answer.json()["webhooks"])

    async def hooks(self, count: int) -> list[Received]:
        """Return what reached the shop's webhook address, once there is that much of it."""

        async def enough() -> bool:
            return len(self.merchant.at("/hook")) >= count

        await eventually(enough)
        return self.merchant.at("/hook")
