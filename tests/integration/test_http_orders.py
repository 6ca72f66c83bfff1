"""Orders over HTTP: every answer that is no answer, and nothing sent twice."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import httpx
import pytest
from standardwebhooks import Webhook
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from payments.adapters.http_client import open_http_client
from payments.adapters.orders.http import TELLS_AT_ONCE, HttpOrders
from payments.adapters.system import SystemClock
from payments.domain.errors import DeliveryFailed, MessageRefused, OrdersUnavailable
from payments.domain.money import Money
from payments.domain.payment import Customer
from payments.testing.contracts.orders import A_MESSAGE
from tests.ports import free_port
from tests.serving import conversing, plain_client, serving

pytestmark = pytest.mark.anyio

SECRET = "whsec_" + base64.b64encode(b"a" * 32).decode()
GOOD: dict[str, Any] = {
    "id": "order_123",
    "user_id": "42",
    "amount": "1000.00",
    "currency": "ETB",
    "payable": True,
    "version": 7,
    "customer": {"email": "abebe@example.com"},
}


@attrs.define
class Service:
    """Answers everything with ``answer`` and keeps what it was asked."""

    answer: Callable[[], Response | Awaitable[Response]]
    asked: list[Request] = attrs.field(factory=list)
    bodies: list[bytes] = attrs.field(factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        request = Request(scope, receive)
        self.asked.append(request)
        self.bodies.append(await request.body())
        answer = self.answer()
        await (answer if isinstance(answer, Response) else await answer)(scope, receive, send)


def orders_at(client: httpx.AsyncClient, url: str, budget_s: float = 3.0) -> HttpOrders:
    made = HttpOrders.of(client, url=url, token="a-token", signing_secrets=[SECRET], clock=SystemClock())
    return attrs.evolve(made, get_budget_s=budget_s, tell_budget_s=budget_s)


@asynccontextmanager
async def answering(
    answer: Callable[[], Response | Awaitable[Response]],
) -> AsyncIterator[tuple[HttpOrders, Service]]:
    service = Service(answer)
    async with serving(service) as url, plain_client() as client:
        yield orders_at(client, url), service


async def test_the_order_is_asked_for_by_its_path_with_our_token() -> None:
    async with answering(lambda: JSONResponse(GOOD)) as (orders, service):
        order = await orders.get("order_123")
    assert order is not None
    assert order.amount == Money.of("1000.00", "ETB")
    assert order.version == "7"
    (asked,) = service.asked
    assert asked.url.path == "/orders/order_123/"
    assert asked.headers["authorization"] == "Bearer a-token"


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "order_124"},
        {"id": None},
        {"id": True},
        {"user_id": None},
        {"user_id": ""},
        {"user_id": "4\n2"},
        {"user_id": 4.2},
        {"amount": 1000},
        {"amount": 1000.0},
        {"amount": "1e3"},
        {"amount": "-1.00"},
        {"amount": "1000.001"},
        {"amount": None},
        {"currency": "BIRR"},
        {"currency": "XXX"},
        {"currency": None},
        {"payable": "yes"},
        {"payable": 1},
        {"payable": None},
        {"version": None},
        {"version": 1.5},
        {"version": {"number": 1}},
        {"customer": "abebe@example.com"},
        {"customer": {"email": 5}},
    ],
    ids=str,
)
async def test_an_answer_that_makes_no_sense_is_no_answer(changes: dict[str, Any]) -> None:
    async with answering(lambda: JSONResponse(GOOD | changes)) as (orders, _):
        with pytest.raises(OrdersUnavailable, match="makes no sense") as refused:
            await orders.get("order_123")
    assert refused.value.retry_after_s
    assert "abebe" not in refused.value.detail


async def test_an_order_that_names_itself_by_a_number_is_compared_as_text() -> None:
    async with answering(lambda: JSONResponse(GOOD | {"id": 7, "user_id": 42})) as (orders, _):
        order = await orders.get("7")
        assert order is not None
        assert (order.order_id, order.user_id) == ("7", "42")
        with pytest.raises(OrdersUnavailable):
            await orders.get("07")


@pytest.mark.parametrize(
    ("customer", "expected"),
    [
        (None, Customer()),
        ({}, Customer()),
        ({"email": None, "first_name": None, "last_name": None, "phone_number": None}, Customer()),
        ({"email": "abebe@example.com, eve@example.com"}, Customer()),
        ({"email": "a@" + "x" * 300 + ".com", "first_name": "x" * 300}, Customer()),
        ({"phone_number": "call me", "last_name": "  "}, Customer()),
        (
            {"phone_number": "0911 22-33-44", "first_name": " Abebe "},
            Customer(phone_number="0911 22-33-44", first_name="Abebe"),
        ),
        ({"phone_number": "(0712) 345.678"}, Customer(phone_number="(0712) 345.678")),
        ({"phone_number": "(+254) 712 345 678"}, Customer(phone_number="(+254) 712 345 678")),
        ({"phone_number": "0712345678/0722345678"}, Customer()),
        ({"phone_number": "12.30"}, Customer()),
    ],
)
async def test_a_customer_nobody_can_reach_can_still_pay(customer: Any, expected: Customer) -> None:
    async with answering(lambda: JSONResponse(GOOD | {"customer": customer})) as (orders, _):
        order = await orders.get("order_123")
    assert order is not None
    assert order.customer == expected


@pytest.mark.parametrize(
    "answer",
    [
        lambda: Response(b"<html>", 200, media_type="text/html"),
        lambda: Response(b"", 200),
        lambda: Response(b"", 204),
        lambda: Response(b"[]", 200),
        lambda: Response(b'{"id": "order_123", "id": "order_123"}', 200),
        lambda: Response(b'{"id": "order_123", "amount": NaN}', 200),
        lambda: Response(json.dumps(GOOD | {"padding": "x" * 70_000}), 200),
        lambda: JSONResponse({}, 401),
        lambda: JSONResponse({}, 410),
        lambda: JSONResponse(GOOD, 500),
        lambda: RedirectResponse("/elsewhere", 302),
    ],
    ids=["html", "empty", "204", "list", "twice", "nan", "large", "401", "410", "500", "redirect"],
)
async def test_whatever_is_no_order_and_no_404_is_no_answer(answer: Callable[[], Response]) -> None:
    async with answering(answer) as (orders, service):
        with pytest.raises(OrdersUnavailable) as refused:
            await orders.get("order_123")
    assert len(service.asked) == 1
    assert refused.value.retry_after_s == 2.0


async def test_the_service_says_when_to_come_again() -> None:
    async with answering(lambda: JSONResponse({}, 503, headers={"retry-after": "7"})) as (orders, _):
        with pytest.raises(OrdersUnavailable) as refused:
            await orders.get("order_123")
        assert refused.value.retry_after_s == 7.0
        with pytest.raises(DeliveryFailed) as failed:
            await orders.tell(A_MESSAGE)
        assert failed.value.retry_after_s == 7.0


async def test_a_404_is_an_absent_order() -> None:
    async with answering(lambda: JSONResponse({}, 404)) as (orders, _):
        assert await orders.get("order_123") is None


async def test_a_slow_service_is_left_after_the_budget() -> None:
    async def late() -> Response:
        await asyncio.sleep(5)
        return JSONResponse(GOOD)

    service = Service(late)
    async with serving(service) as url, plain_client() as client:
        orders = orders_at(client, url, budget_s=1.0)
        with pytest.raises(OrdersUnavailable, match="in time"):
            await orders.get("order_123")
        with pytest.raises(DeliveryFailed, match="in time"):
            await orders.tell(A_MESSAGE)
    assert len(service.asked) == 2


@attrs.define
class Unreachable(httpx.AsyncBaseTransport):
    """Cannot connect for a number of tries, then answers; counts the tries."""

    refusals: int
    error: type[httpx.TransportError]
    tries: int = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.tries += 1
        if self.tries <= self.refusals:
            raise self.error("no")
        return httpx.Response(200, json=GOOD)


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout])
async def test_a_question_that_was_never_sent_is_asked_once_more(error: type[httpx.TransportError]) -> None:
    transport = Unreachable(1, error)
    async with httpx.AsyncClient(transport=transport) as client:
        assert await orders_at(client, "http://orders").get("order_123")
    assert transport.tries == 2


@pytest.mark.parametrize(
    ("error", "tries"), [(httpx.ConnectError, 2), (httpx.ReadTimeout, 1), (httpx.RemoteProtocolError, 1)]
)
async def test_a_question_is_asked_twice_at_most(error: type[httpx.TransportError], tries: int) -> None:
    transport = Unreachable(9, error)
    async with httpx.AsyncClient(transport=transport) as client:
        with pytest.raises(OrdersUnavailable):
            await orders_at(client, "http://orders").get("order_123")
    assert transport.tries == tries


async def test_a_service_that_hangs_when_it_is_told_still_answers_who_asks() -> None:
    full, let_go = asyncio.Event(), asyncio.Event()

    async def hang_on_what_it_is_told() -> Response:
        if service.asked[-1].method == "PATCH":
            if len(service.asked) == TELLS_AT_ONCE:
                full.set()
            await let_go.wait()
        return JSONResponse(GOOD)

    service = Service(hang_on_what_it_is_told)
    async with serving(service) as url, open_http_client() as client:
        orders = orders_at(client, url)
        told = [asyncio.create_task(orders.tell(A_MESSAGE)) for _ in range(50)]
        async with asyncio.timeout(10):
            await full.wait()
        assert await orders.get("order_123") is not None
        assert len(service.asked) == TELLS_AT_ONCE + 1
        let_go.set()
        await asyncio.gather(*told)


async def test_nobody_listening_is_an_outage() -> None:
    async with plain_client() as client:
        orders = orders_at(client, f"http://127.0.0.1:{free_port()}")
        with pytest.raises(OrdersUnavailable):
            await orders.get("order_123")
        with pytest.raises(DeliveryFailed):
            await orders.tell(A_MESSAGE)


async def test_a_connection_that_breaks_is_a_failure_we_cannot_judge() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{")
        writer.close()

    async with conversing(hang_up) as port, plain_client() as client:
        orders = orders_at(client, f"http://127.0.0.1:{port}")
        with pytest.raises(OrdersUnavailable):
            await orders.get("order_123")
        with pytest.raises(DeliveryFailed):
            await orders.tell(A_MESSAGE)


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_a_message_is_signed_and_delivered_byte_for_byte(status: int) -> None:
    async with answering(lambda: Response(status_code=status)) as (orders, service):
        await orders.tell(A_MESSAGE)
    (asked,), (body,) = service.asked, service.bodies
    assert (asked.method, asked.url.path) == ("PATCH", "/orders/order_123/")
    assert body == A_MESSAGE.body
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["webhook-id"] == str(A_MESSAGE.message_id)
    assert Webhook(SECRET).verify(body, dict(asked.headers)) == json.loads(A_MESSAGE.body)


@pytest.mark.parametrize("status", [409, 410, 422])
async def test_a_refusal_for_good_parks_the_message(status: int) -> None:
    async with answering(lambda: JSONResponse({}, status)) as (orders, _):
        with pytest.raises(MessageRefused, match=str(status)):
            await orders.tell(A_MESSAGE)


@pytest.mark.parametrize(
    "status", [301, 302, 307, 308, 400, 401, 403, 404, 405, 408, 413, 429, 500, 502, 503]
)
async def test_everything_else_is_tried_again(status: int) -> None:
    answer = Response(status_code=status, headers={"location": "/elsewhere"})
    async with answering(lambda: answer) as (orders, service):
        with pytest.raises(DeliveryFailed, match=str(status)):
            await orders.tell(A_MESSAGE)
    assert len(service.asked) == 1


def test_the_token_and_the_secrets_are_never_shown() -> None:
    shown = repr(
        HttpOrders.of(
            httpx.AsyncClient(), url="http://o", token="s3cret", signing_secrets=[SECRET], clock=SystemClock()
        )
    )
    assert "s3cret" not in shown
    assert "aaaa" not in shown
