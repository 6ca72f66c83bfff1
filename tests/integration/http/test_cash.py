"""Cash over HTTP: collectors at the door, and whoever takes it from them."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from payments.application.records import ReviewQuery
from payments.testing import cash_on_delivery, in_memory_payments
from tests.integration.http.door import Door, bearer, open_door, pointers, problem

pytestmark = pytest.mark.anyio

COLLECTOR = bearer("rider_7", "payments:collect")
OPERATOR = bearer("ops_1", "payments:operate")


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    """A shop that takes cash, too."""
    async with open_door(in_memory_payments(cash=cash_on_delivery())) as opened:
        yield opened
        assert await opened.kit.payments.check() == ()


async def collect(door: Door, *, headers: dict[str, str] = COLLECTOR, **said: Any) -> httpx.Response:
    body = {
        "collection_id": "c-1",
        "outcome": "collected",
        "amount": "1000.00",
        "currency": "ETB",
    } | said
    body = {name: value for name, value in body.items() if value is not None}
    return await door.client.post("/payments/verify/cash/", json=body, headers=headers)


async def by_cash(door: Door) -> tuple[dict[str, Any], str]:
    """An open cash attempt for ``order_1``, as it was answered, and its delivery code."""
    checkout = await door.initiated(provider="cash")
    return checkout, await door.kit.delivery_code(checkout["checkout_url"])


async def test_initiate_says_pay_on_delivery_and_keeps_the_code_for_the_page(door: Door) -> None:
    checkout, code = await by_cash(door)
    assert checkout["next_action"] == {"type": "pay_on_delivery", "url": checkout["checkout_url"]}
    assert checkout["checkout_url"].startswith("http://pay")
    assert checkout["expires_at"] is None
    payment = await door.client.get(f"/payments/{checkout['payment_id']}/")
    explained = await door.client.get(f"/payments/{checkout['payment_id']}/explain/")
    for answer in (str(checkout), payment.text, explained.text):
        assert code not in answer


async def test_a_collectors_record_pays_the_order_and_is_answered_the_same_again(door: Door) -> None:
    checkout, code = await by_cash(door)
    first = await collect(door, reference=checkout["reference"], delivery_code=code)
    assert first.status_code == 200, first.text
    assert first.json() == {
        "collection_id": "c-1",
        "collector": "rider_7",
        "outcome": "collected",
        "amount": "1000.00",
        "currency": "ETB",
        "result": "settled",
        "payment_id": checkout["payment_id"],
        "reference": checkout["reference"],
        "order_id": "order_1",
        "status": "success",
        "recorded_at": first.json()["recorded_at"],
    }
    again = await collect(door, reference=checkout["reference"], delivery_code=code)
    assert again.json() == first.json()
    other = await collect(door, reference=checkout["reference"], delivery_code=code, amount="999.00")
    problem(other, 409, "collection_conflict")
    paid = (await door.client.get(f"/payments/{checkout['payment_id']}/")).json()
    assert (paid["status"], paid["amount_received"]) == ("success", "1000.00")


async def test_five_wrong_codes_lock_the_delivery(door: Door) -> None:
    checkout, code = await by_cash(door)
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    for left in (4, 3, 2, 1):
        answer = await collect(door, order_id="order_1", delivery_code=wrong)
        assert problem(answer, 422, "delivery_code_wrong")["tries_left"] == left
        assert pointers(answer.json()) == {"/delivery_code"}
    problem(await collect(door, order_id="order_1", delivery_code=wrong), 409, "cash_code_locked")
    problem(await collect(door, order_id="order_1", delivery_code=code), 409, "cash_code_locked")
    reviews = await door.kit.unit_of_work.reads.reviews(ReviewQuery(limit=10))
    assert [(r.kind.value, r.subject) for r in reviews] == [("cash_code_locked", checkout["reference"])]
    told = await door.client.get(f"/payments/reviews/{reviews[0].review_id}/", headers=OPERATOR)
    assert told.json()["payment"]["reference"] == checkout["reference"]
    assert told.json()["payment"]["checkout_url"] is None, (
        "the page shows the code to whoever has its address"
    )


async def test_the_payer_is_never_the_collector(door: Door) -> None:
    checkout, code = await by_cash(door)
    payer = bearer("user_1", "payments:collect")
    answer = await collect(door, headers=payer, reference=checkout["reference"], delivery_code=code)
    problem(answer, 403, "collector_is_payer")


@pytest.mark.parametrize("scope", ["payments:write", "payments:operate payments:refund"])
async def test_collecting_needs_its_own_scope(door: Door, scope: str) -> None:
    problem(await collect(door, headers=bearer("rider_7", scope)), 403, "insufficient_scope")


async def test_an_unsigned_body_is_no_webhook_here(door: Door) -> None:
    answer = await door.anonymous("POST", "/payments/verify/cash/", json={"reference": "p-1"})
    problem(answer, 401, "unauthenticated")


async def test_whoever_comes_back_from_nowhere_is_sent_on_as_everywhere(door: Door) -> None:
    checkout, _ = await by_cash(door)
    answer = await door.anonymous("GET", f"/payments/verify/cash/?trx_ref={checkout['reference']}")
    assert (answer.status_code, answer.headers["location"][-10:]) == (302, "processing")
    assert (await door.anonymous("PUT", "/payments/verify/cash/")).headers["allow"] == "GET, HEAD, POST"


async def test_a_refused_delivery_needs_no_amount_and_no_code(door: Door) -> None:
    checkout, _ = await by_cash(door)
    refused = await collect(
        door,
        reference=checkout["reference"],
        outcome="refused",
        amount=None,
        currency=None,
        reason="Nobody was at home.",
    )
    assert (refused.json()["result"], refused.json()["amount"]) == ("declined", None)
    payment = (await door.client.get(f"/payments/{checkout['payment_id']}/")).json()
    assert payment["failure"] == {"code": "declined", "message": "Nobody was at home."}


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({}, {"/reference"}),
        ({"reference": "p-1", "order_id": "order_1"}, {"/reference"}),
        ({"order_id": "order_1", "amount": None}, {"/amount"}),
        ({"order_id": "order_1", "currency": None}, {"/currency"}),
        ({"order_id": "order_1", "amount": None, "currency": None}, {"/amount", "/currency"}),
        ({"order_id": "order_1", "amount": "0.00"}, {"/amount"}),
        ({"order_id": "order_1", "amount": "-5.00"}, {"/amount"}),
        ({"order_id": "order_1", "amount": 1000}, {"/amount"}),
        ({"order_id": "order_1", "amount": "1.001"}, {"/amount"}),
        ({"order_id": "order_1", "currency": "XYZ"}, {"/currency"}),
        ({"order_id": "order_1", "outcome": "lost"}, {"/outcome"}),
        ({"order_id": "order_1", "collection_id": "a/b"}, {"/collection_id"}),
        ({"order_id": "order_1", "delivery_code": "12345a"}, {"/delivery_code"}),
        ({"order_id": "order_1", "collector": "rider_8"}, {"/collector"}),
    ],
)
async def test_each_wrong_field_is_named(door: Door, said: dict[str, Any], wrong: set[str]) -> None:
    answer = await collect(door, **said)
    assert answer.status_code == 422, answer.text
    assert pointers(answer.json()) == wrong


async def test_money_without_an_attempt_is_stored_and_asked_about(door: Door) -> None:
    stray = await collect(door, order_id="order_9")
    assert (stray.status_code, stray.json()["result"], stray.json()["payment_id"]) == (200, "orphan", None)
    problem(await collect(door, collection_id="c-2", reference="p-none"), 404, "reference_not_found")


async def test_what_is_not_handed_in_is_summed_by_collector(door: Door) -> None:
    checkout, code = await by_cash(door)
    kept = (await collect(door, reference=checkout["reference"], delivery_code=code)).json()
    stray = (await collect(door, collection_id="c-2", order_id="order_9", amount="7.50")).json()
    other = bearer("rider_8", "payments:collect")
    await collect(door, headers=other, collection_id="c-3", order_id="order_9", currency="USD")

    both = (await door.client.get("/payments/cash/", headers=OPERATOR)).json()["data"]
    assert both[0] == {
        "collector": "rider_7",
        "currency": "ETB",
        "amount": "1007.50",
        "count": 2,
        "oldest_at": kept["recorded_at"],
        "collections": sorted((kept, stray), key=lambda c: (c["recorded_at"], c["collection_id"])),
    }
    assert [(line["collector"], line["currency"]) for line in both] == [
        ("rider_7", "ETB"),
        ("rider_8", "USD"),
    ]
    one = (await door.client.get("/payments/cash/?collector=rider_8", headers=OPERATOR)).json()["data"]
    assert one == both[1:]


async def hand_over(door: Door, **said: Any) -> httpx.Response:
    body = {"handover_id": "h-1", "collector": "rider_7", "collections": ["c-2", "c-1"]} | said
    return await door.client.post("/payments/cash/handovers/", json=body, headers=OPERATOR)


async def test_a_hand_over_is_recorded_once(door: Door) -> None:
    for name in ("c-1", "c-2", "c-3"):
        await collect(door, collection_id=name, order_id="order_9")

    first = await hand_over(door)
    assert first.json() == {
        "handover_id": "h-1",
        "collector": "rider_7",
        "collections": ["c-1", "c-2"],
        "recorded_by": "operator:ops_1",
        "recorded_at": first.json()["recorded_at"],
    }
    assert (await hand_over(door)).json() == first.json()
    left = (await door.client.get("/payments/cash/", headers=OPERATOR)).json()["data"]
    assert [line["count"] for line in left] == [1]
    problem(await hand_over(door, collections=["c-3"]), 409, "handover_conflict")
    missing = await hand_over(door, handover_id="h-2", collections=["c-3", "c-1", "nope"])
    assert pointers(problem(missing, 409, "handover_conflict")) == {"/collections/1", "/collections/2"}


@pytest.mark.parametrize("names", [[], ["c-1", "c-1"], "c-1", [1], ["c/1"], ["c-1\n"]], ids=str)
async def test_a_hand_over_names_collections_each_once(door: Door, names: Any) -> None:
    answer = await hand_over(door, collections=names)
    assert answer.status_code == 422, answer.text


async def test_the_offers_name_cash(door: Door) -> None:
    offers = (await door.client.get("/payments/providers/?order_id=order_1")).json()["data"]
    (cash,) = [offer for offer in offers if offer["provider"] == "cash"]
    assert (cash["type"], cash["available"], cash["minimum"]) == ("pay_on_delivery", True, "0.01")
