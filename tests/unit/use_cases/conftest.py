"""The shop of every story, whose promises are checked when the story ends."""

from collections.abc import AsyncIterator

import pytest

from payments.testing import ScriptedPrompts, cash_on_delivery, in_memory_payments
from tests.unit.use_cases.kept import everything_holds
from tests.unit.use_cases.prompts_shop import PromptsShop
from tests.unit.use_cases.shop import HesitatingProvider, Shop


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    """A shop with one order; at the end every invariant must hold."""
    provider, other = HesitatingProvider(), HesitatingProvider(name="other")
    kit = in_memory_payments(provider, other, cash=cash_on_delivery())
    kit.order()
    yield Shop(kit=kit, provider=provider, other=other)
    await everything_holds(kit)


@pytest.fixture
async def prompted() -> AsyncIterator[PromptsShop]:
    """A shop with one order, whose payer is prompted on a phone; at the end every invariant must hold."""
    prompts = ScriptedPrompts()
    kit = in_memory_payments(prompts=prompts)
    kit.order(amount="1000.00", currency="KES")
    yield PromptsShop(kit=kit, prompts=prompts)
    await everything_holds(kit)
