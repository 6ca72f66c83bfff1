"""A notice whose handling raises is looked at again like any other, and comes before a person after a day."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

import attrs
import pytest

from payments.adapters.memory.repository import MemoryReads
from payments.adapters.memory.unit_of_work import MemoryUnitOfWork
from payments.application.ports.providers import Callbacks, Provider
from payments.application.ports.repository import Reads
from payments.application.records import Notice
from payments.application.use_cases.process_notices import AGAIN
from payments.domain.events import ReviewKind
from payments.domain.payment import Payment
from payments.domain.transitions import PaymentStatus
from payments.testing import in_memory_payments
from tests.unit.use_cases.deciding import the_review
from tests.unit.use_cases.shop import HesitatingProvider, Shop

pytestmark = pytest.mark.anyio

UNREADABLE = "p-" + "d" * 26


@attrs.define
class ChokingProvider(HesitatingProvider, Callbacks):
    """A provider of somebody else's package, which raises over what was reported to it."""

    def provider(self, *, payable_for: timedelta = timedelta(minutes=60)) -> Provider:
        return attrs.evolve(super().provider(payable_for=payable_for), callbacks=self)

    def read(self, notice: Any) -> Any:
        if isinstance(notice, bytes):
            raise ZeroDivisionError
        return super().read(notice)

    def acknowledgement(self) -> bytes:
        return b"{}"


async def shop_of(provider: HesitatingProvider, storage: MemoryUnitOfWork | None = None) -> Shop:
    other = HesitatingProvider(name="other")
    kit = in_memory_payments(provider, other, unit_of_work=storage)
    kit.order()
    return Shop(kit=kit, provider=provider, other=other)


async def work(shop: Shop) -> None:
    """As the worker does it: trouble is put on record, and the loop goes on."""
    with suppress(ExceptionGroup):
        await shop.kit.payments.process_notices()


async def the_notice(shop: Shop, reference: str) -> Notice:
    (notice,) = await shop.notices(reference)
    return notice


async def test_it_is_put_off_as_one_that_was_not_confirmed_and_the_trouble_is_told() -> None:
    shop = await shop_of(ChokingProvider())
    opened = await shop.initiate()
    await shop.hear(opened.reference)

    for tries, wait in enumerate(AGAIN[:3], 1):
        with pytest.raises(ExceptionGroup):
            await shop.kit.payments.process_notices()
        notice = await the_notice(shop, opened.reference)
        assert (notice.tries, notice.next_try_at) == (tries, shop.kit.clock.now() + wait)
        assert await shop.kit.payments.process_notices() == 0
        shop.kit.clock.advance(wait)


async def test_it_never_stops_the_others() -> None:
    shop = await shop_of(ChokingProvider())
    bad = await shop.initiate()
    shop.kit.order("order_2")
    good = await shop.initiate("order_2", provider="other")
    shop.other.pays(good.reference)
    await shop.hear(bad.reference)
    await shop.hear(good.reference, provider=shop.other)

    await work(shop)

    assert (await shop.payment("order_2")).status is PaymentStatus.SUCCESS
    assert (await the_notice(shop, good.reference)).outcome == "settled"


async def test_after_a_day_it_is_put_before_a_person_and_left_alone() -> None:
    shop = await shop_of(ChokingProvider())
    opened = await shop.initiate()
    await shop.hear(opened.reference)

    for _ in range(25):
        shop.kit.clock.advance(timedelta(hours=1))
        await work(shop)

    assert await shop.reviews() == ["stuck_unknown"]
    notice = await the_notice(shop, opened.reference)
    assert (notice.next_try_at, notice.outcome) == (None, "left to review stuck_unknown")


@attrs.define
class ChokingStorage(MemoryUnitOfWork):
    """Keeps a payment that nobody can read any more."""

    @property
    def reads(self) -> Reads:
        return _ChokingReads(lambda: self._committed)


class _ChokingReads(MemoryReads):
    async def payment_with_reference(self, reference: str) -> Payment | None:
        if reference == UNREADABLE:
            raise ZeroDivisionError
        return await super().payment_with_reference(reference)


async def test_where_not_even_its_payment_can_be_read_the_question_is_about_the_notice_alone() -> None:
    shop = await shop_of(HesitatingProvider(), ChokingStorage())
    await shop.hear(UNREADABLE)

    for _ in range(25):
        shop.kit.clock.advance(timedelta(hours=1))
        await work(shop)

    question = await the_review(shop, ReviewKind.ORPHAN)
    assert (question.subject, question.payment_id) == (UNREADABLE, None)
    assert (await the_notice(shop, UNREADABLE)).outcome == "left to review orphan"
