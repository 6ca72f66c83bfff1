"""No attempt falls out of sight, and none stays live for ever, whoever asks and whoever dies in between."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

import attrs
import pytest

from payments.adapters.memory.unit_of_work import MemoryUnitOfWork
from payments.application.ports.providers import RefundOutcome
from payments.application.ports.repository import Transaction
from payments.application.records import Claim
from payments.domain.errors import StorageUnavailable
from payments.domain.events import Reason
from payments.domain.evidence import Outcome
from payments.domain.transitions import AttemptStatus, PaymentStatus
from payments.testing import in_memory_payments
from tests.unit.use_cases.deciding import decide, short_money
from tests.unit.use_cases.kept import everything_holds
from tests.unit.use_cases.shop import CLOSED, IN_FLIGHT, NOT_FOUND, NOTHING, Shop, birr

T = TypeVar("T")

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("cause", ["redirect", "operator"])
async def test_an_answer_after_the_end_of_the_watch_does_not_keep_the_sweep_from_ending_the_attempt(
    shop: Shop, cause: str
) -> None:
    opened = await shop.initiate()
    shop.provider.answers(opened.reference, NOTHING)
    shop.skip(hours=72, seconds=1)

    await shop.kit.payments.settle(opened.reference, cause)
    await shop.pass_minutes(2)

    attempt = await shop.attempt(opened.reference)
    assert (attempt.status, attempt.reason) == (AttemptStatus.EXPIRED, Reason.TIMED_OUT)
    assert await shop.reviews() == ["stuck_unknown"]
    await shop.pass_minutes(61)
    assert (await shop.attempt(opened.reference)).next_check_at is None, "the second look ends it"
    assert await shop.reviews() == ["stuck_unknown"]


@attrs.define
class DyingStorage(MemoryUnitOfWork):
    """Fails every write but the next ``left``, once that is set."""

    left: int | None = None

    async def write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        if self.left is not None:
            if not self.left:
                raise StorageUnavailable
            self.left -= 1
        return await super().write(work)


async def test_a_process_that_dies_between_the_last_answer_and_the_end_leaves_the_end_to_the_next() -> None:
    storage = DyingStorage()
    kit = in_memory_payments(unit_of_work=storage)
    kit.order()
    opened = await kit.payments.initiate("order_1", "user_1", "scripted")
    kit.provider.answers(opened.reference, IN_FLIGHT)
    kit.clock.advance(timedelta(hours=72))

    storage.left = 2  # the lease and the answer, and not the end
    with pytest.raises(ExceptionGroup):
        await kit.payments.sweep()
    storage.left = None
    await kit.pass_time(timedelta(minutes=2))

    payment = await kit.payments.get(opened.payment_id, None)
    assert payment.status is PaymentStatus.FAILED
    assert payment.attempt(opened.reference).status is AttemptStatus.EXPIRED
    await everything_holds(kit)


async def test_what_is_left_of_held_money_is_asked_about_when_a_part_fails_last(shop: Shop) -> None:
    (held,) = (await short_money(shop)).captures
    assert shop.provider.refunds is not None
    shop.provider.refunds.answer = RefundOutcome.PENDING
    payment_id, part = (await shop.payment()).payment_id, birr("400.00")
    await shop.kit.payments.refund(
        payment_id, amount=part, reason="a part", actor="operator:ann", capture_id=held.capture_id
    )
    await shop.kit.work()
    shop.provider.refunds.answer = RefundOutcome.SUCCEEDED
    await decide(shop, "refund")
    await shop.kit.work()
    shop.provider.refunds.ends((await shop.payment()).refunds[0].reference, RefundOutcome.FAILED)
    await shop.pass_hours(3)
    assert (await shop.payment()).held_captures
    assert await shop.reviews() == ["amount_mismatch"]


async def test_what_is_left_of_held_money_is_asked_about_when_a_part_came_back(shop: Shop) -> None:
    (held,) = (await short_money(shop)).captures
    assert shop.provider.refunds is not None
    payment_id, part = (await shop.payment()).payment_id, birr("400.00")
    await shop.kit.payments.refund(
        payment_id, amount=part, reason="a part", actor="operator:ann", capture_id=held.capture_id
    )
    await shop.kit.work()
    shop.provider.refunds.answer = RefundOutcome.PENDING
    await decide(shop, "refund")
    await shop.kit.work()
    first, second = (await shop.payment()).refunds
    shop.provider.refunds.ends(first.reference, RefundOutcome.FAILED)
    await shop.hear(first.reference, Claim.OTHER)
    await shop.kit.work()
    shop.provider.refunds.ends(second.reference, RefundOutcome.SUCCEEDED)
    await shop.pass_hours(3)
    assert (await shop.payment()).held_captures
    assert await shop.reviews() == ["amount_mismatch"]


async def test_money_sent_back_at_the_provider_while_ours_was_under_way_is_seen_once_ours_failed(
    shop: Shop,
) -> None:
    reference = (await shop.initiate()).reference
    shop.provider.pays(reference)
    payment = await shop.ask(reference)
    assert shop.provider.refunds is not None
    shop.provider.refunds.answer = RefundOutcome.PENDING
    await shop.kit.payments.refund(
        payment.payment_id, amount=birr("400.00"), reason="r", actor="operator:ann"
    )
    await shop.kit.work()
    await shop.attests(reference, outcome=Outcome.RETURNED, word="partly", returned=birr("400.00"))
    await shop.hear(reference, Claim.RETURNED)
    await shop.kit.work()
    shop.provider.refunds.ends((await shop.payment()).refunds[0].reference, RefundOutcome.FAILED)
    await shop.pass_hours(30)
    assert (await shop.payment()).given_back == birr("400.00")


async def test_a_page_that_was_handed_out_and_not_known_is_asked_about_at_the_end(shop: Shop) -> None:
    reference = (await shop.initiate()).reference
    shop.provider.answers(reference, NOT_FOUND)
    await shop.pass_minutes(12)
    shop.provider.answers(reference, NOTHING)
    await shop.pass_hours(75)
    assert await shop.reviews() == ["stuck_unknown"]


@pytest.mark.parametrize("stale", ["closed", "declined"])
async def test_a_signed_success_after_the_watch_is_not_ended_by_one_old_answer(
    shop: Shop, stale: str
) -> None:
    reference = (await shop.initiate()).reference
    if stale == "closed":
        shop.provider.answers(reference, CLOSED)
    else:
        shop.provider.declines(reference)
    await shop.pass_hours(76)
    await shop.hear(reference, Claim.PAID)
    await shop.kit.work()
    shop.provider.pays(reference)
    await shop.pass_hours(30)
    assert (await shop.payment()).captures
