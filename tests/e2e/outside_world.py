"""The world around the service: providers, the orders service and a mailbox, simulated over real sockets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import httpx

from payments.simulators.app import create_simulators, mailbox_port, simulators_at
from payments.simulators.mpesa import MpesaSimulatorConfig, MpesaSwitches, new_private_key
from tests.ports import free_port
from tests.serving import plain_client, serving

WEBHOOK_SECRET = "a-hash-known-to-chapa-and-us-alone"
PAYSTACK_KEY = "sk_test_known_to_paystack_and_us_alone_000000000001"
ORDERS_TOKEN = "what-the-orders-service-wants-from-us"
ORDERS_SIGNING_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PHONE = "254722000126"
"""The payer's, as M-Pesa writes it."""


def daraja() -> MpesaSimulatorConfig:
    """M-Pesa with all that takes time two hundred times as fast, and no quirks but those a story switches on.

    Its address is that of the simulators, wherever they are.
    """
    quick = MpesaSwitches(
        time_scale=0.005,
        prompt_life_s=100_000.0,
        query_calls=1_000_000,
        query_hiccup_every=0,
        query_early_s=0.0,
        same_amount_rule="off",
    )
    return MpesaSimulatorConfig(public_url="", private_key_pem=new_private_key(), switches=quick)


@attrs.frozen
class Outside:
    """Everything a story may look at, or switch, outside of the service."""

    url: str
    smtp_port: int
    client: httpx.AsyncClient
    daraja: MpesaSimulatorConfig
    """What M-Pesa knows us by."""

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

    async def switch_paystack(self, reference: str | None = None, /, **switches: Any) -> None:
        """Set switches of Paystack, for one reference or for everything."""
        params = {} if reference is None else {"reference": reference}
        await self._done("PUT", "/paystack/_sim/switches", params=params, json=switches)

    async def paystack_calls(self, endpoint: str, reference: str | None = None) -> list[dict[str, Any]]:
        params = {"endpoint": endpoint} | ({} if reference is None else {"reference": reference})
        return list((await self._done("GET", "/paystack/_sim/calls", params=params))["calls"])

    async def paystack_transaction(self, reference: str) -> dict[str, Any]:
        return await self._done("GET", f"/paystack/_sim/transactions/{reference}")

    async def act_at_paystack(self, reference: str, action: str, **body: Any) -> None:
        """Something happens at Paystack without a browser: pay, decline, fail, abandon, refund, dispute."""
        await self._done("POST", f"/paystack/_sim/transactions/{reference}/{action}", json=body)

    async def paystack_webhooks(self, reference: str) -> list[dict[str, Any]]:
        params = {"reference": reference}
        return list((await self._done("GET", "/paystack/_sim/webhooks", params=params))["webhooks"])

    async def switch_mpesa(self, **switches: Any) -> None:
        """Set switches of M-Pesa for everybody."""
        await self._done("PUT", "/mpesa/_sim/switches", json=switches)

    async def mpesa_calls(self, endpoint: str) -> list[dict[str, Any]]:
        params = {"endpoint": endpoint}
        return list((await self._done("GET", "/mpesa/_sim/calls", params=params))["calls"])

    async def prompts(self, **matching: str) -> list[dict[str, Any]]:
        """The prompts that M-Pesa sent to phones; ``state`` is live, answered or ended."""
        return list((await self._done("GET", "/mpesa/_sim/prompts", params=matching))["prompts"])

    async def on_the_phone(self, action: str) -> dict[str, Any]:
        """The payer answers the one live prompt: approve, wrong_pin, cancel, low_balance, ignore ..."""
        (prompt,) = await self.prompts(state="live")
        return await self.act_on_prompt(prompt["checkout_request_id"], action)

    async def act_on_prompt(self, checkout_request_id: str, action: str, **body: Any) -> dict[str, Any]:
        """As :meth:`on_the_phone`, or ``late_success`` for one that has ended, or ``result`` with a code."""
        return await self._done("POST", f"/mpesa/_sim/prompts/{checkout_request_id}/{action}", json=body)

    async def callbacks(self, checkout_request_id: str) -> list[dict[str, Any]]:
        """M-Pesa's deliveries about a prompt."""
        params = {"event": checkout_request_id}
        return list((await self._done("GET", "/mpesa/_sim/callbacks", params=params))["callbacks"])

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
        for name in ("chapa", "paystack", "mpesa", "orders", "mailbox"):
            await self._done("POST", f"/{name}/_sim/reset")

    async def _done(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        answer = await self.client.request(method, path, **more)
        assert answer.is_success, answer.text
        told: dict[str, Any] = answer.json()
        return told


@asynccontextmanager
async def outside_world(retry_unit_s: float | None = None) -> AsyncIterator[Outside]:
    """The simulators, for as long as the block runs.

    ``retry_unit_s`` stands for Chapa's ten minutes and Paystack's hour between two tries of one webhook.
    """
    port = free_port()
    mpesa = daraja()
    config = simulators_at(
        f"http://127.0.0.1:{port}",
        webhook_url=None,
        webhook_secret=WEBHOOK_SECRET,
        orders_token=ORDERS_TOKEN,
        orders_signing_secrets=(ORDERS_SIGNING_SECRET,),
        paystack_secret_key=PAYSTACK_KEY,
        mpesa=mpesa,
    )
    # Where nobody comes again, who sends a hundred webhooks at once to a busy machine waits for each answer.
    again: dict[str, Any] = {"webhook_timeout_s": 60.0}
    if retry_unit_s is not None:
        again = {"retry_unit_s": retry_unit_s}
    config = attrs.evolve(
        config,
        chapa=attrs.evolve(config.chapa, **again),
        paystack=attrs.evolve(config.paystack, **again),
    )
    app = create_simulators(config)
    async with serving(app, port) as url, plain_client(url) as client:
        yield Outside(url, mailbox_port(app), client, mpesa)
