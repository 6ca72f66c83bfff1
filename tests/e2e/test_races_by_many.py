"""Races (T7) as they are run: over HTTP, against two processes that serve and two that work, in rounds.

``tests/integration/races`` holds them closer together, without HTTP, and on SQLite.
"""

import asyncio
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import httpx
import pytest

from tests.e2e.story import CUSTOMER, MAIL, PAYER, Story, token, until

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.races,
    pytest.mark.parametrize("database", ["postgresql"], indirect=True),
]

AT_ONCE = 100
DUE = timedelta(seconds=31)
"""By then the sweep asks about an open attempt."""


@pytest.fixture
def rounds(long_run: bool) -> range:  # noqa: FBT001 -- a fixture by name
    return range(30 if long_run else 3)


async def ordered(story: Story, order_id: str) -> str:
    await story.outside.put_order(
        order_id, user_id=PAYER, amount="1000.00", currency="ETB", customer=CUSTOMER
    )
    return order_id


async def test_of_a_hundred_initiates_one_opens_a_checkout_in_every_round(
    story: Story, rounds: range
) -> None:
    both = await story.two_serving()
    for number in rounds:
        order_id = await ordered(story, f"order_of_hundred_{number}")

        answers = await asyncio.gather(*(story.click(order_id) for _ in range(AT_ONCE)))

        assert [answer.text for answer in answers if answer.status_code != HTTPStatus.OK] == []
        assert len({answer.json()["reference"] for answer in answers}) == 1
    assert len(await story.outside.chapa_calls("initialize")) == len(rounds)
    assert (story.count("payments"), story.count("attempts")) == (len(rounds), len(rounds))
    assert story.who_answered("initiate") == set(both)


async def test_of_a_hundred_equal_webhooks_one_counts_in_every_round(story: Story, rounds: range) -> None:
    both = await story.two_serving()
    for number in rounds:
        order_id = await ordered(story, f"order_of_copies_{number}")
        opened = await story.initiated(order_id)
        await story.outside.switch_chapa(opened["reference"], webhook_copies=AT_ONCE)

        await story.outside.act(opened["reference"], "pay")

        await until(
            lambda: story.outside.webhooks(opened["reference"]),  # noqa: B023 -- awaited in this round
            lambda hooks: len(hooks) == AT_ONCE and all(hook["state"] == "delivered" for hook in hooks),
        )
        await story.until_told("paid", order_id)
        await story.until_at_rest()
        await story.told_once("paid", order_id=order_id)
    assert story.count("notices") == story.count("captures") == len(rounds)
    assert story.count("evidence WHERE rule = 'settled'") == len(rounds)
    assert len(await story.outside.mails(MAIL)) == len(rounds)
    assert story.who_answered("verify") == set(both)


async def test_webhooks_returns_sweep_cash_and_refunds_at_once_settle_once(
    story: Story, rounds: range
) -> None:
    for number in rounds:
        order_id = await ordered(story, f"order_of_all_{number}")
        cash = await story.initiated(order_id, provider="cash")
        code = await story.delivery_code(cash["checkout_url"])
        online = await story.initiated(order_id)
        await story.outside.switch_chapa(
            online["reference"], webhook_copies=50, redirect_lost=True, refunds="allowed"
        )
        back = f"/payments/verify/chapa/?trx_ref={online['reference']}"
        at_the_door = {"reference": cash["reference"], "delivery_code": code}
        story.clock.move(DUE)

        paying = asyncio.create_task(story.outside.act(online["reference"], "pay"))
        told, *others = await asyncio.gather(
            _taken(story, {"collection_id": f"collection-{number}", "amount": "1000.00"} | at_the_door),
            *(story.client.get(back) for _ in range(50)),
            *(_money_back(story, online["payment_id"], f"refund-{number}-{again}") for again in range(8)),
        )

        await paying
        await until(lambda: _dispositions(story, order_id), lambda found: found.total() == 2)  # noqa: B023 -- awaited in this round
        await story.until_at_rest()
        assert await _dispositions(story, order_id) == {"settles": 1, "surplus": 1}
        assert told.status_code == HTTPStatus.OK, told.text
        assert {answer.status_code for answer in others[:50]} == {HTTPStatus.FOUND}
        told_paid = [m["payment_status"] for m in (await story.outside.order(order_id))["messages"]]
        queued = _told_paid(story, order_id)
        assert len(queued) == 1
        # A refund's message that was first overtakes it: it says the same, and more.
        assert told_paid.count("paid") == (queued == ["delivered"])
        payment = await story.payment(online["payment_id"])
        kept = [Decimal(refund["amount"]) for refund in payment["refunds"] if refund["status"] != "failed"]
        assert sum(kept) <= Decimal("1000.00")
        assert await story.check() == ()


async def _taken(story: Story, said: dict[str, Any]) -> httpx.Response:
    """What a collector is told, who repeats the record until it is answered."""
    return await until(
        lambda: story.collect(currency="ETB", **said), lambda answer: "retry-after" not in answer.headers
    )


async def _money_back(story: Story, payment_id: str, key: str) -> httpx.Response:
    """What a clerk is told who asks for a third of it back until there is something to give."""
    clerk = {
        "Authorization": f"Bearer {token('clerk', scope='payments:refund')}",
        "Idempotency-Key": key,
    }
    wish = {"amount": "333.00", "reason": "it came back"}
    path = f"/payments/{payment_id}/refunds/"
    return await until(
        lambda: story.post(path, json=wish, headers=clerk),
        lambda answer: answer.is_success or answer.json()["code"] == "refund_too_large",
    )


def _told_paid(story: Story, order_id: str) -> list[str]:
    """What became of each message that tells the orders service of this payment."""
    rows = story.rows("SELECT order_id, destination, state FROM messages WHERE kind = 'paid'")
    return [state for whose, to, state in rows if (whose, to) == (order_id, "orders")]


async def _dispositions(story: Story, order_id: str) -> Counter[str]:
    rows = story.rows("SELECT order_id, disposition FROM captures JOIN payments USING (payment_id)")
    return Counter(disposition for whose, disposition in rows if whose == order_id)
