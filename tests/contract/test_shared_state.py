"""The shared-state contract in memory, and a broken one it must catch."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import attrs
import pytest

from payments.adapters.memory.shared_state import MOST_KEYS, MemorySharedState
from payments.application.ports.clock import Clock
from payments.application.ports.shared_state import SharedState
from payments.testing.contracts.promises import BrokenPromise
from payments.testing.contracts.shared_state import SharedStateContract, SharedStateStage

pytestmark = pytest.mark.anyio


@attrs.define
class HandClock(Clock):
    """A clock moved by hand."""

    elapsed_s: float = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.elapsed_s, UTC)

    def monotonic(self) -> float:
        return self.elapsed_s

    async def sleep(self, seconds: float) -> None:
        self.elapsed_s += seconds


@attrs.frozen
class Stage(SharedStateStage):
    shared_state: SharedState
    clock: HandClock

    async def pass_time(self, seconds: float) -> None:
        self.clock.elapsed_s += seconds


class TestMemorySharedState(SharedStateContract):
    @asynccontextmanager
    async def stage(self) -> AsyncIterator[SharedStateStage]:
        clock = HandClock()
        yield Stage(MemorySharedState(clock), clock)


async def test_it_remembers_a_bounded_number_of_keys() -> None:
    state = MemorySharedState(HandClock())
    for number in range(3 * MOST_KEYS):
        await state.first_within(f"p-{number}", 5.0)
    assert len(state._told_at_s) == MOST_KEYS
    assert not await state.first_within(f"p-{3 * MOST_KEYS - 1}", 5.0)


@attrs.define
class AbsentMinded(SharedState):
    """Broken on purpose: it looks, waits, and then writes."""

    told: set[str] = attrs.field(factory=set)

    async def first_within(self, key: str, window_s: float) -> bool:
        first = key not in self.told
        await asyncio.sleep(0)
        self.told.add(key)
        return first


class OverAbsentMinded(SharedStateContract):
    @asynccontextmanager
    async def stage(self) -> AsyncIterator[SharedStateStage]:
        yield Stage(AbsentMinded(), HandClock())


async def test_the_contract_catches_a_gap_between_looking_and_writing() -> None:
    with pytest.raises(BrokenPromise, match="exactly one of 50 at once is first, not 50"):
        await OverAbsentMinded().test_of_many_at_once_exactly_one_is_first()
