"""The simulated orders service: what it answers, what it believes, and how it fails."""

import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import httpx
import pytest
from standardwebhooks import Webhook

from payments.simulators.orders import OrdersSimulatorConfig, create_orders_simulator
from tests.integration.simulators.serving import listening, serving

pytestmark = pytest.mark.anyio

OLD = "whsec_" + base64.b64encode(b"an old signing secret, 32 bytes.").decode()
NEW = "whsec_" + base64.b64encode(b"a new signing secret, 32 bytes..").decode()


@attrs.frozen
class Orders:
    client: httpx.AsyncClient

    async def tell(
        self,
        order_id: str,
        webhook_id: str,
        *,
        secret: str = NEW,
        age: timedelta = timedelta(),
        slash: str = "/",
        **body: Any,
    ) -> httpx.Response:
        text = json.dumps({"payment_id": "p-1", "payment_status": "paid", "sequence": 1, **body})
        at = datetime.now(UTC) - age
        headers = {
            "webhook-id": webhook_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Webhook(secret).sign(webhook_id, at, text),
        }
        return await self.client.patch(f"/orders/{order_id}{slash}", content=text, headers=headers)

    async def order(self, order_id: str) -> dict[str, Any]:
        answer = await self.client.get(f"/_sim/orders/{order_id}")
        return dict(answer.json())

    async def outcomes(self, order_id: str) -> list[tuple[str, int]]:
        messages = (await self.client.get("/_sim/messages", params={"order_id": order_id})).json()["messages"]
        return [(message["outcome"], message["status"]) for message in messages]


@pytest.fixture(scope="module")
async def shared_orders(anyio_backend: str) -> AsyncIterator[Orders]:
    config = OrdersSimulatorConfig(token="orders-token", signing_secrets=(OLD, NEW))
    async with (
        serving(create_orders_simulator(config), listening()) as url,
        httpx.AsyncClient(base_url=url, headers={"Authorization": "Bearer orders-token"}) as client,
    ):
        yield Orders(client)


@pytest.fixture
async def orders(shared_orders: Orders) -> Orders:
    await shared_orders.client.post("/_sim/reset")
    return shared_orders


@pytest.mark.parametrize("path", ["/orders/order_1001/", "/orders/order_1001"])
async def test_an_order_is_answered_as_the_contract_says(orders: Orders, path: str) -> None:
    answer = await orders.client.get(path)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["id"], body["user_id"]) == ("order_1001", "demo-user")
    assert (body["amount"], body["currency"]) == ("1000.00", "ETB")
    assert (body["payable"], body["version"]) == (True, 1)
    assert set(body["customer"]) == {"email", "first_name", "last_name", "phone_number"}


async def test_the_seeds_hold_every_currency_and_awkward_kind(orders: Orders) -> None:
    seeded = (await orders.client.get("/_sim/orders")).json()["orders"]
    mine = [order for order in seeded if order["user_id"] == "demo-user"]
    assert {order["currency"] for order in mine} == {"ETB", "USD", "KES", "NGN", "GHS"}
    assert any(not order["amount"].endswith(".00") for order in mine)
    assert {"0.00"} <= {order["amount"] for order in mine}
    assert any(not order["payable"] for order in mine)
    assert any(order["customer"]["email"] is None for order in mine)
    assert len(mine) < len(seeded)


async def test_a_wrong_token_and_an_unknown_order_are_told_apart(orders: Orders) -> None:
    wrong = await orders.client.get("/orders/order_1001/", headers={"Authorization": "Bearer other"})
    assert wrong.status_code == 401
    assert (await orders.client.get("/orders/nothing/")).status_code == 404
    assert (await orders.tell("nothing", "m1")).status_code == 404


@pytest.mark.parametrize("secret", [OLD, NEW])
async def test_a_message_signed_with_any_secret_is_believed(orders: Orders, secret: str) -> None:
    answer = await orders.tell("order_1001", "m1", secret=secret, slash="")
    assert (answer.status_code, answer.json()["payment_status"]) == (200, "paid")
    order = await orders.order("order_1001")
    assert (order["payment_status"], order["payable"], order["version"]) == ("paid", False, 1)


async def test_a_forged_or_stale_message_changes_nothing(orders: Orders) -> None:
    forger = "whsec_" + base64.b64encode(b"somebody else's secret, 32 bytes").decode()
    assert (await orders.tell("order_1001", "m1", secret=forger)).status_code == 401
    assert (await orders.tell("order_1001", "m2", age=timedelta(minutes=6))).status_code == 401
    unsigned = await orders.client.patch(
        "/orders/order_1001/", json={"payment_status": "paid", "sequence": 1}
    )
    assert unsigned.status_code == 401
    assert (await orders.order("order_1001"))["payment_status"] is None
    assert await orders.outcomes("order_1001") == [("refused", 401)] * 3


async def test_duplicates_and_lower_sequences_are_answered_200_and_ignored(orders: Orders) -> None:
    await orders.tell("order_1001", "m2", sequence=2)
    await orders.tell("order_1001", "m2", sequence=3, payment_status="failed")
    await orders.tell("order_1001", "m1", sequence=1, payment_status="failed")
    await orders.tell("order_1001", "m3", sequence=2, payment_status="failed")
    await orders.tell("order_1001", "m4", sequence=4, payment_status="refunded", refunded_amount="1000.00")
    order = await orders.order("order_1001")
    assert (order["payment_status"], order["refunded_amount"], order["sequence"]) == (
        "refunded",
        "1000.00",
        4,
    )
    assert await orders.outcomes("order_1001") == [
        ("applied", 200),
        ("duplicate", 200),
        ("stale", 200),
        ("stale", 200),
        ("applied", 200),
    ]


async def test_a_failed_payment_leaves_the_order_payable(orders: Orders) -> None:
    await orders.tell("order_1001", "m1", payment_status="failed", reason="declined")
    order = await orders.order("order_1001")
    assert (order["payment_status"], order["reason"], order["payable"]) == ("failed", "declined", True)


@pytest.mark.parametrize(
    "body", [{"payment_status": "shipped"}, {"sequence": "1"}, {"sequence": 0}, {"sequence": True}]
)
async def test_a_message_outside_the_contract_is_refused(orders: Orders, body: dict[str, Any]) -> None:
    assert (await orders.tell("order_1001", "m1", **body)).status_code == 422


async def test_an_edit_raises_the_version(orders: Orders) -> None:
    edited = await orders.client.put("/_sim/orders/order_1001", json={"amount": "900.00"})
    assert (edited.status_code, edited.json()["version"]) == (200, 2)
    assert (await orders.client.get("/orders/order_1001/")).json()["amount"] == "900.00"
    created = await orders.client.put("/_sim/orders/mine", json={"amount": "5.25", "currency": "USD"})
    assert (created.status_code, created.json()["version"]) == (201, 1)
    for wrong in ({"colour": "red"}, {"amount": "much"}):
        assert (await orders.client.put("/_sim/orders/mine", json=wrong)).status_code == 422
    assert (await orders.client.put("/_sim/orders/a%2Fb", json={})).status_code in {404, 422}


async def test_a_cancelled_order_is_not_payable_and_refuses_paid(orders: Orders) -> None:
    await orders.client.post("/_sim/orders/order_1001/cancel")
    assert (await orders.client.get("/orders/order_1001/")).json()["payable"] is False
    assert (await orders.tell("order_1001", "m1")).status_code == 409
    assert (await orders.tell("order_1001", "m2", sequence=2, payment_status="failed")).status_code == 200


async def test_a_down_service_answers_503_and_comes_back(orders: Orders) -> None:
    await orders.client.put("/_sim/switches", json={"down": True})
    assert (await orders.client.get("/orders/order_1001/")).status_code == 503
    assert (await orders.tell("order_1001", "m1")).status_code == 503
    await orders.client.put("/_sim/switches", json={"down": None})
    assert (await orders.tell("order_1001", "m1")).status_code == 200
    calls = (await orders.client.get("/_sim/calls")).json()
    assert (calls["by_endpoint"], calls["by_status"]) == ({"get": 1, "patch": 2}, {"503": 2, "200": 1})


@pytest.mark.parametrize("status", [409, 410, 422])
async def test_one_order_can_refuse_its_messages(orders: Orders, status: int) -> None:
    await orders.client.put(
        "/_sim/switches", params={"order_id": "order_1001"}, json={"patch_answer": status}
    )
    assert (await orders.tell("order_1001", "m1")).status_code == status
    assert (await orders.tell("order_1002", "m2")).status_code == 200
    assert (await orders.order("order_1001"))["payment_status"] is None


async def test_the_connection_can_be_reset_after_the_message_was_taken(orders: Orders) -> None:
    await orders.client.put(
        "/_sim/switches", json={"fault": "reset_after", "fault_on": "patch", "fault_times": 1}
    )
    with pytest.raises(httpx.RemoteProtocolError):
        await orders.tell("order_1001", "m1")
    assert (await orders.order("order_1001"))["payment_status"] == "paid"
    assert (await orders.tell("order_1001", "m1")).json()["ignored"] == "duplicate"


async def test_a_wrong_switch_is_refused(orders: Orders) -> None:
    assert (await orders.client.put("/_sim/switches", json={"patch_answer": 200})).status_code == 422


async def test_the_page_lists_orders_and_what_they_were_told(orders: Orders) -> None:
    await orders.tell("order_1001", "m1")
    page = (await orders.client.get("/")).text
    assert "Yirgacheffe" in page
    assert "applied (200)" in page
