"""A review that is decided while a provider's answer is on its way in is answered by it all the same."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import attrs
import pytest

from payments.adapters.memory.unit_of_work import MemoryUnitOfWork
from payments.application.ports.providers import RefundRequest
from payments.application.ports.repository import Transaction
from payments.domain.events import ReviewKind
from payments.domain.evidence import Rule
from payments.domain.money import Money
from payments.domain.refund_rules import RefundRules
from payments.domain.review import ReviewState
from payments.domain.transitions import RefundStatus
from payments.testing import in_memory_payments
from tests.unit.use_cases.deciding import OTHER, decide, refund_of, the_review
from tests.unit.use_cases.shop import HesitatingProvider, HesitatingRefunds, Shop

T = TypeVar("T")

pytestmark = pytest.mark.anyio


@attrs.define
class BusyStorage(MemoryUnitOfWork):
    """Once armed, lets somebody else do something before the next unit of work begins."""

    meanwhile: Callable[[], Awaitable[object]] | None = None

    async def write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        return await super().write(work)


async def paid_and_refused(
    storage: BusyStorage, refunds: HesitatingRefunds, rules: RefundRules | None = None
) -> Shop:
    """A payment of ``order_1``, whose orders service will refuse to hear of it."""
    provider = HesitatingProvider(refunds=refunds)
    kit = in_memory_payments(provider, unit_of_work=storage, refund_rules=rules)
    kit.order()
    kit.orders.refusing = True
    shop = Shop(kit=kit, provider=provider, other=provider)
    opened = await shop.initiate()
    provider.pays(opened.reference)
    await shop.ask(opened.reference)
    return shop


async def give_back_all(shop: Shop) -> None:
    payment = await shop.payment()
    await shop.kit.payments.refund(
        payment.payment_id, amount="1000.00", reason="broken", actor="operator:clerk"
    )


async def test_a_review_that_comes_to_wait_for_a_refund_just_before_its_answer_is_recorded_is_resolved() -> (
    None
):
    refunds, storage = HesitatingRefunds(), BusyStorage()
    shop = await paid_and_refused(storage, refunds)

    async def decide_for_the_refund_under_way() -> None:
        await shop.kit.work()
        assert (await decide(shop, "refund")).refund_id == refund_of(await shop.payment()).refund_id

    async def arm(_request: RefundRequest) -> None:
        storage.meanwhile = decide_for_the_refund_under_way

    refunds.after_request = arm
    await give_back_all(shop)

    (review,) = await shop.kit.unit_of_work.reads.reviews_of((await shop.payment()).payment_id)
    assert (review.kind, review.state, review.decision) == (
        ReviewKind.PAID_AFTER_CANCEL,
        ReviewState.RESOLVED,
        "refund",
    )
    assert await shop.kit.payments.check() == ()


async def test_a_review_that_waits_for_a_refund_which_gives_way_a_moment_later_is_open_again() -> None:
    storage = BusyStorage()
    limits = RefundRules(approval_above={"ETB": Money.of("500.00", "ETB")})
    shop = await paid_and_refused(storage, HesitatingRefunds(), limits)
    await give_back_all(shop)
    await shop.kit.work()
    reference = (await shop.payment()).attempts[0].reference
    await shop.attests_returned(reference)

    async def decide_for_the_refund_that_waits() -> None:
        await decide(shop, "refund", actor=OTHER)

    storage.meanwhile = decide_for_the_refund_that_waits
    await shop.ask(reference)

    payment = await shop.payment()
    assert payment.refunds[0].status is RefundStatus.FAILED
    assert (await shop.verdicts())[-1] is Rule.RETURNED
    review = await the_review(shop, ReviewKind.PAID_AFTER_CANCEL)
    assert (review.decision, review.refund_id) == (None, None)
    assert await shop.kit.payments.check() == ()
