"""While anybody outside is called no connection is held, and a database is told only what the modules say."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import asyncpg
import attrs
import pytest
from sqlalchemy import Update
from sqlalchemy.sql import ClauseElement

from payments.adapters.memory.shared_state import MemorySharedState
from payments.adapters.notifiers.memory import MemoryNotifier
from payments.adapters.orders.memory import MemoryOrders
from payments.adapters.sql import postgres_pool, shared_state, statements
from payments.adapters.sql.compiled import Statements, compiled
from payments.adapters.sql.many_at_once import ManyAtOnceStatements
from payments.adapters.sql.postgres import PostgresDatabase, open_postgres_database, units_of_work
from payments.adapters.sql.postgres_convoys import marked as marked_for_several
from payments.adapters.sql.postgres_convoys import marked_writes
from payments.adapters.sql.postgres_pool import DIALECT, PooledConnection
from payments.adapters.sql.runner import Database, Reader, Runner
from payments.adapters.sql.shared_state import SqlSharedState
from payments.adapters.sql.sqlite import SqliteDatabase, open_sqlite_database
from payments.adapters.sql.unit_of_work import SqlUnitOfWork
from payments.application.payments import Payments
from payments.application.ports.orders import Order
from payments.application.ports.providers import Cancelled, Checkout, CheckoutRequest, Question
from payments.application.records import Claim, Message
from payments.domain.collection import AtTheDoor, CashRecord
from payments.domain.errors import WrongDeliveryCode
from payments.domain.evidence import Answer
from tests.integration.races.sides import DawdlingProvider, World, assembled
from tests.integration.sql.test_statements import STATEMENTS, public_statements

T = TypeVar("T")

OUTSIDE = {"open", "check", "cancel", "get", "tell", "notify"}

pytestmark = pytest.mark.anyio


HOLDING: ContextVar[int] = ContextVar("HOLDING", default=0)
"""How many connections whoever is running now holds; those whom they start inherit it."""


@contextmanager
def marked() -> Iterator[None]:
    token = HOLDING.set(HOLDING.get() + 1)
    try:
        yield
    finally:
        HOLDING.reset(token)


class MarkedPostgres(PostgresDatabase):
    """Marks whoever has a connection of the pool."""

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        async with super().connection() as connection:
            with marked():
                yield connection


@attrs.frozen
class MarkedSqlite(Database):
    """Marks whoever has the turn to write; reading takes no turn."""

    _sqlite: SqliteDatabase

    @property
    def reads(self) -> Reader:
        return self._sqlite.reads

    async def transact(self, work: Callable[[Runner], Awaitable[T]]) -> T:
        with marked():
            return await self._sqlite.transact(work)


@attrs.define
class Watch:
    """Every call to the world outside, and how many connections its caller held."""

    calls: list[tuple[str, int]] = attrs.field(factory=list)

    def called(self, whom: str) -> None:
        self.calls.append((whom, HOLDING.get()))


@attrs.define
class WatchedProvider(DawdlingProvider):
    watch: Watch = attrs.field(factory=Watch)

    async def open(self, request: CheckoutRequest) -> Checkout:
        self.watch.called("open")
        checkout = await super().open(request)
        self.watch.called("open")
        return checkout

    async def check(self, question: Question) -> Answer:
        self.watch.called("check")
        answer = await super().check(question)
        self.watch.called("check")
        return answer

    async def cancel(self, reference: str) -> Cancelled:
        self.watch.called("cancel")
        return await super().cancel(reference)


@attrs.define
class WatchedOrders(MemoryOrders):
    watch: Watch = attrs.field(factory=Watch, kw_only=True)

    async def get(self, order_id: str) -> Order | None:
        self.watch.called("get")
        return await super().get(order_id)

    async def tell(self, message: Message) -> None:
        self.watch.called("tell")
        await super().tell(message)


@attrs.define
class WatchedNotifier(MemoryNotifier):
    watch: Watch = attrs.field(factory=Watch, kw_only=True)

    async def notify(self, message: Message) -> None:
        self.watch.called("notify")
        await super().notify(message)


def watched_world() -> tuple[World, Watch]:
    watch = Watch()
    world = World(
        provider=WatchedProvider(watch=watch),
        orders=WatchedOrders(watch=watch),
        notifier=WatchedNotifier(watch=watch),
    )
    return world, watch


async def live_through_everything(payments: Payments, world: World) -> None:
    """Orders that are declined and then paid, given up, cancelled, and paid in cash that is handed in."""

    async def work() -> None:
        while await payments.process_notices() + await payments.deliver() + await payments.sweep():
            pass

    async def reference(order_id: str) -> str:
        await payments.initiate(world.order(order_id), "user_1", "scripted")
        return list(world.provider.opened)[-1]

    async def hear(name: str, claim: Claim) -> None:
        notice = world.provider.notice(name, claim)
        await payments.receive_notice("scripted", notice.headers, notice.body)
        await work()

    paid, _, cancelled = [await reference(f"order_{number}") for number in range(3)]
    world.provider.declines(paid)
    await hear(paid, Claim.FAILED)
    world.provider.pays(paid)
    await payments.settle(paid, "redirect", coalesce_s=10.0)
    await hear(paid, Claim.PAID)
    payment = await payments.settle(cancelled)
    await payments.cancel(payment.payment_id, "user_1", "payer:user_1")
    for _ in range(5):
        world.clock.ahead += timedelta(hours=16)
        await work()
    await pay_in_cash(payments, world.order("order_cash"))
    await payments.list("user_1")
    await payments.backlog()
    await payments.explain(payment.payment_id, None)
    assert await payments.check() == ()


async def pay_in_cash(payments: Payments, order_id: str) -> None:
    """To a collector who gets the code wrong once, and hands in what was collected."""
    checkout = await payments.initiate(order_id, "user_1", "cash")
    code = (await payments.page(checkout.checkout_url.split("/")[-2])).delivery_code
    amount = (await payments.get(checkout.payment_id, "user_1")).amount
    for told in ("no code", code):
        record = CashRecord(
            collection_id="c-1",
            collector="rider_7",
            outcome=AtTheDoor.COLLECTED,
            amount=amount,
            order_id=order_id,
            delivery_code=told,
        )
        with suppress(WrongDeliveryCode):
            await payments.collect_cash(record)
    assert [in_hand.held.total for in_hand in await payments.cash()] == [amount]
    for _ in range(2):
        await payments.hand_over_cash("h-1", "rider_7", ("c-1",), "operator:ops")
    assert await payments.cash("rider_7") == ()


class Overheard(PooledConnection):
    """Notes every text it sends."""

    __slots__ = ()
    texts: ClassVar[set[str]] = set()

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.add_query_logger(lambda query: self.texts.add(query.query))


@asynccontextmanager
async def on_postgresql(url: str, world: World) -> AsyncIterator[Payments]:
    async with open_postgres_database(url, connection=Overheard) as opened:
        pool = opened.lender.pool
        async with aclosing(MarkedPostgres(pool, opened.patience, read_only=False)) as database:
            yield assembled(world, units_of_work(database), SqlSharedState(database.reads))
        assert pool.get_idle_size() == pool.get_size()


async def test_no_connection_is_held_while_anybody_outside_is_called(postgres_url: str) -> None:
    world, watch = watched_world()
    async with on_postgresql(postgres_url, world) as payments:
        await live_through_everything(payments, world)
    assert {whom for whom, _ in watch.calls} == OUTSIDE
    assert [call for call in watch.calls if call[1]] == []


async def test_no_turn_is_held_on_sqlite_while_anybody_outside_is_called(database: Path) -> None:
    world, watch = watched_world()
    async with open_sqlite_database(database) as sqlite:
        units, shared = SqlUnitOfWork(MarkedSqlite(sqlite)), MemorySharedState(world.clock)
        await live_through_everything(assembled(world, units, shared), world)
    assert {whom for whom, _ in watch.calls} == OUTSIDE
    assert [call for call in watch.calls if call[1]] == []


async def test_whoever_called_from_inside_a_unit_of_work_would_be_seen(postgres_url: str) -> None:
    watch = Watch()

    async def work(runner: Runner) -> None:
        await runner.fetch(statements.LOCK_PAYMENT, {"payment_id": "p-1"})
        await asyncio.gather(asyncio.to_thread(watch.called, "outside"))

    async with open_postgres_database(postgres_url) as opened:
        marked_one = MarkedPostgres(opened.lender.pool, opened.patience, read_only=False)
        async with aclosing(marked_one) as database:
            await database.transact(work)
    assert watch.calls == [("outside", 1)]


def forms_of(statement: ClauseElement) -> set[str]:
    """The texts of a statement: as it stands, for several who ask at once, and for many rows."""
    forms = {compiled(statement, DIALECT).text}
    for several in (marked_for_several, marked_writes):
        with suppress(TypeError):
            forms.add(compiled(several(statement), DIALECT).text)
    if isinstance(statement, Update):
        forms.add(ManyAtOnceStatements(Statements(DIALECT))[statement].text)
    return forms


async def test_the_server_is_told_only_what_the_modules_say(postgres_url: str) -> None:
    Overheard.texts = set()
    world, _ = watched_world()
    async with on_postgresql(postgres_url, world) as payments:
        await live_through_everything(payments, world)
    written = [*STATEMENTS.values(), *public_statements(shared_state).values()]
    forms = [forms_of(statement) for statement in written]
    ends = {postgres_pool.BEGIN, "COMMIT", "ROLLBACK", postgres_pool._COMMIT_TO_DISK.text}
    allowed = set().union(*forms) | ends
    # Merged ones are made of the statements above, each time the same: no value stands in one.
    merged = {text for text in Overheard.texts if text.startswith("WITH write_0 AS ")}
    assert merged
    assert all(set(re.findall(r"'.*?'", text)) <= {"'open'"} for text in merged)
    assert Overheard.texts - allowed - merged == set()
    told = [each for each in forms if each & Overheard.texts]
    assert len(told) > len(forms) / 3, "the story tells much of what there is to tell"
