"""A simulated Paystack on a real socket, and a shop for it to tell."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import httpx

from payments.simulators.paystack import PaystackSimulatorConfig, create_paystack_simulator
from tests.integration.simulators.serving import (
    Merchant,
    Received,
    address_of,
    eventually,
    listening,
    serving,
)

TEST_KEY = "sk_test_sandbox_0000000000000000000000000000000000000001"
LIVE_KEY = "sk_live_sandbox_0000000000000000000000000000000000000002"
LIVE = {"Authorization": f"Bearer {LIVE_KEY}"}
GOOD_CARD = "card:4084084084084081"


def keys(text: str) -> set[str]:
    """Return the words of a text, as the sheet's samples have them for keys."""
    return set(text.split())


@attrs.frozen(kw_only=True)
class PaystackSandbox:
    """A simulated Paystack, a client with its test key, and the shop it tells."""

    url: str
    client: httpx.AsyncClient
    merchant: Merchant
    merchant_url: str

    async def initialize(self, reference: str | None, /, **fields: Any) -> httpx.Response:
        body = {"email": "buyer@example.com", "amount": 500000, "currency": "KES", "reference": reference}
        return await self.client.post("/transaction/initialize", json={**body, **fields})

    async def opened(self, reference: str, **fields: Any) -> str:
        """Return the checkout page of a new transaction of this shop."""
        callback = {"callback_url": f"{self.merchant_url}/return"}
        answer = await self.initialize(reference, **{**callback, **fields})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["data"]["authorization_url"])

    async def paid(self, reference: str, **fields: Any) -> dict[str, Any]:
        """Return what verify says of a new transaction that was paid by card."""
        await self.opened(reference, **fields)
        answer = await self.act(reference, "pay")
        assert answer.status_code == 200, answer.text
        return await self.verified(reference)

    async def verify(self, reference: str) -> httpx.Response:
        return await self.client.get(f"/transaction/verify/{reference}")

    async def verified(self, reference: str) -> dict[str, Any]:
        answer = await self.verify(reference)
        assert answer.status_code == 200, answer.text
        return dict(answer.json()["data"])

    async def refund(self, transaction: Any, /, **fields: Any) -> httpx.Response:
        return await self.client.post("/refund", json={"transaction": transaction, **fields})

    async def switch(self, reference: str | None = None, **switches: Any) -> None:
        params = {} if reference is None else {"reference": reference}
        answer = await self.client.put("/_sim/switches", params=params, json=switches)
        assert answer.status_code == 200, answer.text

    async def act(self, reference: str, action: str, **body: Any) -> httpx.Response:
        return await self.client.post(f"/_sim/transactions/{reference}/{action}", json=body)

    async def webhooks(self, **filters: str) -> list[dict[str, Any]]:
        answer = await self.client.get("/_sim/webhooks", params=filters)
        return list(answer.json()["webhooks"])

    async def hooks(self, count: int) -> list[Received]:
        """Return what reached the shop's webhook address, once there is that much of it."""

        async def enough() -> bool:
            return len(self.merchant.at("/hook")) >= count

        await eventually(enough)
        return self.merchant.at("/hook")


@asynccontextmanager
async def serving_paystack(merchant: Merchant, **settings: Any) -> AsyncIterator[PaystackSandbox]:
    """Serve one with quick retries and quick refunds, unless the settings say otherwise."""
    bound = listening()
    async with serving(merchant.app(), listening()) as merchant_url:
        config = PaystackSimulatorConfig(
            public_url=address_of(bound),
            **{
                "webhook_url": f"{merchant_url}/hook",
                "secret_key": TEST_KEY,
                "live_secret_key": LIVE_KEY,
                "retry_unit_s": 0.04,
                **settings,
            },
        )
        headers = {"Authorization": f"Bearer {TEST_KEY}"}
        async with (
            serving(create_paystack_simulator(config), bound) as url,
            httpx.AsyncClient(base_url=url, headers=headers, timeout=10) as client,
        ):
            yield PaystackSandbox(url=url, client=client, merchant=merchant, merchant_url=merchant_url)
