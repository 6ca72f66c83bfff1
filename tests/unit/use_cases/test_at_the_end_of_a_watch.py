"""What is heard at the end of a watch, and between the look of a cancel and its closing."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

import attrs
import pytest

from payments.application.ports.repository import Transaction
from payments.application.records import Claim
from payments.domain.errors import PaymentInFlight
from payments.domain.transitions import PaymentStatus
from payments.testing import ScriptedPrompts, in_memory_payments
from tests.unit.use_cases.prompts_shop import PromptsShop
from tests.unit.use_cases.shop import InterruptedStorage, Shop

pytestmark = pytest.mark.anyio

T = TypeVar("T")


async def test_what_is_said_to_be_paid_at_the_look_that_gives_up_is_made_sure_of_at_once(
    prompted: PromptsShop,
) -> None:
    """Claimed by a clock a day behind, confirmed, and the first look of any other clock hears "paid"."""
    prompted.kit.clock.step_back(timedelta(hours=25))
    opened = await prompted.initiate()
    prompted.kit.clock.advance(timedelta(hours=25))
    prompted.prompts.pays(opened.reference)

    await prompted.pass_time(minutes=6)
    assert (await prompted.payment()).status is PaymentStatus.SUCCESS, "its payer could pay again by now"


async def test_what_is_said_to_be_paid_when_its_watch_is_over_is_not_given_up_before_it_is_said_again(
    prompted: PromptsShop,
) -> None:
    """Nobody was at work for a day."""
    opened = await prompted.initiate()
    prompted.prompts.pays(opened.reference)
    prompted.skip(hours=25)
    await prompted.pass_time(minutes=1)

    assert await prompted.told() == ["paid"]
    assert await prompted.reviews() == []


async def test_a_success_notice_in_the_hour_of_the_last_look_is_not_handled_by_old_declines(
    shop: Shop,
) -> None:
    opened = await shop.initiate()
    await shop.pass_minutes(2)
    shop.provider.declines(opened.reference)
    await shop.pass_minutes(2)
    await shop.pass_hours(72)
    assert (await shop.attempt(opened.reference)).next_check_at is not None, "one more look is planned"
    await shop.hear(opened.reference, Claim.PAID)
    await shop.pass_hours(2)
    shop.provider.pays(opened.reference)
    await shop.pass_hours(26)

    assert (await shop.payment()).status is PaymentStatus.SUCCESS


@attrs.define
class SecondWriteLate(InterruptedStorage):
    """Somebody else acts before the second write from now on."""

    before_second: Callable[[], Awaitable[object]] | None = None
    writes: int = 0

    async def write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        if self.before_second is not None:
            self.writes += 1
            if self.writes == 2:
                act, self.before_second = self.before_second, None
                await act()
        return await super().write(work)


async def test_a_cancel_that_cancelled_nothing_says_so() -> None:
    prompts, storage = ScriptedPrompts(), SecondWriteLate()
    kit = in_memory_payments(prompts=prompts, unit_of_work=storage)
    kit.order(amount="1000.00", currency="KES")
    shop = PromptsShop(kit=kit, prompts=prompts)
    opened = await shop.initiate()
    shop.skip(seconds=301)
    payment_id = (await shop.payment()).payment_id

    async def heard_paid() -> None:
        prompts.pays(opened.reference)
        await shop.ask(opened.reference)

    storage.before_second = heard_paid
    with pytest.raises(PaymentInFlight):
        await kit.payments.cancel(payment_id, "user_1", "payer:user_1")
