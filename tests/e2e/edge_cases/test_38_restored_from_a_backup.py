"""Case 38: the database is restored from a backup, and what happened since is lost."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import attrs
import pytest

from payments.adapters.memory.shared_state import MemorySharedState
from payments.application.payments import Payments
from payments.application.review_details import Details
from payments.domain.errors import OrderNotPayable
from payments.domain.events import ReviewKind
from payments.domain.payment import Payment
from payments.domain.review import Review
from payments.domain.transitions import Disposition, PaymentStatus
from tests.e2e.databases import Database
from tests.e2e.edge_cases.scripted import units_of
from tests.integration.races.sides import World, assembled

pytestmark = pytest.mark.anyio

USER, BOSS = "user_1", "operator:boss"
EARLIER, LOST = "order_before_the_backup", "order_after_the_backup"


@attrs.frozen
class Restored:
    """The service on its restored database. The world outside remembers everything."""

    payments: Payments
    world: World
    lost_reference: str
    """Of the attempt that was paid after the backup, before anybody was told."""

    async def payment(self, order_id: str = LOST) -> Payment | None:
        page = await self.payments.list(USER)
        found = [line for line in page.items if line.order_id == order_id]
        return await self.payments.get(found[0].payment_id, USER) if found else None

    async def hear(self) -> None:
        """The provider sends its notice about the lost attempt again; a day later it is still unknown."""
        notice = self.world.provider.notice(self.lost_reference)
        received = await self.payments.receive_notice("scripted", notice.headers, notice.body)
        assert received.stored
        await work(self.payments)
        assert await self.questions() == []
        self.world.clock.ahead += timedelta(hours=25)
        await work(self.payments)

    async def questions(self) -> list[Review]:
        return list((await self.payments.reviews()).items)

    async def attach(self, reference: str) -> None:
        """An operator says which attempt the lost money belongs to."""
        (orphan,) = await self.questions()
        assert (orphan.kind, orphan.subject) == (ReviewKind.ORPHAN, self.lost_reference)
        await self.payments.resolve(
            orphan.review_id, "attach", "restored", BOSS, Details(reference=reference)
        )
        await work(self.payments)


async def work(payments: Payments) -> None:
    """Do what the worker does, until nothing is due."""
    while await payments.process_notices() + await payments.deliver() + await payments.sweep():
        pass


@asynccontextmanager
async def on(database: Database, world: World) -> AsyncIterator[Payments]:
    async with units_of(database) as units:
        yield assembled(world, units, MemorySharedState(world.clock))


async def paid(payments: Payments, world: World, order_id: str) -> str:
    """The reference of an attempt that was paid, and settled."""
    opened = await payments.initiate(order_id, USER, "scripted")
    world.provider.pays(opened.reference)
    assert (await payments.settle(opened.reference)).status is PaymentStatus.SUCCESS
    return opened.reference


@pytest.fixture
async def restored(database: Database, tmp_path: Path) -> AsyncIterator[Restored]:
    """One order was paid and told before the backup; another was paid after it, and told to nobody."""
    world = World()
    world.order(EARLIER)
    world.order(LOST)
    async with on(database, world) as payments:
        await paid(payments, world, EARLIER)
        await work(payments)
    with database.copied(tmp_path) as backup:
        async with on(database, world) as payments:
            reference = await paid(payments, world, LOST)
        async with on(backup, world) as payments:
            yield Restored(payments, world, reference)
            assert await payments.check() == ()
    assert world.told(EARLIER) == ["paid"], "what was told before is not told again"


async def test_case_38_money_that_was_lost_with_the_database_is_found_by_its_notice_and_attached(
    restored: Restored,
) -> None:
    assert await restored.payment() is None
    await restored.hear()
    opened = await restored.payments.initiate(LOST, USER, "scripted")
    assert opened.reference != restored.lost_reference, "a reference is never given out twice"

    await restored.attach(opened.reference)

    payment = await restored.payment()
    assert payment is not None
    assert (payment.status, len(payment.captures)) == (PaymentStatus.SUCCESS, 1)
    assert restored.world.told(LOST) == ["paid"]
    assert await restored.questions() == []


async def test_case_38_whoever_pays_again_meanwhile_has_the_lost_money_counted_as_surplus(
    restored: Restored,
) -> None:
    await restored.hear()
    again = await paid(restored.payments, restored.world, LOST)

    await restored.attach(again)

    payment = await restored.payment()
    assert payment is not None
    assert [capture.disposition for capture in payment.captures] == [Disposition.SETTLES, Disposition.SURPLUS]
    assert [review.kind for review in await restored.questions()] == [ReviewKind.SURPLUS]
    assert restored.world.told(LOST) == ["paid"]


async def test_case_38_an_order_that_its_service_knows_as_paid_is_not_paid_again(restored: Restored) -> None:
    order = await restored.world.orders.get(LOST)
    assert order is not None
    restored.world.orders.put(attrs.evolve(order, payable=False))

    with pytest.raises(OrderNotPayable):
        await restored.payments.initiate(LOST, USER, "scripted")

    assert await restored.payment() is None
