"""What every adapter of the orders service keeps."""

from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

import attrs

from payments.application.ports.orders import Order, Orders
from payments.application.records import Destination, Message
from payments.domain.errors import DeliveryFailed, MessageRefused, OrdersUnavailable
from payments.domain.money import Money
from payments.domain.payment import Customer
from payments.testing.contracts.promises import promise, promise_to_raise


@attrs.frozen(kw_only=True)
class Told:
    """A message as the service received it."""

    message_id: str
    body: bytes


class OrdersStage(Protocol):
    """An adapter, and the orders service behind it."""

    orders: Orders

    @abstractmethod
    async def put(self, order: Order) -> None:
        """Give the service an order."""

    @abstractmethod
    async def go_down(self) -> None:
        """Make every call fail for now."""

    @abstractmethod
    async def refuse(self) -> None:
        """Make it refuse every message for good."""

    @abstractmethod
    async def told(self) -> tuple[Told, ...]:
        """Everything it answered with yes, oldest first."""


AN_ORDER = Order(
    order_id="order_123",
    user_id="42",
    amount=Money.of("1000.00", "ETB"),
    payable=True,
    version="7",
    customer=Customer(
        email="abebe@example.com", first_name="Abebe", last_name="Bikila", phone_number="+251911223344"
    ),
)

A_MESSAGE = Message(
    message_id=UUID("01890a5d-ac96-774b-bcce-b302099a8057"),
    payment_id=UUID("01890a5d-ac96-774b-bcce-b302099a8058"),
    order_id=AN_ORDER.order_id,
    sequence=1,
    destination=Destination.ORDERS,
    kind="paid",
    # Odd on purpose: what is sent are these bytes, not what a serializer would make of them.
    body=(
        b'{"sequence": 1,  "payment_status":"paid","amount":"1000.00","currency":"ETB",'
        b'"refunded_amount":"0.00","reason":null,"payment_id":"01890a5d-ac96-774b-bcce-b302099a8058"}'
    ),
    created_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
)


class OrdersContract(ABC):
    """Inherit it in a test class, and say how the stage is set."""

    @abstractmethod
    def stage(self) -> AbstractAsyncContextManager[OrdersStage]:
        """A fresh adapter before a fresh service."""

    async def test_an_order_is_returned_as_its_service_describes_it(self) -> None:
        async with self.stage() as stage:
            await stage.put(AN_ORDER)
            order = await stage.orders.get(AN_ORDER.order_id)
            promise(f"get returns the order whole; it returned {order!r}.", kept=order == AN_ORDER)

    async def test_an_order_without_a_known_customer_can_be_paid(self) -> None:
        async with self.stage() as stage:
            nameless = attrs.evolve(AN_ORDER, customer=Customer())
            await stage.put(nameless)
            order = await stage.orders.get(AN_ORDER.order_id)
            promise(f"get needs nothing about the customer; it returned {order!r}.", kept=order == nameless)

    async def test_the_newest_description_counts(self) -> None:
        async with self.stage() as stage:
            edited = attrs.evolve(AN_ORDER, amount=Money.of("999.99", "ETB"), version="8", payable=False)
            await stage.put(AN_ORDER)
            await stage.orders.get(AN_ORDER.order_id)
            await stage.put(edited)
            order = await stage.orders.get(AN_ORDER.order_id)
            promise(f"get remembers nothing; it returned {order!r}.", kept=order == edited)

    async def test_every_currency_has_the_digits_it_has(self) -> None:
        for amount in (Money.of("1000", "JPY"), Money.of("1.234", "KWD"), Money.of("0.10", "ETB")):
            async with self.stage() as stage:
                priced = attrs.evolve(AN_ORDER, amount=amount)
                await stage.put(priced)
                order = await stage.orders.get(AN_ORDER.order_id)
                promise(f"what is owed is {amount}; get returned {order!r}.", kept=order == priced)

    async def test_each_order_is_answered_for_by_itself(self) -> None:
        async with self.stage() as stage:
            other = attrs.evolve(AN_ORDER, order_id="order_124", user_id="43", version="1")
            for order in (AN_ORDER, other):
                await stage.put(order)
            for order in (AN_ORDER, other):
                found = await stage.orders.get(order.order_id)
                promise(f"get answers for {order.order_id}, not with {found!r}.", kept=found == order)

    async def test_an_unknown_order_is_none(self) -> None:
        async with self.stage() as stage:
            await stage.put(AN_ORDER)
            order = await stage.orders.get("order_124")
            promise(f"get returns None for an order that is not there, not {order!r}.", kept=order is None)

    async def test_an_outage_is_never_an_absent_order(self) -> None:
        async with self.stage() as stage:
            await stage.put(AN_ORDER)
            await stage.go_down()
            with promise_to_raise(OrdersUnavailable, "get raises OrdersUnavailable in an outage."):
                await stage.orders.get(AN_ORDER.order_id)

    async def test_a_message_arrives_with_its_own_bytes_and_id(self) -> None:
        async with self.stage() as stage:
            await stage.put(AN_ORDER)
            await stage.orders.tell(A_MESSAGE)
            told = await stage.told()
            expected = (Told(message_id=str(A_MESSAGE.message_id), body=A_MESSAGE.body),)
            promise(
                f"tell delivers the frozen bytes under the message's id, not {told!r}.", kept=told == expected
            )

    async def test_a_repeated_message_is_the_same_message(self) -> None:
        async with self.stage() as stage:
            await stage.put(AN_ORDER)
            await stage.orders.tell(A_MESSAGE)
            await stage.orders.tell(A_MESSAGE)
            ids = {told.message_id for told in await stage.told()}
            promise(
                f"tell repeats under the same id; the service saw {ids}.",
                kept=ids == {str(A_MESSAGE.message_id)},
            )

    async def test_a_refusal_for_good_is_told_from_an_outage(self) -> None:
        async with self.stage() as stage:
            await stage.put(AN_ORDER)
            await stage.refuse()
            with promise_to_raise(MessageRefused, "tell raises MessageRefused for 409, 410 and 422."):
                await stage.orders.tell(A_MESSAGE)

    async def test_a_message_that_meets_an_outage_is_not_delivered(self) -> None:
        async with self.stage() as stage:
            await stage.put(AN_ORDER)
            await stage.go_down()
            with promise_to_raise(DeliveryFailed, "tell raises DeliveryFailed in an outage."):
                await stage.orders.tell(A_MESSAGE)
