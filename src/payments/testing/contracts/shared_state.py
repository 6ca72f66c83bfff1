"""What every shared state keeps."""

import asyncio
from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from payments.application.ports.shared_state import SharedState
from payments.testing.contracts.promises import promise


class SharedStateStage(Protocol):
    """A shared state, and its time."""

    shared_state: SharedState

    @abstractmethod
    async def pass_time(self, seconds: float) -> None:
        """Let ``seconds`` go by."""


class SharedStateContract(ABC):
    """Inherit it in a test class, and say how the stage is set."""

    @abstractmethod
    def stage(self) -> AbstractAsyncContextManager[SharedStateStage]:
        """A fresh shared state."""

    async def test_of_many_at_once_exactly_one_is_first(self) -> None:
        async with self.stage() as stage:
            told = await asyncio.gather(*(stage.shared_state.first_within("p-1", 5.0) for _ in range(50)))
            promise(f"exactly one of 50 at once is first, not {sum(told)}.", kept=sum(told) == 1)

    async def test_within_the_window_nobody_else_is_first(self) -> None:
        async with self.stage() as stage:
            await stage.shared_state.first_within("p-1", 5.0)
            await stage.pass_time(4.0)
            again = await stage.shared_state.first_within("p-1", 5.0)
            promise("nobody is first again within the window.", kept=not again)

    async def test_after_the_window_somebody_is_first_again(self) -> None:
        async with self.stage() as stage:
            await stage.shared_state.first_within("p-1", 5.0)
            await stage.pass_time(6.0)
            again = await stage.shared_state.first_within("p-1", 5.0)
            promise("somebody is first again after the window.", kept=again)

    async def test_the_window_begins_with_the_one_who_was_told_true(self) -> None:
        async with self.stage() as stage:
            await stage.shared_state.first_within("p-1", 5.0)
            await stage.pass_time(4.0)
            await stage.shared_state.first_within("p-1", 5.0)
            await stage.pass_time(2.0)
            again = await stage.shared_state.first_within("p-1", 5.0)
            promise("those who were told False do not prolong the window.", kept=again)

    async def test_keys_are_apart(self) -> None:
        async with self.stage() as stage:
            await stage.shared_state.first_within("p-1", 5.0)
            other = await stage.shared_state.first_within("p-2", 5.0)
            promise("one key says nothing about another.", kept=other)
