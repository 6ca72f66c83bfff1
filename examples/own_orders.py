"""Orders in the shop's own database instead of a service over HTTP, and the proof that the adapter holds.

pytest examples/own_orders.py
"""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import pytest

from payments import Money
from payments.application.ports.orders import Order, Orders
from payments.application.records import Message
from payments.domain.errors import DeliveryFailed, MessageRefused, OrdersUnavailable
from payments.domain.payment import Customer
from payments.testing.contracts.orders import OrdersContract, OrdersStage, Told

TABLES = """
CREATE TABLE orders (id TEXT PRIMARY KEY, user_id TEXT, amount TEXT, currency TEXT, payable INTEGER,
    version TEXT, email TEXT, first_name TEXT, last_name TEXT, phone_number TEXT,
    cancelled INTEGER DEFAULT 0, sequence INTEGER DEFAULT 0, news BLOB);
CREATE TABLE heard (message_id TEXT PRIMARY KEY, body BLOB);
"""


@attrs.frozen
class ShopOrders(Orders):
    """The shop's tables as the payments service needs them. Pass it as ``Parts(orders=ShopOrders(shop))``."""

    _shop: sqlite3.Connection

    async def get(self, order_id: str) -> Order | None:
        try:
            row = self._shop.execute("SELECT * FROM orders WHERE id = ?", (order_id,)).fetchone()
        except sqlite3.Error as error:  # an outage must never look like an order that is not there
            raise OrdersUnavailable("The shop's database gave no answer.", retry_after_s=1.0) from error
        if row is None:
            return None
        _, user_id, amount, currency, payable, version, email, first_name, last_name, phone_number, *_ = row
        return Order(
            order_id=order_id,
            user_id=user_id,
            amount=Money.of(amount, currency),
            payable=bool(payable),
            version=version,
            customer=Customer(
                email=email, first_name=first_name, last_name=last_name, phone_number=phone_number
            ),
        )

    async def tell(self, message: Message) -> None:
        try:
            with self._shop:  # one transaction: what was heard, and what follows from it
                order = self._shop.execute("SELECT cancelled FROM orders WHERE id = ?", (message.order_id,))
                if order.fetchone() in (None, (1,)):
                    raise MessageRefused("The order is gone.")  # parked for a person, never repeated
                self._shop.execute(
                    "INSERT OR IGNORE INTO heard VALUES (?, ?)", (str(message.message_id), message.body)
                )
                self._shop.execute(
                    "UPDATE orders SET sequence = ?, news = ? WHERE id = ? AND sequence < ?",
                    (message.sequence, message.body, message.order_id, message.sequence),
                )
        except sqlite3.Error as error:
            raise DeliveryFailed("The shop's database gave no answer.") from error  # repeated, for ever


@attrs.frozen
class ShopStage(OrdersStage):
    """How the contract suite puts the shop in and out of order."""

    orders: ShopOrders
    shop: sqlite3.Connection

    async def put(self, order: Order) -> None:
        row = (
            *(order.order_id, order.user_id, order.amount.decimal, order.amount.currency.code),
            *(order.payable, order.version, *attrs.astuple(order.customer)),
        )
        self.shop.execute(
            "INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, NULL)", row
        )

    async def go_down(self) -> None:
        self.shop.executescript("ALTER TABLE orders RENAME TO orders_gone; DROP TABLE heard;")

    async def refuse(self) -> None:
        self.shop.execute("UPDATE orders SET cancelled = 1")

    async def told(self) -> tuple[Told, ...]:
        rows = self.shop.execute("SELECT message_id, body FROM heard").fetchall()
        return tuple(Told(message_id=message_id, body=body) for message_id, body in rows)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.anyio
class TestShopOrders(OrdersContract):
    @asynccontextmanager
    async def stage(self) -> AsyncIterator[OrdersStage]:
        shop = sqlite3.connect(":memory:")
        try:
            shop.executescript(TABLES)
            yield ShopStage(ShopOrders(shop), shop)
        finally:
            shop.close()
