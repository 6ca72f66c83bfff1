"""How the shop talks: to the payments API with its customer's token, to its own orders, to the mailbox."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import attrs
import httpx

from payments.entrypoints.demo.surroundings import USER, DemoAddresses

# Longer than the service needs to say "unknown" to a provider that does not answer.
_PATIENCE_S: Final = 30.0


@attrs.frozen(kw_only=True)
class Answer:
    """What the payments API said: a body, and whether it is a problem."""

    status: int
    body: dict[str, Any]

    @property
    def problem(self) -> dict[str, Any] | None:
        """The problem document, if it is one."""
        return None if httpx.codes.is_success(self.status) else self.body


class ShopTrouble(Exception):
    """The shop cannot show its page; the sentence is for its customer."""


@attrs.frozen
class ShopClient:
    """Everything the shop asks others. It holds nothing but a token: orders and payments are elsewhere."""

    _client: httpx.AsyncClient
    _addresses: DemoAddresses
    _token: str = attrs.field(repr=False)

    async def orders(self) -> list[dict[str, Any]]:
        """The customer's orders, as the orders service keeps them, in the order of their making."""
        found = await self._json(f"{self._addresses.orders}/_sim/orders")
        return [order for order in found["orders"] if order["user_id"] == USER]

    async def order(self, order_id: str) -> dict[str, Any] | None:
        """One of them."""
        return next((order for order in await self.orders() if order["id"] == order_id), None)

    async def payments(self) -> dict[str, dict[str, Any]]:
        """The customer's payments by order."""
        answer = await self._api("GET", "/payments/?limit=100")
        return {payment["order_id"]: payment for payment in answer.body.get("data", [])}

    async def payment_of(self, order_id: str) -> dict[str, Any] | None:
        """The order's payment, if it has one."""
        answer = await self._api("GET", f"/payments/?limit=1&order_id={order_id}")
        return next(iter(answer.body.get("data", [])), None)

    async def payment(self, payment_id: str) -> dict[str, Any] | None:
        """One payment."""
        answer = await self._api("GET", f"/payments/{payment_id}/")
        return None if answer.problem else answer.body

    async def offers(self, order_id: str) -> list[dict[str, Any]]:
        """What can pay the order."""
        answer = await self._api("GET", f"/payments/providers/?order_id={order_id}")
        return list(answer.body.get("data", []))

    async def story(self, payment_id: str) -> list[dict[str, Any]]:
        """What happened to a payment, oldest first."""
        answer = await self._api("GET", f"/payments/{payment_id}/explain/")
        return list(answer.body.get("steps", []))

    async def pay(self, order_id: str, wish: dict[str, str]) -> Answer:
        """Ask for a checkout."""
        return await self._api("POST", f"/payments/initiate/{order_id}/", wish)

    async def mails(self, email: str | None, payment_id: str) -> list[dict[str, Any]]:
        """The mails about a payment, oldest first."""
        if email is None:
            return []
        found = await self._json(f"{self._addresses.mailbox}/messages.json", to=email)
        return [mail for mail in found["messages"] if payment_id in (mail["text"] or "")]

    async def _api(self, method: str, path: str, body: dict[str, str] | None = None) -> Answer:
        try:
            answer = await self._client.request(
                method,
                f"{self._addresses.public}{path}",
                json=body,
                headers={"authorization": f"Bearer {self._token}"},
            )
            return Answer(status=answer.status_code, body=answer.json())
        except (httpx.HTTPError, ValueError) as error:
            raise ShopTrouble("The payments service gave no answer.") from error

    async def _json(self, url: str, **query: str) -> dict[str, Any]:
        try:
            return dict((await self._client.get(url, params=query)).raise_for_status().json())
        except (httpx.HTTPError, ValueError) as error:
            raise ShopTrouble("The shop's own records gave no answer.") from error


@asynccontextmanager
async def open_shop_client(addresses: DemoAddresses, token: str) -> AsyncIterator[ShopClient]:
    """A client for as long as the block runs; it speaks plain HTTP to this machine, past any proxy."""
    # Without certificates to load it is made in no time, and could not trust anybody over TLS.
    nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    async with httpx.AsyncClient(trust_env=False, verify=nobody, timeout=_PATIENCE_S) as client:
        yield ShopClient(client, addresses, token)
