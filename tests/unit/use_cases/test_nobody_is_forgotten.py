"""No attempt falls out of sight, and none stays live for ever, whoever asks and whoever dies in between."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

import attrs
import pytest

from payments.adapters.memory.unit_of_work import MemoryUnitOfWork
from payments.application.ports.repository import Transaction
from payments.domain.errors import StorageUnavailable
from payments.domain.events import Reason
from payments.domain.transitions import AttemptStatus, PaymentStatus
from payments.testing import in_memory_payments
from tests.unit.use_cases.kept import everything_holds
from tests.unit.use_cases.shop import IN_FLIGHT, NOTHING, Shop

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
    assert attempt.next_check_at is None
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
