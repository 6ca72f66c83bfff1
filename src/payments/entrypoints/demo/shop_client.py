"""How the shop talks: to the payments API with its customer's token, to its own orders, to the mailbox."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import httpx

from payments.entrypoints.demo.payments_api import Answer, PaymentsApi, ShopTrouble, local_client
from payments.entrypoints.demo.surroundings import USER, DemoAddresses


@attrs.frozen
class ShopClient:
    """Everything the shop asks others. It holds nothing but a token: orders and payments are elsewhere."""

    _api: PaymentsApi
    _addresses: DemoAddresses

    async def orders(self) -> list[dict[str, Any]]:
        """The customer's orders, as the orders service keeps them, in the order of their making."""
        found = await self._json(f"{self._addresses.orders}/_sim/orders")
        return [order for order in found["orders"] if order["user_id"] == USER]

    async def order(self, order_id: str) -> dict[str, Any] | None:
        """One of them."""
        return next((order for order in await self.orders() if order["id"] == order_id), None)

    async def payments(self) -> dict[str, dict[str, Any]]:
        """The customer's payments by order."""
        answer = await self._api.call("GET", "/payments/?limit=100")
        return {payment["order_id"]: payment for payment in answer.body.get("data", [])}

    async def payment_of(self, order_id: str) -> dict[str, Any] | None:
        """The order's payment, if it has one."""
        answer = await self._api.call("GET", f"/payments/?limit=1&order_id={order_id}")
        return next(iter(answer.body.get("data", [])), None)

    async def payment(self, payment_id: str) -> dict[str, Any] | None:
        """One payment."""
        answer = await self._api.call("GET", f"/payments/{payment_id}/")
        return None if answer.problem else answer.body

    async def offers(self, order_id: str) -> list[dict[str, Any]]:
        """What can pay the order."""
        answer = await self._api.call("GET", f"/payments/providers/?order_id={order_id}")
        return list(answer.body.get("data", []))

    async def story(self, payment_id: str) -> list[dict[str, Any]]:
        """What happened to a payment, oldest first."""
        answer = await self._api.call("GET", f"/payments/{payment_id}/explain/")
        return list(answer.body.get("steps", []))

    async def pay(self, order_id: str, wish: dict[str, str]) -> Answer:
        """Ask for a checkout."""
        return await self._api.call("POST", f"/payments/initiate/{order_id}/", wish)

    async def mails(self, email: str | None, payment_id: str) -> list[dict[str, Any]]:
        """The mails about a payment, oldest first."""
        if email is None:
            return []
        found = await self._json(f"{self._addresses.mailbox}/messages.json", to=email)
        return [mail for mail in found["messages"] if payment_id in (mail["text"] or "")]

    async def phone_of(self, payment_id: str) -> str | None:
        """The page of the simulated phone that shows the prompt of a payment; None: there is no prompt."""
        payment = await self.payment(payment_id)
        prompt = payment["attempts"][-1]["provider_reference"] if payment else None
        if prompt is None:
            return None
        found = await self._json(f"{self._addresses.mpesa}/_sim/prompts", checkout_request_id=prompt)
        return next((str(one["phone_url"]) for one in found["prompts"]), None)

    async def _json(self, url: str, **query: str) -> dict[str, Any]:
        try:
            return dict((await self._api.client.get(url, params=query)).raise_for_status().json())
        except (httpx.HTTPError, ValueError) as error:
            raise ShopTrouble("The shop's own records gave no answer.") from error


@asynccontextmanager
async def open_shop_client(addresses: DemoAddresses, token: str) -> AsyncIterator[ShopClient]:
    """A client for as long as the block runs."""
    async with local_client() as client:
        yield ShopClient(PaymentsApi(client=client, url=addresses.public, token=token), addresses)
