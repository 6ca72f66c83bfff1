"""Case 38: the database is restored from a backup, and what happened since is lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
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
from payments.settings import Settings
from tests.e2e.databases import Database
from tests.e2e.edge_cases.scripted import units_of
from tests.e2e.programs import finished
from tests.e2e.service import Service, by_many, by_one
from tests.e2e.story import MAIL, ORDER, Story, token
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


WITH_CHAPA, WITH_PAYSTACK, TOLD, UNTOLD = ORDER, "order_2", "order_3", "order_4"
"""Two that were begun before the backup and paid after it; two that were begun after it, and paid."""


@asynccontextmanager
async def stopped_at_a_backup(story: Story, database: Database, directory: Path) -> AsyncIterator[Story]:
    """The story as it goes on after its database was restored; nothing runs yet."""
    await story.service.terminate()
    with database.copied(directory) as backup:
        await story.start()
        yield attrs.evolve(
            story,
            service=_service_on(story, backup, directory),
            database=backup,
            settings=Settings.from_env({**story.service.environ, "PAYMENTS_DATABASE_URL": backup.url}),
        )


def _service_on(story: Story, backup: Database, directory: Path) -> Service:
    environ = {**story.service.environ, "PAYMENTS_DATABASE_URL": backup.url}
    place = directory / "restored"
    place.mkdir()
    return (by_many if backup.by_many else by_one)(environ, place)


async def reconcile(restored: Story, *more: str) -> tuple[int, str]:
    """What ``payments reconcile`` came to, and its last line."""
    since = (datetime.now(UTC) - timedelta(hours=2)).isoformat()
    done = await asyncio.to_thread(
        finished,
        *("reconcile", "--from", since, *more),
        cwd=restored.service.given.log_path.parent,
        variables=restored.service.environ,
    )
    assert done.returncode in (0, 1), done.stderr
    assert "mpesa is left out. The fact sheet knows no list" in done.stderr
    return done.returncode, done.stdout.splitlines()[-1]


UNCHANGED = "Nothing was changed."
TWO_AND_TWO, NONE = "2 settled, 2 put before a person.", "0 settled, 0 put before a person."


def summed(agree: int, differ: int, unknown: int, done: str) -> str:
    told = f"{agree} agree, {differ} differ, {unknown} unknown here, 0 missing there, 0 unclear"
    return f"Compared {agree + differ + unknown}: {told}. {done}"


async def test_case_38_reconciling_finds_what_was_lost_and_the_orders_service_believes_the_truth(
    story: Story, database: Database, tmp_path: Path
) -> None:
    for order in (WITH_PAYSTACK, TOLD, UNTOLD):
        await story.owes("1000.00", "KES", order)
    with_chapa = await story.initiated(WITH_CHAPA)
    with_paystack = await story.initiated(WITH_PAYSTACK, provider="paystack")
    async with stopped_at_a_backup(story, database, tmp_path) as restored:
        untold = await lost_minutes(story, with_chapa["reference"], with_paystack["reference"])

        assert await reconcile(restored) == (1, summed(1, 2, 2, UNCHANGED))
        assert restored.count("reviews") == restored.count("captures") == 0
        assert await reconcile(restored, "--apply") == (
            1,
            summed(1, 2, 2, TWO_AND_TWO),
        )
        assert await reconcile(restored, "--apply") == (
            0,
            summed(2, 0, 2, NONE),
        )
        try:
            await the_truth_is_believed(restored, untold, with_paystack["payment_id"])
        finally:
            restored.service.stop_at_once()


async def lost_minutes(story: Story, chapa: str, paystack: str) -> str:
    """What happens after the backup, and is forgotten: four orders are paid, and three are told so.

    The reference of the one that nobody was told of.
    """
    await story.outside.act(chapa, "pay")
    await story.outside.act_at_paystack(paystack, "pay")
    told = await story.initiated(TOLD, provider="paystack")
    await story.outside.act_at_paystack(told["reference"], "pay")
    for order in (WITH_CHAPA, WITH_PAYSTACK, TOLD):
        await story.until_told("paid", order)
    untold = await story.initiated(UNTOLD, provider="paystack")
    await story.until_at_rest()
    await story.service.terminate()
    # Its webhook finds nobody.
    await story.outside.act_at_paystack(untold["reference"], "pay")
    return str(untold["reference"])


async def the_truth_is_believed(restored: Story, untold: str, with_paystack: str) -> None:
    """The service goes on: what it tells is believed, nobody is charged twice, nothing happens twice."""
    await restored.start()
    await restored.refused(409, "order_not_payable", TOLD, provider="paystack")
    again = await restored.initiated(UNTOLD, provider="paystack")
    waiting = (await restored.operate("GET", "/payments/reviews/", params={"kind": "orphan"})).json()["data"]
    for review in waiting:
        wish = {"decision": "dismiss", "reason": "the order was told before the restore"}
        if review["subject"] == untold:
            wish = {"decision": "attach", "reason": "restored", "reference": again["reference"]}
        path = f"/payments/reviews/{review['review_id']}/resolve/"
        await restored.operate("POST", path, json=wish)
    await restored.until_told("paid", UNTOLD)
    await restored.until_at_rest()
    assert await restored.reviews() == []
    assert await reconcile(restored) == (0, summed(4, 0, 1, UNCHANGED))

    await refunded(restored, with_paystack)

    for order in (WITH_CHAPA, WITH_PAYSTACK, TOLD, UNTOLD):
        messages = (await restored.outside.order(order))["messages"]
        effects = [m["payment_status"] for m in messages if m["outcome"] == "applied"]
        assert effects == (["paid", "refunded"] if order == WITH_PAYSTACK else ["paid"]), order
    mails = await restored.outside.mails(MAIL)
    subjects = {mail["message_id"]: mail["subject"] for mail in mails}
    assert len(subjects) == 4 + 1, "a confirmation each, under the Message-ID it had, and one of the refund"
    assert await restored.check() == ()


async def refunded(restored: Story, payment_id: str) -> None:
    """What is told after a restore is believed, although as much was told before it."""
    refunder = {"Authorization": f"Bearer {token('clerk', scope='payments:refund')}", "Idempotency-Key": "1"}
    body = {"amount": "1000.00", "reason": "it came back"}
    asked = await restored.post(f"/payments/{payment_id}/refunds/", json=body, headers=refunder)
    assert asked.status_code == 201, asked.text
    (refund,) = (await restored.outside.client.get("/paystack/_sim/refunds")).json()["refunds"]
    await restored.outside.client.post(f"/paystack/_sim/refunds/{refund['id']}/processed")
    await restored.until_told("refunded", WITH_PAYSTACK)
    await restored.until_at_rest()
