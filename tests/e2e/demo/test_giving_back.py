"""An operator sends money of each provider back with the token that is printed, and the shop says so."""

from typing import Any
from uuid import uuid4

import anyio
import httpx
import pytest

from tests.e2e.demo.conftest import Demonstration
from tests.e2e.demo.newcomer import WITHIN_S, Newcomer

pytestmark = [pytest.mark.anyio, pytest.mark.stories]

PHONE = "254712000444"
CHARGED = {
    "chapa": ("712.00", "ETB", "{chapa}/_sim/transactions/{reference}/pay"),
    "paystack": ("810.00", "NGN", "{paystack}/_sim/transactions/{reference}/pay"),
    "mpesa": ("633.00", "KES", "{mpesa}/_sim/prompts/{provider_reference}/approve"),
}


async def until(client: httpx.AsyncClient, address: str, token: str, field: str, wanted: str) -> Any:
    headers = {"authorization": f"Bearer {token}"}
    with anyio.fail_after(WITHIN_S):
        while True:
            found = (await client.get(address, headers=headers)).raise_for_status().json()
            if found[field] == wanted:
                return found
            await anyio.sleep(0.1)


@pytest.mark.parametrize("provider", CHARGED)
async def test_an_operator_sends_money_back(demonstration: Demonstration, provider: str) -> None:
    amount, currency, control = CHARGED[provider]
    async with httpx.AsyncClient(trust_env=False, timeout=60.0) as client:
        newcomer = Newcomer(client, demonstration.url)
        order_id = await newcomer.has_ordered(amount, currency, phone_number=f"+{PHONE}")
        told = await newcomer.told()
        user, operator = told["token"], told["operator_token"]
        begun = await client.post(
            f"{told['api']}/payments/initiate/{order_id}/",
            json={"provider": provider},
            headers={"authorization": f"Bearer {user}"},
        )
        address = f"{told['api']}/payments/{begun.raise_for_status().json()['payment_id']}/"
        opened = await until(client, address, user, "status", "processing")
        paid = control.format(**told["simulators"], **opened["attempts"][-1])
        (await client.post(paid)).raise_for_status()
        await until(client, address, user, "status", "success")
        asked = await client.post(
            f"{address}refunds/",
            json={"amount": amount, "reason": "The basket was broken."},
            headers={"authorization": f"Bearer {operator}", "idempotency-key": uuid4().hex},
        )
        assert asked.status_code in {201, 202}, asked.text
        await until(client, address, user, "amount_refunded", amount)
        await newcomer.open(f"/shop/orders/{order_id}")
        await newcomer.waits_to_see(f"The shop returned {amount} {currency}.")
