"""A simulated Daraja on a real socket, a client of its app, and the shop it tells."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import httpx

from payments.simulators.mpesa import MpesaSimulatorConfig, MpesaSwitches, create_mpesa_simulator
from tests.integration.simulators.serving import (
    Merchant,
    Received,
    address_of,
    eventually,
    listening,
    serving,
)

SHORTCODE = "174379"
PASSKEY = "bfb279f9aa9bdbcf158e97dd71a467cd2e0c893059b10f78e6b72ada1ed2c919"
PHONE = "254722000126"
# A minute lasts 0.6 s, a prompt as long as any test, and a query says what it knows.
FAST = MpesaSwitches(
    time_scale=0.01, prompt_life_s=3000, query_calls=1_000_000, query_hiccup_every=0, query_early_s=0
)


def password(shortcode: str, timestamp: str, passkey: str = PASSKEY) -> str:
    return base64.b64encode(f"{shortcode}{passkey}{timestamp}".encode()).decode()


def in_nairobi() -> str:
    return (datetime.now(UTC) + timedelta(hours=3)).strftime("%Y%m%d%H%M%S")


@attrs.frozen(kw_only=True)
class Daraja:
    """A simulated Daraja, and what a shop does with it."""

    url: str
    client: httpx.AsyncClient
    merchant: Merchant
    merchant_url: str
    config: MpesaSimulatorConfig
    held_token: list[str] = attrs.field(factory=list)

    async def reset(self) -> None:
        await self.client.post("/_sim/reset")
        self.held_token.clear()

    async def token(self) -> str:
        auth = (self.config.consumer_key, self.config.consumer_secret)
        answer = await self.client.get("/oauth/v1/generate?grant_type=client_credentials", auth=auth)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    async def call(self, path: str, body: dict[str, Any]) -> httpx.Response:
        """Call a product with the token this shop holds."""
        if not self.held_token:
            self.held_token.append(await self.token())
        headers = {"Authorization": f"Bearer {self.held_token[-1]}"}
        return await self.client.post(path, json=body, headers=headers)

    def push_fields(self, **fields: Any) -> dict[str, Any]:
        """Return the fields of a push; a value of `...` leaves the field out."""
        timestamp = in_nairobi()
        shortcode = self.config.shortcode
        usual = {
            "BusinessShortCode": shortcode,
            "Password": password(shortcode, timestamp, self.config.passkey),
            "Timestamp": timestamp,
            "TransactionType": "CustomerPayBillOnline",
            "Amount": "100",
            "PartyA": fields.get("PhoneNumber", PHONE),
            "PartyB": shortcode,
            "PhoneNumber": PHONE,
            "CallBackURL": f"{self.merchant_url}/hook",
            "AccountReference": "ORDER17",
            "TransactionDesc": "Order 17",
        }
        return {name: value for name, value in {**usual, **fields}.items() if value is not ...}

    async def push(self, **fields: Any) -> httpx.Response:
        return await self.call("/mpesa/stkpush/v1/processrequest", self.push_fields(**fields))

    async def prompted(self, **fields: Any) -> str:
        """Return the `CheckoutRequestID` of a new prompt."""
        answer = await self.push(**fields)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["CheckoutRequestID"])

    async def query(self, checkout_request_id: str, **fields: Any) -> httpx.Response:
        timestamp = in_nairobi()
        usual = {
            "BusinessShortCode": self.config.shortcode,
            "Password": password(self.config.shortcode, timestamp, self.config.passkey),
            "Timestamp": timestamp,
            "CheckoutRequestID": checkout_request_id,
        }
        body = {name: value for name, value in {**usual, **fields}.items() if value is not ...}
        return await self.call("/mpesa/stkpushquery/v1/query", body)

    async def switch(self, phone: str | None = None, **switches: Any) -> None:
        params = {} if phone is None else {"phone": phone}
        answer = await self.client.put("/_sim/switches", params=params, json=switches)
        assert answer.status_code == 200, answer.text

    async def act(self, checkout_request_id: str, action: str, **body: Any) -> httpx.Response:
        return await self.client.post(f"/_sim/prompts/{checkout_request_id}/{action}", json=body)

    async def prompt(self, checkout_request_id: str) -> dict[str, Any]:
        answer = await self.client.get(f"/_sim/prompts/{checkout_request_id}")
        return dict(answer.json())

    async def ended(self, checkout_request_id: str) -> dict[str, Any]:
        """Return the prompt once it has its result."""

        async def over() -> dict[str, Any] | None:
            prompt = await self.prompt(checkout_request_id)
            return prompt if prompt["state"] == "ended" else None

        return dict(await eventually(over))

    async def paid(self, **fields: Any) -> str:
        """Return the receipt of a new prompt that was approved, once the shop was told."""
        before = len(self.merchant.at("/hook"))
        checkout_request_id = await self.prompted(**fields)
        await self.act(checkout_request_id, "approve")
        receipt = str((await self.ended(checkout_request_id))["receipt"])
        await self.told(before + 1)
        return receipt

    async def told(self, count: int, path: str = "/hook") -> list[Received]:
        """Return what reached the shop at this path, once there is that much of it."""

        async def enough() -> bool:
            return len(self.merchant.at(path)) >= count

        await eventually(enough)
        return self.merchant.at(path)

    async def listed(self, what: str, **filters: str) -> list[dict[str, Any]]:
        answer = await self.client.get(f"/_sim/{what}", params=filters)
        return list(answer.json()[what])


def said(callback: Received) -> dict[str, Any]:
    """Return what an STK callback says."""
    body: dict[str, Any] = json.loads(callback.body)["Body"]["stkCallback"]
    return body


def items(callback: Received) -> dict[str, Any]:
    """Return the metadata of an STK callback by name; an item without a value is None."""
    found = said(callback)["CallbackMetadata"]["Item"]
    return {item["Name"]: item.get("Value") for item in found}


@asynccontextmanager
async def daraja_for(merchant: Merchant, merchant_url: str, **config: Any) -> AsyncIterator[Daraja]:
    bound = listening()
    settings = MpesaSimulatorConfig(
        **{"public_url": address_of(bound), "switches": FAST, "retry_unit_s": 0.05, **config}
    )
    async with (
        serving(create_mpesa_simulator(settings), bound) as url,
        httpx.AsyncClient(base_url=url, timeout=10) as client,
    ):
        yield Daraja(url=url, client=client, merchant=merchant, merchant_url=merchant_url, config=settings)
