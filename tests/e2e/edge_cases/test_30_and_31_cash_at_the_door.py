"""Cases 30 and 31: cash that is short, over, there twice or kept, and an order that is paid another way."""

from datetime import timedelta

import pytest

from tests.e2e.edge_cases.scripted import OPERATOR, Scripted
from tests.integration.http.door import problem

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("amount", ["900.00", "1100.00"])
async def test_case_30_cash_that_is_short_or_over_is_held_for_a_person(
    scripted: Scripted, amount: str
) -> None:
    opened, code = await scripted.cash()

    collected = await scripted.collect("c-1", code, amount)

    assert (collected.status_code, collected.json()["result"]) == (200, "held")
    payment = await scripted.payment(opened["payment_id"])
    assert (payment["status"], payment["in_review"], payment["amount_received"]) == (
        "processing",
        True,
        amount,
    )
    assert await scripted.kinds() == ["amount_mismatch"]
    assert await scripted.told() == ["pay_on_delivery"]
    await scripted.decide("accept")
    assert await scripted.told() == ["pay_on_delivery", "paid"]


async def test_case_30_the_same_record_twice_counts_once_and_another_one_is_surplus(
    scripted: Scripted,
) -> None:
    opened, code = await scripted.cash()
    first = await scripted.collect("c-1", code)

    again = await scripted.collect("c-1", code)
    assert again.content == first.content
    problem(await scripted.collect("c-1", code, "999.00"), 409, "collection_conflict")
    assert (await scripted.payment(opened["payment_id"]))["amount_received"] == "1000.00"

    another = await scripted.collect("c-2", code)
    assert another.json()["result"] == "surplus"
    assert (await scripted.payment(opened["payment_id"]))["amount_received"] == "2000.00"
    assert await scripted.kinds() == ["surplus"]
    assert await scripted.told() == ["paid"]


async def test_case_30_cash_that_is_never_handed_in_stays_with_its_rider_by_age(scripted: Scripted) -> None:
    _, code = await scripted.cash()
    collected = (await scripted.collect("c-1", code)).json()
    scripted.kit.clock.advance(timedelta(days=9))
    await scripted.collect("c-2", None, "7.50", order_id="order_of_nobody")

    (kept,) = (await scripted.client.get("/payments/cash/", headers=OPERATOR)).json()["data"]

    assert (kept["collector"], kept["amount"], kept["count"]) == ("rider_7", "1007.50", 2)
    assert kept["oldest_at"] == collected["recorded_at"], "the oldest tells how long it has been kept"
    handed = {"handover_id": "h-1", "collector": "rider_7", "collections": ["c-1"]}
    answer = await scripted.client.post("/payments/cash/handovers/", json=handed, headers=OPERATOR)
    assert answer.status_code == 200, answer.text
    (left,) = (await scripted.client.get("/payments/cash/", headers=OPERATOR)).json()["data"]
    assert (left["amount"], left["count"]) == ("7.50", 1)


async def test_case_31_who_then_pays_online_is_not_asked_for_cash_any_more(scripted: Scripted) -> None:
    at_the_door, _ = await scripted.cash()
    assert await scripted.told() == ["pay_on_delivery"]

    online = await scripted.initiated()
    assert online["payment_id"] == at_the_door["payment_id"]
    assert await scripted.told() == ["pay_on_delivery", "failed"], "the rider is called off at once"
    newest = scripted.kit.orders.told("order_1")
    assert newest is not None
    assert b'"reason":"superseded"' in newest.body
    page = await scripted.anonymous("GET", at_the_door["checkout_url"])
    assert "Hand no cash to the collector" in page.text
    scripted.provider.pays(online["reference"])
    await scripted.ask(online["reference"])

    assert await scripted.told() == ["pay_on_delivery", "failed", "paid"]


async def test_case_31_cash_for_an_order_that_was_then_paid_online_is_surplus(scripted: Scripted) -> None:
    _, code = await scripted.cash()
    online = await scripted.initiated()
    scripted.provider.pays(online["reference"])
    await scripted.ask(online["reference"])

    late = await scripted.collect("c-1", code)

    assert (late.status_code, late.json()["result"]) == (200, "surplus")
    payment = await scripted.payment(online["payment_id"])
    assert (payment["status"], payment["amount_received"]) == ("success", "2000.00")
    assert await scripted.kinds() == ["surplus"]
    assert (await scripted.told())[-1] == "paid"
    assert (await scripted.told()).count("paid") == 1


async def test_case_31_online_money_of_a_page_given_up_for_cash_calls_the_rider_off(
    scripted: Scripted,
) -> None:
    online = await scripted.initiated()
    at_the_door, _ = await scripted.cash()

    scripted.provider.pays(online["reference"])
    await scripted.ask(online["reference"])

    payment = await scripted.payment(at_the_door["payment_id"])
    assert payment["status"] == "success"
    assert {a["provider"]: a["status"] for a in payment["attempts"]} == {
        "scripted": "succeeded",
        "cash": "expired",
    }
    assert (await scripted.told())[-1] == "paid"
