"""One world and the sides of a race in it: each with an event loop, a pool and use-cases of its own."""

import asyncio
import random
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from typing import Any

import attrs
import stamina
from anyio.from_thread import BlockingPortal, start_blocking_portal

from payments.adapters.cipher import AesGcmCipher
from payments.adapters.memory.shared_state import MemorySharedState
from payments.adapters.notifiers.memory import MemoryNotifier
from payments.adapters.orders.memory import MemoryOrders
from payments.adapters.sql.postgres import open_postgres_database, units_of_work
from payments.adapters.sql.postgres_url import is_postgresql
from payments.adapters.sql.shared_state import SqlSharedState
from payments.adapters.sql.sqlite import open_sqlite
from payments.adapters.system import RandomIdentifiers, SystemClock
from payments.application.addresses import Addresses
from payments.application.payments import Payments
from payments.application.ports.clock import Clock
from payments.application.ports.orders import Order
from payments.application.ports.providers import (
    Checkout,
    CheckoutRequest,
    Providers,
    Question,
    RefundAnswer,
    RefundQuestion,
    RefundRequest,
)
from payments.application.ports.shared_state import SharedState
from payments.application.ports.unit_of_work import UnitOfWork
from payments.bootstrap import assemble
from payments.domain.errors import StorageUnavailable
from payments.domain.evidence import Answer
from payments.domain.money import Money
from payments.domain.payment import Customer, Payment
from payments.testing import ScriptedProvider, cash_on_delivery
from payments.testing.provider import ScriptedRefunds


@attrs.define
class DawdlingRefunds(ScriptedRefunds):
    """Takes a moment over each refund."""

    _counting: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    async def request(self, request: RefundRequest) -> RefundAnswer:
        await _dawdle()
        with self._counting:
            return await super().request(request)

    async def check(self, question: RefundQuestion) -> RefundAnswer:
        await _dawdle()
        with self._counting:
            return await super().check(question)


@attrs.define
class DawdlingProvider(ScriptedProvider):
    """Takes a moment over each answer, so that everybody is in the middle of something at once."""

    _counting: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    async def open(self, request: CheckoutRequest) -> Checkout:
        await _dawdle()
        with self._counting:
            return await super().open(request)

    async def check(self, question: Question) -> Answer:
        await _dawdle()
        with self._counting:
            return await super().check(question)


@attrs.define
class AheadClock(Clock):
    """The machine's time, and as much later as a test wishes."""

    ahead: timedelta = timedelta()
    _true: SystemClock = attrs.field(factory=SystemClock, init=False)

    def now(self) -> datetime:
        return self._true.now() + self.ahead

    def monotonic(self) -> float:
        return self._true.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self._true.sleep(seconds)


@attrs.define
class World:
    """What all sides share: the provider, the orders service, the payer's mailbox, and time."""

    refunds: DawdlingRefunds = attrs.field(factory=DawdlingRefunds)
    provider: DawdlingProvider = attrs.field(
        default=attrs.Factory(lambda world: DawdlingProvider(refunds=world.refunds), takes_self=True)
    )
    orders: MemoryOrders = attrs.field(factory=MemoryOrders)
    notifier: MemoryNotifier = attrs.field(factory=MemoryNotifier)
    clock: AheadClock = attrs.field(factory=AheadClock)

    def order(self, order_id: str) -> str:
        """Put in an order of ``user_1``."""
        amount, customer = Money.of("1000.00", "ETB"), Customer(email="sara@shop.et", first_name="Sara")
        order = Order(
            order_id=order_id, user_id="user_1", amount=amount, payable=True, version="1", customer=customer
        )
        self.orders.put(order)
        return order_id

    def told(self, order_id: str) -> list[str]:
        """What the orders service was told of an order, repetitions included."""
        return [message.kind for message in self.orders.received if message.order_id == order_id]


@attrs.frozen
class Side:
    """One process, as far as the others can tell."""

    payments: Payments
    unit_of_work: UnitOfWork
    _portal: BlockingPortal

    def start(self, work: Callable[..., Awaitable[Any]], *arguments: Any) -> "Future[Any]":
        """Begin ``work`` on this side's event loop. Whoever is told to come back comes back."""
        return self._portal.start_task_soon(_answered, work, *arguments)

    def wait_for(self, work: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
        return self.start(work, *arguments).result(120)

    async def work(self) -> None:
        """Do what the worker does, until nothing is due."""
        while (
            await self.payments.process_notices()
            + await self.payments.deliver()
            + await self.payments.sweep()
        ):
            pass


def payment_of(side: Side, order_id: str) -> Payment:
    """The payment of an order, as ``side`` sees it now."""
    found = side.wait_for(side.unit_of_work.reads.payment_of_order, order_id)
    assert isinstance(found, Payment)
    return found


@contextmanager
def sides(world: World, *urls: str) -> Iterator[tuple[Side, ...]]:
    """A side for each of ``urls``; the same address may stand there several times."""
    with ExitStack() as open_ones:
        opened = []
        for url in urls:
            portal = open_ones.enter_context(start_blocking_portal())
            opening = portal.wrap_async_context_manager(_side(world, url, portal))
            opened.append(open_ones.enter_context(opening))
        yield tuple(opened)
        for side in opened:
            assert side.wait_for(side.payments.check) == ()


@asynccontextmanager
async def _side(world: World, url: str, portal: BlockingPortal) -> AsyncIterator[Side]:
    if not is_postgresql(url):
        async with open_sqlite(url.removeprefix("sqlite:///")) as units:
            yield Side(assembled(world, units, MemorySharedState(world.clock)), units, portal)
        return
    async with open_postgres_database(url) as database:
        units = units_of_work(database)
        yield Side(assembled(world, units, SqlSharedState(database.reads)), units, portal)


def assembled(world: World, units: UnitOfWork, shared_state: SharedState) -> Payments:
    return assemble(
        Addresses("http://payments.example"),
        cipher=AesGcmCipher.of([b"one-key-for-all-the-sides"]),
        clock=world.clock,
        identifiers=RandomIdentifiers(),
        notifier=world.notifier,
        orders=world.orders,
        providers=Providers({world.provider.name: world.provider.provider(), "cash": cash_on_delivery()}),
        shared_state=shared_state,
        unit_of_work=units,
    )


async def _answered(work: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
    """What ``work`` comes to. On a busy machine a hundred at once may wait too long for a connection."""
    async for attempt in stamina.retry_context(on=_only_busy, attempts=None, timeout=100.0):
        with attempt:
            return await work(*arguments)
    raise AssertionError("stamina ends with an answer or an error")


def _only_busy(error: Exception) -> bool:
    """Whether nothing is wrong but that the store was too busy, also where several things were worked on."""
    if isinstance(error, ExceptionGroup):
        return error.split(StorageUnavailable)[1] is None
    return isinstance(error, StorageUnavailable)


async def _dawdle() -> None:
    await asyncio.sleep(random.SystemRandom().uniform(0.0, 0.01))
