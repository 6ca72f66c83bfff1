"""What every shared state keeps."""

import asyncio
from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

from payments.application.ports.shared_state import SharedState
from payments.testing.contracts.promises import promise

BUDGET: Final = 5
WINDOW_S: Final = 60.0


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

    async def test_of_many_at_once_no_more_than_the_budget_is_spent(self) -> None:
        async with self.stage() as stage:
            waits = await asyncio.gather(
                *(stage.shared_state.spend("calls", most=BUDGET, window_s=WINDOW_S) for _ in range(40))
            )
            spent = sum(wait == 0 for wait in waits)
            promise(f"of a budget of 5 exactly 5 of 40 at once are taken, not {spent}.", kept=spent == BUDGET)
            refused = [wait for wait in waits if wait]
            promise(
                "the others are told when to ask again.", kept=all(0 < wait <= WINDOW_S for wait in refused)
            )

    async def test_a_use_is_free_again_one_window_after_it_was_taken(self) -> None:
        async with self.stage() as stage:
            await stage.shared_state.spend("calls", most=2, window_s=WINDOW_S)
            await stage.pass_time(30.0)
            await stage.shared_state.spend("calls", most=2, window_s=WINDOW_S)
            await stage.pass_time(25.0)
            wait = await stage.shared_state.spend("calls", most=2, window_s=WINDOW_S)
            promise(
                f"nothing is free before a window has passed: {wait} s.",
                kept=0 < wait <= WINDOW_S - 30.0 - 25.0,
            )
            await stage.pass_time(6.0)
            first = await stage.shared_state.spend("calls", most=2, window_s=WINDOW_S)
            second = await stage.shared_state.spend("calls", most=2, window_s=WINDOW_S)
            promise("the first use is free again after its window.", kept=first == 0)
            promise("the second is not, for it was taken later.", kept=second > 0)

    async def test_budgets_are_apart(self) -> None:
        async with self.stage() as stage:
            await stage.shared_state.spend("calls", most=1, window_s=60.0)
            other = await stage.shared_state.spend("other calls", most=1, window_s=60.0)
            promise("one budget says nothing about another.", kept=other == 0)

    async def test_what_is_remembered_is_recalled_until_its_lifetime_is_over(self) -> None:
        async with self.stage() as stage:
            promise("nothing is recalled at first.", kept=await stage.shared_state.recall("token") is None)
            await stage.shared_state.remember("token", b"\x00old", lifetime_s=60.0)
            await stage.shared_state.remember("token", b"\x00new", lifetime_s=60.0)
            await stage.pass_time(50.0)
            found = await stage.shared_state.recall("token")
            promise(f"the newest value is recalled; found {found!r}.", kept=found == b"\x00new")
            await stage.pass_time(11.0)
            gone = await stage.shared_state.recall("token")
            promise("nothing is recalled after its lifetime.", kept=gone is None)

    async def test_what_gets_no_lifetime_is_gone_at_once(self) -> None:
        async with self.stage() as stage:
            await stage.shared_state.remember("visit", b"1", lifetime_s=60.0)
            await stage.shared_state.remember("visit", b"", lifetime_s=0.0)
            gone = await stage.shared_state.recall("visit")
            promise(f"nothing is recalled of what got no lifetime; found {gone!r}.", kept=gone is None)
