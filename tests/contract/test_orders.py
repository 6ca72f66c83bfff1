"""The orders contract over memory and over HTTP, and a broken adapter it must catch."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import httpx
import pytest

from payments.adapters.orders.http import HttpOrders
from payments.adapters.orders.memory import MemoryOrders
from payments.adapters.system import SystemClock
from payments.application.ports.orders import Order, Orders
from payments.application.records import Message
from payments.domain.errors import OrdersUnavailable
from payments.simulators.orders import OrdersSimulatorConfig, create_orders_simulator
from payments.testing.contracts.orders import OrdersContract, OrdersStage, Told
from payments.testing.contracts.promises import BrokenPromise
from tests.serving import plain_client, serving

pytestmark = pytest.mark.anyio

SECRETS = tuple("whsec_" + base64.b64encode(letter * 32).decode() for letter in (b"a", b"b"))


@attrs.frozen
class MemoryStage(OrdersStage):
    orders: MemoryOrders

    async def put(self, order: Order) -> None:
        self.orders.put(order)

    async def go_down(self) -> None:
        self.orders.down = True

    async def refuse(self) -> None:
        self.orders.refusing = True

    async def told(self) -> tuple[Told, ...]:
        return tuple(Told(message_id=str(m.message_id), body=m.body) for m in self.orders.received)


class TestMemoryOrders(OrdersContract):
    @asynccontextmanager
    async def stage(self) -> AsyncIterator[OrdersStage]:
        yield MemoryStage(MemoryOrders())


@attrs.frozen
class HttpStage(OrdersStage):
    """The simulated orders service, moved by its own control surface."""

    orders: Orders
    control: httpx.AsyncClient

    async def put(self, order: Order) -> None:
        shown = {
            "user_id": order.user_id,
            "amount": order.amount.decimal,
            "currency": order.amount.currency.code,
            "payable": order.payable,
            "customer": {k: v for k, v in attrs.asdict(order.customer).items() if v is not None},
        }
        # The simulator counts versions itself; edit the order until it counted as far as the contract says.
        for _ in range(10):
            answer = (await self.control.put(f"/_sim/orders/{order.order_id}", json=shown)).raise_for_status()
            if str(answer.json()["version"]) == order.version:
                return
        raise AssertionError("the simulator's version never became the order's")

    async def go_down(self) -> None:
        await self._switch(down=True)

    async def refuse(self) -> None:
        await self._switch(patch_answer=410)

    async def told(self) -> tuple[Told, ...]:
        messages = (await self.control.get("/_sim/messages")).raise_for_status().json()["messages"]
        return tuple(
            Told(message_id=m["webhook_id"], body=m["body"].encode()) for m in messages if m["status"] == 200
        )

    async def _switch(self, **switches: object) -> None:
        (await self.control.put("/_sim/switches", json=switches)).raise_for_status()


@pytest.mark.parametrize("secrets", [SECRETS, SECRETS[1:]], ids=["two secrets", "the second alone"])
class TestHttpOrders(OrdersContract):
    @pytest.fixture(autouse=True)
    def signs_with(self, secrets: tuple[str, ...]) -> None:
        self.secrets = secrets

    @asynccontextmanager
    async def stage(self) -> AsyncIterator[OrdersStage]:
        simulator = create_orders_simulator(
            OrdersSimulatorConfig(token="a-token", signing_secrets=SECRETS[1:], seeded=False)
        )
        async with (
            serving(simulator) as url,
            plain_client() as client,
            plain_client(url) as control,
        ):
            orders = HttpOrders.of(
                client, url=f"{url}/", token="a-token", signing_secrets=self.secrets, clock=SystemClock()
            )
            yield HttpStage(orders, control)


class ForgetfulOrders(MemoryOrders):
    """Broken on purpose: an outage looks like an order that does not exist."""

    async def get(self, order_id: str) -> Order | None:
        try:
            return await super().get(order_id)
        except OrdersUnavailable:
            return None

    async def tell(self, message: Message) -> None:
        await super().tell(attrs.evolve(message, body=message.body.replace(b" ", b"")))


class OverForgetfulOrders(OrdersContract):
    @asynccontextmanager
    async def stage(self) -> AsyncIterator[OrdersStage]:
        yield MemoryStage(ForgetfulOrders())


async def test_the_contract_catches_an_outage_that_looks_like_an_absent_order() -> None:
    with pytest.raises(BrokenPromise, match="get raises OrdersUnavailable in an outage"):
        await OverForgetfulOrders().test_an_outage_is_never_an_absent_order()


async def test_the_contract_catches_bytes_that_were_written_anew() -> None:
    with pytest.raises(BrokenPromise, match="tell delivers the frozen bytes under the message's id"):
        await OverForgetfulOrders().test_a_message_arrives_with_its_own_bytes_and_id()


def test_an_adapter_that_lacks_a_hook_is_refused() -> None:
    class Hookless(OrdersContract):
        pass

    with pytest.raises(TypeError, match="stage"):
        Hookless()  # type: ignore[abstract]  # the point of this test
