"""The worker's loops: each goes on while there is work, rests when there is none, and wakes whom it must."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import attrs
import pytest
from structlog.testing import capture_logs

from payments.adapters.http_client import CONNECTIONS_PER_HOST
from payments.adapters.memory.unit_of_work import MemoryUnitOfWork
from payments.adapters.orders.http import TELLS_AT_ONCE
from payments.application.answers import Initiated
from payments.application.ports.providers import Question
from payments.application.ports.repository import Transaction
from payments.application.use_cases import process_notices, sweep_payments, sweep_refunds
from payments.application.use_cases.process_notices import BATCH
from payments.entrypoints.worker import INBOX_AT_ONCE, Worker
from payments.testing import in_memory_payments
from payments.testing.contracts.stored import a_notice
from tests.unit.use_cases.shop import HesitatingProvider, Shop

pytestmark = pytest.mark.anyio

T = TypeVar("T")

FOR_EVER_S = 3600.0
LATE_S = 10.0


@attrs.define
class CountingStorage(MemoryUnitOfWork):
    """Counts what it is asked for in single writes, by the method's name."""

    asked: Counter[str] = attrs.field(factory=Counter)
    down: bool = False
    cancelled: bool = False

    async def write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        if self.down:
            raise RuntimeError("a defect of the store")
        if self.cancelled:
            raise asyncio.CancelledError

        async def counted(transaction: Transaction) -> T:
            return await work(_Counting(transaction, self.asked))  # type: ignore[arg-type]  # passes all on

        return await super().write(counted)


@attrs.frozen
class _Counting:
    _transaction: Transaction
    _asked: Counter[str]

    def __getattr__(self, name: str) -> object:
        self._asked[name] += 1
        return getattr(self._transaction, name)


@attrs.frozen
class Stage:
    shop: Shop
    storage: CountingStorage
    worker: Worker

    async def paid(self) -> None:
        """Have a notice stored that says that ``order_1`` is paid, as it is."""
        opened = await self.shop.initiate()
        self.shop.provider.pays(opened.reference)
        assert await self.shop.hear(opened.reference)

    def told(self) -> bool:
        """Whether the orders service heard of it."""
        return self.shop.kit.orders.told("order_1") is not None

    @property
    def polls(self) -> tuple[int, int, int]:
        """How often the inbox, the outbox and the attempts were looked at."""
        asked = self.storage.asked
        return asked["lease_notices"], asked["lease_messages"], asked["lease_attempts"]


async def until(holds: Callable[[], bool]) -> None:
    """Let others go on until it holds.

    Raises:
        TimeoutError: it never did.
    """
    async with asyncio.timeout(LATE_S):
        while True:
            if holds():
                return
            await asyncio.sleep(0)


async def at_rest(stage: Stage) -> None:
    """Let others go on until nobody asks the store for anything any more."""
    quiet, last = 0, Counter[str]()
    while quiet < 50:
        quiet = quiet + 1 if last == stage.storage.asked else 0
        last = Counter(stage.storage.asked)
        await asyncio.sleep(0)


@asynccontextmanager
async def at_work(*, idle_s: float = FOR_EVER_S) -> AsyncIterator[Stage]:
    provider, storage = HesitatingProvider(), CountingStorage()
    kit = in_memory_payments(provider, unit_of_work=storage)
    stage = Stage(Shop(kit, provider, provider), storage, Worker(kit.payments, idle_s))
    kit.order()
    running = asyncio.create_task(stage.worker.run())
    await at_rest(stage)
    try:
        yield stage
    finally:
        stage.worker.stop()
        async with asyncio.timeout(LATE_S):
            await running


async def test_a_stored_notice_wakes_the_inbox_and_what_it_settles_the_outbox_once_each() -> None:
    async with at_work() as stage:
        assert stage.polls == (1, 1, 1)
        await stage.paid()
        stage.worker.wake()
        await until(stage.told)
        await at_rest(stage)
        assert stage.polls == (2, 2, 1), "nobody looks in vain, and nothing wakes the sweep"


async def test_who_took_all_it_may_goes_on_at_once() -> None:
    async with at_work() as stage:
        many = 2 * BATCH + 5
        due = stage.shop.kit.clock.now()

        async def write(transaction: Transaction) -> None:
            for number in range(1, many + 1):
                await transaction.add_notice(a_notice(number, next_try_at=due))

        await stage.storage.write(write)
        stage.worker.wake()
        await at_rest(stage)
        found = await stage.shop.notices(a_notice().reference or "")
        assert [notice.tries for notice in found] == [1] * many
        assert stage.polls[0] == 1 + 3


async def test_what_nobody_rings_for_is_found_within_the_rest() -> None:
    async with at_work(idle_s=0.01) as stage:
        await stage.paid()
        await until(stage.told)


async def test_a_ring_during_the_work_is_not_lost() -> None:
    async with at_work() as stage:
        stage.worker.wake()
        await until(lambda: stage.polls[0] == 2)
        await stage.paid()
        stage.worker.wake()
        await until(stage.told)


async def test_trouble_ends_no_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("payments.entrypoints.worker.TROUBLE_S", 0.01)
    async with at_work() as stage:
        with capture_logs() as logged:
            stage.storage.down = True
            stage.worker.wake()
            await until(lambda: bool(logged))
        stage.storage.down = False
        await stage.paid()
        stage.worker.wake()
        await until(stage.told)
        assert {(line["event"], line["loop"]) for line in logged} == {("worker_trouble", "inbox")}


async def test_no_loop_ends_because_a_library_cancelled_something_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("payments.entrypoints.worker.TROUBLE_S", 0.01)
    async with at_work() as stage:
        with capture_logs() as logged:
            stage.storage.cancelled = True
            stage.worker.wake()
            await until(lambda: bool(logged))
        stage.storage.cancelled = False
        await stage.paid()
        stage.worker.wake()
        await until(stage.told)
        assert {(line["event"], line["loop"]) for line in logged} == {("worker_trouble", "inbox")}


async def test_an_answer_that_takes_long_holds_up_no_other_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("payments.entrypoints.worker.LONG_S", 0.01)
    answers = asyncio.Event()
    async with at_work() as stage:
        far, near = await stage.shop.initiate(), await another(stage)

        async def hesitate(question: Question) -> None:
            if question.reference == far.reference:
                await answers.wait()

        stage.shop.provider.before_answering = hesitate
        for opened in (far, near):
            stage.shop.provider.pays(opened.reference)
            assert await stage.shop.hear(opened.reference)
            stage.worker.wake()
            # Each is taken by itself: the second one is stored when the first is being asked about.
            await at_rest(stage)
        await until(lambda: stage.shop.kit.orders.told("order_2") is not None)
        near_alone = not stage.told()
        answers.set()
        assert near_alone
        await until(stage.told)


async def test_so_many_portions_are_under_way_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("payments.entrypoints.worker.LONG_S", 0.001)
    answers, asked = asyncio.Event(), []

    async def hesitate(question: Question) -> None:
        asked.append(question.reference)
        await answers.wait()

    async with at_work() as stage:
        stage.shop.provider.before_answering = hesitate
        for number in range(2, INBOX_AT_ONCE + 4):
            opened = await another(stage, f"order_{number}")
            stage.shop.provider.pays(opened.reference)
            assert await stage.shop.hear(opened.reference)
            stage.worker.wake()
            # Each is a portion of its own: while there is room the next comes when this one is asked about.
            await until(lambda: len(asked) == min(number - 1, INBOX_AT_ONCE))  # noqa: B023 -- awaited here
            await asyncio.sleep(0.01)
        under_way = len(asked)
        answers.set()
        assert under_way == INBOX_AT_ONCE
        await until(lambda: stage.shop.kit.orders.told(f"order_{INBOX_AT_ONCE + 3}") is not None)


def test_what_a_worker_asks_of_one_provider_leaves_connections_to_its_payers() -> None:
    asked = INBOX_AT_ONCE * process_notices.BATCH + sweep_payments.BATCH + sweep_refunds.BATCH
    assert asked + 32 < CONNECTIONS_PER_HOST
    assert TELLS_AT_ONCE + 32 < CONNECTIONS_PER_HOST


async def another(stage: Stage, order_id: str = "order_2") -> Initiated:
    stage.shop.kit.order(order_id)
    return await stage.shop.initiate(order_id)
