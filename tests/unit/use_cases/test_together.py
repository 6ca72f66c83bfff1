"""Things handed on together: nobody waits for others, and nobody's trouble is another's."""

import asyncio

import attrs
import pytest

from payments.application.together import Together
from payments.domain.errors import StorageUnavailable

pytestmark = pytest.mark.anyio


@attrs.define
class Hands:
    """Takes what is handed on, and refuses what it is told to."""

    taken: list[tuple[int, ...]] = attrs.field(factory=list)
    cannot: frozenset[int] = frozenset()
    trouble: type[Exception] = ValueError
    open: asyncio.Event = attrs.field(factory=asyncio.Event)
    at_it: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def take(self, items: tuple[int, ...]) -> None:
        self.taken.append(items)
        self.at_it.set()
        await self.open.wait()
        if self.cannot & set(items):
            raise self.trouble(items)


async def results(together: Together[int], *items: int) -> list[type | None]:
    """What became of each: None, or the kind of trouble."""
    found = await asyncio.gather(*(together(item) for item in items), return_exceptions=True)
    return [None if one is None else type(one) for one in found]


async def test_what_is_ready_at_one_moment_goes_together() -> None:
    hands = Hands()
    hands.open.set()
    assert await results(Together(hands.take), 1, 2, 3) == [None] * 3
    assert hands.taken == [(1, 2, 3)]


async def test_one_waits_for_no_other_and_what_comes_meanwhile_goes_next() -> None:
    hands = Hands()
    together = Together(hands.take)
    going = [asyncio.create_task(together(1))]
    await hands.at_it.wait()
    for item in (2, 3):
        going.append(asyncio.create_task(together(item)))
        await asyncio.sleep(0)
    assert hands.taken == [(1,)]
    hands.open.set()
    await asyncio.gather(*going)
    assert hands.taken == [(1,), (2, 3)]


async def test_what_cannot_be_handed_on_holds_up_no_other() -> None:
    hands = Hands(cannot=frozenset({2}))
    hands.open.set()
    assert await results(Together(hands.take), 1, 2, 3) == [None, ValueError, None]
    assert hands.taken == [(1, 2, 3), (1,), (2,), (3,)]


async def test_a_store_that_gives_no_answer_is_not_asked_once_more_for_each() -> None:
    hands = Hands(cannot=frozenset({2}), trouble=StorageUnavailable)
    hands.open.set()
    assert await results(Together(hands.take), 1, 2) == [StorageUnavailable] * 2
    assert hands.taken == [(1, 2)]


async def test_who_is_cut_off_takes_nobody_along() -> None:
    hands = Hands()
    together = Together(hands.take)
    first, second = (asyncio.create_task(together(item)) for item in (1, 2))
    await hands.at_it.wait()
    first.cancel()
    hands.open.set()
    await second
    assert first.cancelled()
    assert hands.taken == [(1, 2), (1, 2)], "what was cut off is in doubt, and handed on again"
