"""The world around the service: Chapa, the orders service and a mailbox, simulated over real sockets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import httpx

from payments.simulators.app import create_simulators, mailbox_port, simulators_at
from tests.ports import free_port
from tests.serving import plain_client, serving

WEBHOOK_SECRET = "a-hash-known-to-chapa-and-us-alone"
ORDERS_TOKEN = "what-the-orders-service-wants-from-us"
ORDERS_SIGNING_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@attrs.frozen
class Outside:
    """Everything a story may look at, or switch, outside of the service."""

    url: str
    smtp_port: int
    client: httpx.AsyncClient

    async def switch_chapa(self, reference: str | None = None, /, **switches: Any) -> None:
        """Set switches of Chapa, for one reference or for everything; None sets one back."""
        params = {} if reference is None else {"tx_ref": reference}
        await self._done("PUT", "/chapa/_sim/switches", params=params, json=switches)

    async def chapa_calls(self, endpoint: str, reference: str | None = None) -> list[dict[str, Any]]:
        """Every call that Chapa received on ``endpoint``."""
        params = {"endpoint": endpoint} | ({} if reference is None else {"tx_ref": reference})
        return list((await self._done("GET", "/chapa/_sim/calls", params=params))["calls"])

    async def transactions(self) -> list[dict[str, Any]]:
        """All that Chapa knows of, oldest first."""
        return list((await self._done("GET", "/chapa/_sim/transactions"))["transactions"])

    async def transaction(self, reference: str) -> dict[str, Any]:
        return await self._done("GET", f"/chapa/_sim/transactions/{reference}")

    async def act(self, reference: str, action: str, **body: Any) -> None:
        """Something happens at Chapa without a browser: pay, fail, refund ..."""
        await self._done("POST", f"/chapa/_sim/transactions/{reference}/{action}", json=body)

    async def webhooks(self, reference: str) -> list[dict[str, Any]]:
        """Chapa's deliveries about ``reference``, each with its tries and what they were answered."""
        params = {"tx_ref": reference, "kind": "webhook"}
        return list((await self._done("GET", "/chapa/_sim/webhooks", params=params))["webhooks"])

    async def redeliver(self, webhook: dict[str, Any]) -> int:
        """Chapa sends these bytes again; what it was answered."""
        sent = await self._done("POST", f"/chapa/_sim/webhooks/{webhook['id']}/redeliver")
        return int(sent["tries"][-1]["status"])

    async def put_order(self, order_id: str, **fields: Any) -> None:
        """Create an order, or edit it, which raises its version."""
        await self._done("PUT", f"/orders/_sim/orders/{order_id}", json=fields)

    async def order(self, order_id: str) -> dict[str, Any]:
        """The order as its service keeps it, with every message it was sent."""
        return await self._done("GET", f"/orders/_sim/orders/{order_id}")

    async def switch_orders(self, order_id: str | None = None, /, **switches: Any) -> None:
        params = {} if order_id is None else {"order_id": order_id}
        await self._done("PUT", "/orders/_sim/switches", params=params, json=switches)

    async def order_calls(self, order_id: str, endpoint: str) -> list[dict[str, Any]]:
        params = {"order_id": order_id, "endpoint": endpoint}
        return list((await self._done("GET", "/orders/_sim/calls", params=params))["calls"])

    async def mails(self, to: str) -> list[dict[str, Any]]:
        return list((await self._done("GET", "/mailbox/messages.json", params={"to": to}))["messages"])

    async def reset(self) -> None:
        """Have everybody forget everything."""
        for name in ("chapa", "orders", "mailbox"):
            await self._done("POST", f"/{name}/_sim/reset")

    async def _done(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        answer = await self.client.request(method, path, **more)
        assert answer.is_success, answer.text
        told: dict[str, Any] = answer.json()
        return told


@asynccontextmanager
async def outside_world() -> AsyncIterator[Outside]:
    """The simulators, for as long as the block runs."""
    port = free_port()
    config = simulators_at(
        f"http://127.0.0.1:{port}",
        webhook_url=None,
        webhook_secret=WEBHOOK_SECRET,
        orders_token=ORDERS_TOKEN,
        orders_signing_secrets=(ORDERS_SIGNING_SECRET,),
    )
    app = create_simulators(config)
    async with serving(app, port) as url, plain_client(url) as client:
        yield Outside(url=url, smtp_port=mailbox_port(app), client=client)
