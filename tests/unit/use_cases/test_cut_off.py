"""What is cut off in the middle stays cut off, and leaves nothing that somebody could pay on unnoticed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import attrs
import pytest

from payments.adapters.memory.unit_of_work import MemoryUnitOfWork
from payments.application.answers import Answered
from payments.application.ports.providers import CheckoutRequest
from payments.application.ports.repository import Transaction
from payments.domain.errors import OrderNotPayable, OutcomeUnknown, StorageUnavailable
from payments.domain.transitions import AttemptStatus
from payments.testing import in_memory_payments
from tests.unit.use_cases.shop import HesitatingProvider, Shop, turns

T = TypeVar("T")

pytestmark = pytest.mark.anyio


@attrs.define
class FailingStorage(MemoryUnitOfWork):
    """Answers nothing any more once it is ``down``."""

    down: bool = False

    async def write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        if self.down:
            raise StorageUnavailable
        return await super().write(work)


async def test_a_request_that_is_cut_off_ends_cancelled_even_if_that_cannot_be_recorded() -> None:
    async def never(_request: CheckoutRequest) -> None:
        await asyncio.Event().wait()

    provider, storage = HesitatingProvider(before_opening=never), FailingStorage()
    kit = in_memory_payments(provider, unit_of_work=storage)
    kit.order()
    task = asyncio.create_task(kit.payments.initiate("order_1", "user_1", "scripted"))
    await turns()
    storage.down = True

    task.cancel()
    await asyncio.wait({task})

    assert task.cancelled()


async def test_a_page_whose_address_we_never_had_but_somebody_else_did_is_closed_before_another(
    shop: Shop,
) -> None:
    shop.provider.trouble, shop.provider.accepts_in_trouble = [OutcomeUnknown()], True
    await shop.initiate_refused(OutcomeUnknown)
    lost = next(iter(shop.provider.opened))
    shop.provider.declines(lost)
    await shop.ask(lost)
    assert (await shop.attempt(lost)).status is AttemptStatus.FAILED

    opened = await shop.initiate()

    assert opened.reference != lost
    assert (await shop.attempt(lost)).page_closed


async def test_what_went_wrong_is_said_even_if_its_idempotency_key_cannot_be_given_back() -> None:
    storage = FailingStorage()
    kit = in_memory_payments(unit_of_work=storage)

    async def refuse() -> Answered:
        storage.down = True
        raise OrderNotPayable

    with pytest.raises(OrderNotPayable):
        await kit.payments.answer_once(
            user="user_1", operation="initiate", key="key", fingerprint="same", produce=refuse
        )
