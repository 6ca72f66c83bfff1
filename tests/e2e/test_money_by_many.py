"""Money that goes back a hundred times at once, or comes twice at once, over several processes."""

import asyncio
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import httpx
import pytest

from tests.e2e.story import Story, coming_back, problem, token, until

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("database", ["postgresql"], indirect=True)]

CAPTURED = Decimal("1000.00")
AT_ONCE = 100


async def test_a_hundred_partial_refunds_at_once_never_exceed_what_was_captured(story: Story) -> None:
    both = await story.two_serving()
    await story.outside.switch_chapa(refunds="allowed", refund_settles_after_s=0.0)
    opened = await story.initiated()
    await story.outside.act(opened["reference"], "pay")
    await story.until_status(opened["payment_id"], "success")
    # From 21.00 to 30.00: whatever comes first, a hundred of them are far more than there is.
    amounts = [f"{21 + number % 10}.00" for number in range(AT_ONCE)]

    async def asked(number: int) -> httpx.Response:
        headers = {
            "Authorization": f"Bearer {token('clerk', scope='payments:refund')}",
            "Idempotency-Key": f"refund-{number}",
        }
        body = {"amount": amounts[number], "reason": "it came back"}
        path = f"/payments/{opened['payment_id']}/refunds/"
        return await coming_back(lambda: story.post(path, json=body, headers=headers))

    answers = await asyncio.gather(*(asked(number) for number in range(AT_ONCE)))

    taken = [answer.json() for answer in answers if answer.status_code == HTTPStatus.CREATED]
    refused = [
        (Decimal(amount), Decimal(problem(answer, 409, "refund_too_large")["refundable"]))
        for amount, answer in zip(amounts, answers, strict=True)
        if answer.status_code != HTTPStatus.CREATED
    ]
    assert all(left < amount for amount, left in refused)
    assert len({refund["refund_id"] for refund in taken}) == len(taken)
    assert story.who_answered("refunds") == set(both)
    kept = (await story.payment(opened["payment_id"]))["refunds"]
    standing = [refund for refund in kept if refund["status"] != "failed"]
    assert {refund["refund_id"] for refund in standing} == {refund["refund_id"] for refund in taken}
    # Whoever was refused wanted more than was left then.
    assert CAPTURED - min(amount for amount, _ in refused) < total(standing) <= CAPTURED
    sent = (await story.outside.transaction(opened["reference"]))["refunds"]
    assert sorted(refund["amount"] for refund in sent) == sorted(refund["amount"] for refund in standing)
    assert len(await story.outside.chapa_calls("refund")) == len(sent)
    assert await story.check() == ()


def total(refunds: list[dict[str, Any]]) -> Decimal:
    return sum((Decimal(refund["amount"]) for refund in refunds), Decimal(0))


async def test_cash_and_online_success_at_the_same_instant_settle_once(story: Story) -> None:
    both = await story.two_serving()
    orders = [f"order_of_both_{number}" for number in range(8)]
    await asyncio.gather(*(story.owes("1000.00", "ETB", order_id) for order_id in orders))
    at_the_door = [await story.initiated(order_id, provider="cash") for order_id in orders]
    codes = [await story.delivery_code(cash["checkout_url"]) for cash in at_the_door]
    online = [await story.initiated(order_id) for order_id in orders]

    async def at_once(number: int) -> str:
        """What the collector is told; they and the payer's browser repeat what they have no answer to."""
        said = {
            "collection_id": f"collection-{number}",
            "reference": at_the_door[number]["reference"],
            "delivery_code": codes[number],
            "amount": "1000.00",
            "currency": "ETB",
        }
        back = f"/payments/verify/chapa/?trx_ref={online[number]['reference']}"
        told, again, _, _, _ = await asyncio.gather(
            coming_back(lambda: story.collect(**said)),
            coming_back(lambda: story.collect(**said)),
            story.outside.act(online[number]["reference"], "pay"),
            story.client.get(back),
            story.client.get(back),
        )
        assert (told.status_code, again.content) == (HTTPStatus.OK, told.content), told.text
        return str(told.json()["result"])

    results = await asyncio.gather(*(at_once(number) for number in range(len(orders))))

    await until(lambda: captures(story), lambda found: len(found) == 2 * len(orders))
    await story.until_at_rest()
    kept = await captures(story)
    for order_id, result in zip(orders, results, strict=True):
        ways = {provider: way for order, provider, way in kept if order == order_id}
        cash_first = {"cash": "settles", "chapa": "surplus"}
        online_first = {"cash": "surplus", "chapa": "settles"}
        assert ways == {"settled": cash_first, "surplus": online_first}[result]
        order = await story.outside.order(order_id)
        assert order["payment_status"] == "paid"
        assert [told["payment_status"] for told in order["messages"]].count("paid") == 1
    asked_about = "SELECT order_id, kind FROM reviews JOIN payments USING (payment_id) WHERE state = 'open'"
    assert sorted(story.rows(asked_about)) == [(order_id, "surplus") for order_id in orders]
    assert story.who_answered("verify") == set(both)
    assert await story.check() == ()


async def captures(story: Story) -> list[tuple[str, str, str]]:
    """All money that is there: whose order it is for, who took it, and what became of it."""
    return story.rows(
        "SELECT order_id, captures.provider, disposition FROM captures JOIN payments USING (payment_id)"
    )
