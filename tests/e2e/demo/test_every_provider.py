"""A newcomer pays with each provider, through pages alone; cash is collected and handed over."""

from collections.abc import AsyncIterator
from decimal import Decimal
from urllib.parse import urlsplit

import httpx
import pytest

from tests.e2e.demo.conftest import Demonstration
from tests.e2e.demo.newcomer import Newcomer

pytestmark = [pytest.mark.anyio, pytest.mark.stories]

TAKEN_BY = {
    "order_1001": {"cash", "chapa"},  # ETB
    "order_1003": {"cash", "chapa", "paystack"},  # USD
    "order_1004": {"cash", "mpesa", "paystack"},  # KES
    "order_1005": {"cash", "paystack"},  # KES, with cents
    "order_1006": {"cash", "paystack"},  # NGN
    "order_1007": {"cash", "paystack"},  # GHS
    "order_zero": set(),
}


@pytest.fixture
async def newcomer(demonstration: Demonstration) -> AsyncIterator[Newcomer]:
    async with httpx.AsyncClient(trust_env=False, timeout=60.0) as client:
        yield Newcomer(client, demonstration.url)


async def choose(newcomer: Newcomer, order_id: str, provider: str) -> None:
    await newcomer.open(f"/shop/orders/{order_id}")
    await newcomer.send("/pay", provider=provider)


async def sees_it_paid(newcomer: Newcomer, order_id: str) -> None:
    """The page follows by itself; whoever has no script looks again."""
    await newcomer.open(f"/shop/orders/{order_id}")
    await newcomer.waits_to_see("Paid. Thank you!")
    await newcomer.waits_to_see("Your confirmation has arrived")


async def ordered_for_delivery(newcomer: Newcomer, amount: str, currency: str) -> tuple[str, str]:
    """A new order that is to be paid in cash, and its delivery code."""
    order_id = await newcomer.has_ordered(amount, currency)
    await choose(newcomer, order_id, "cash")
    return order_id, newcomer.sees.split("tell the collector this code: ")[1][:6]


async def holds(newcomer: Newcomer, currency: str) -> Decimal:
    """What the collector holds, as an operator is told."""
    told = await newcomer.told()
    answer = await newcomer.client.get(
        f"{told['api']}/payments/cash/", headers={"authorization": f"Bearer {told['operator_token']}"}
    )
    return sum(
        (Decimal(pile["amount"]) for pile in answer.json()["data"] if pile["currency"] == currency), Decimal()
    )


async def test_each_seeded_order_can_be_paid_with_whoever_takes_its_money(newcomer: Newcomer) -> None:
    told = await newcomer.told()
    headers = {"authorization": f"Bearer {told['token']}"}
    for order_id, takers in TAKEN_BY.items():
        answer = await newcomer.client.get(
            f"{told['api']}/payments/providers/?order_id={order_id}", headers=headers
        )
        offers = answer.json()["data"]
        assert {offer["provider"] for offer in offers if offer["available"]} == takers, order_id


async def test_a_newcomer_pays_with_chapa(newcomer: Newcomer) -> None:
    order_id = await newcomer.has_ordered("310.25", "ETB")
    await choose(newcomer, order_id, "chapa")
    await newcomer.send("/pay", wallet="telebirr:0900123456")
    await sees_it_paid(newcomer, order_id)


async def test_a_newcomer_pays_with_paystack(newcomer: Newcomer) -> None:
    order_id = await newcomer.has_ordered("9500.50", "NGN")
    await choose(newcomer, order_id, "paystack")
    await newcomer.send("/pay", **{"with": "card:4084080000005408"})
    assert "Not paid." in newcomer.sees
    await newcomer.send("/pay", **{"with": "card:4084084084084081"})
    assert urlsplit(newcomer.at).path == f"/shop/orders/{order_id}"
    await sees_it_paid(newcomer, order_id)


async def test_a_newcomer_pays_with_mpesa_on_the_simulated_phone(newcomer: Newcomer) -> None:
    order_id = await newcomer.has_ordered("745.00", "KES", phone_number="+254712000222")
    await choose(newcomer, order_id, "mpesa")
    assert urlsplit(newcomer.at).path.startswith("/pay/")
    assert "A request was sent to *********222" in newcomer.sees
    await newcomer.follow("the simulated phones")
    await newcomer.open(f"/shop/orders/{order_id}")
    await newcomer.follow("Your simulated phone")
    assert newcomer.at.endswith("/simulators/mpesa/phone/254712000222/")
    await newcomer.send("/answer", pin="1234", answer="approve")
    await sees_it_paid(newcomer, order_id)


async def test_mpesa_refuses_cents_before_anything_is_sent(newcomer: Newcomer) -> None:
    await newcomer.open("/shop/orders/order_1005")
    assert "M-Pesa does not take 100.50 KES: it moves whole shillings only." in newcomer.sees
    await newcomer.send("/pay", provider="mpesa")
    assert newcomer.status == 422
    assert "unsupported_amount" in newcomer.sees


async def test_a_newcomer_pays_in_cash_and_the_collector_hands_it_over(newcomer: Newcomer) -> None:
    order_id, code = await ordered_for_delivery(newcomer, "64.90", "GHS")
    await newcomer.open(f"/shop/orders/{order_id}")
    await newcomer.waits_to_see("Pay on delivery")
    await newcomer.follow("be the collector")
    await newcomer.send("/record", outcome="collected", delivery_code="0")
    assert "The delivery code is wrong." in newcomer.sees
    await newcomer.send("/record", outcome="collected", delivery_code=code)
    assert "Recorded: the cash is with you" in newcomer.sees
    assert await holds(newcomer, "GHS") == Decimal("64.90")
    await newcomer.send("/handover")
    assert "Handed over" in newcomer.sees
    assert await holds(newcomer, "GHS") == 0
    await sees_it_paid(newcomer, order_id)


async def test_whoever_refuses_the_delivery_can_pay_in_another_way(newcomer: Newcomer) -> None:
    order_id, _ = await ordered_for_delivery(newcomer, "88.00", "USD")
    await newcomer.open(f"/shop/collector?order={order_id}")
    await newcomer.send("/record", outcome="refused")
    assert "Recorded: nothing was collected" in newcomer.sees
    await newcomer.open(f"/shop/orders/{order_id}")
    assert "Not paid yet" in newcomer.sees
    await newcomer.send("/pay", provider="paystack")
    await newcomer.send("/pay", **{"with": "card:4084084084084081"})
    await sees_it_paid(newcomer, order_id)


async def test_a_record_that_is_sent_twice_counts_once(newcomer: Newcomer) -> None:
    order_id, code = await ordered_for_delivery(newcomer, "2100", "UGX")
    await newcomer.open(f"/shop/collector?order={order_id}")
    page = newcomer.page
    for _ in range(2):
        newcomer.page = page
        await newcomer.send("/record", outcome="collected", delivery_code=code)
        assert "Recorded: the cash is with you" in newcomer.sees
    assert await holds(newcomer, "UGX") == Decimal(2100)
    await newcomer.send("/handover")


async def test_payers_own_pages_lead_to_what_stands_for_the_world(newcomer: Newcomer) -> None:
    await ordered_for_delivery(newcomer, "33.00", "ETB")
    assert newcomer.page.links == {
        "the simulated phones": "/simulators/mpesa/phone/",
        "be the collector": "/shop/collector",
        "back to the shop": "/",
    }
    answer = await newcomer.client.get(f"{newcomer.at}status/")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["face"] == "deliver"
