"""What several ask for at the same time goes together, and each has its own answer."""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from contextvars import Context
from typing import Any, TypeVar

import attrs
import pytest

from payments.adapters.sql import convoy as module
from payments.adapters.sql.convoy import FEW, MOST, Askers, Convoy
from payments.adapters.sql.runner import TryAgain

pytestmark = pytest.mark.anyio

A = TypeVar("A")


@pytest.fixture(autouse=True)
def slow_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer than a busy machine keeps a test waiting: no trip is slow that is not meant to be."""
    monkeypatch.setattr(module, "SLOW_S", 60.0)


@attrs.define
class Road:
    """Answers each number with its double when the way is clear, and notes who went together."""

    loads: list[list[int]] = attrs.field(factory=list)
    clear: asyncio.Event = attrs.field(factory=asyncio.Event)
    taken: asyncio.Event = attrs.field(factory=asyncio.Event)
    """Set by each who takes it."""
    cut_off: int = 0

    async def __call__(self, load: Sequence[int]) -> Sequence[int | Exception]:
        self.loads.append(list(load))
        self.taken.set()
        try:
            await self.clear.wait()
        except asyncio.CancelledError:
            self.cut_off += 1
            raise
        if 13 in load and len(load) > 1:
            return [ValueError("unlucky") if each == 13 else 2 * each for each in load]
        if 404 in load:
            raise LookupError("no way")
        return [2 * each for each in load]


@pytest.fixture
def road() -> Road:
    return Road()


@pytest.fixture
def convoy(road: Road) -> Convoy[int, int]:
    return Convoy(road)


def by_itself(asking: Coroutine[Any, Any, A]) -> asyncio.Task[A]:
    """A task that nobody who ever asked has started, in this test or in one before."""
    return asyncio.create_task(asking, context=Context())


async def gone(convoy: Convoy[int, int], *numbers: int) -> list[asyncio.Task[int]]:
    """Those who ask for ``numbers``, on their way, each by itself."""
    asking = [by_itself(convoy(number)) for number in numbers]
    for _ in range(4):
        await asyncio.sleep(0)
    return asking


async def test_who_asks_in_the_same_turn_goes_together(convoy: Convoy[int, int], road: Road) -> None:
    road.clear.set()
    assert await asyncio.gather(*map(convoy, range(5))) == [0, 2, 4, 6, 8]
    assert road.loads == [[0, 1, 2, 3, 4]]


async def test_who_asks_a_turn_later_goes_along(convoy: Convoy[int, int], road: Road) -> None:
    road.clear.set()

    async def later(number: int) -> int:
        await asyncio.sleep(0)
        return await convoy(number)

    assert list(await asyncio.gather(convoy(1), later(2))) == [2, 4]
    assert road.loads == [[1, 2]]


async def test_who_asks_alone_waits_for_nobody(convoy: Convoy[int, int], road: Road) -> None:
    road.clear.set()
    assert [await convoy(1), await convoy(2)] == [2, 4]
    assert road.loads == [[1], [2]]


async def test_who_comes_meanwhile_leaves_when_the_trip_returns(convoy: Convoy[int, int], road: Road) -> None:
    first = await gone(convoy, 1)
    others = await gone(convoy, 2, 3)
    assert road.loads == [[1]]
    road.clear.set()
    assert await asyncio.gather(*first, *others) == [2, 4, 6]
    assert road.loads == [[1], [2, 3]]


async def test_a_slow_trip_holds_nobody_back_for_long(
    convoy: Convoy[int, int], road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SLOW_S", 0.5)
    slow = await gone(convoy, 1)
    later = await gone(convoy, 2, 3)
    road.taken.clear()
    async with asyncio.timeout(10):
        await road.taken.wait()
    assert road.loads == [[1], [2, 3]]
    assert not any(each.done() for each in (*slow, *later))
    road.clear.set()
    assert await asyncio.gather(*slow, *later) == [2, 4, 6]


async def test_so_many_go_together_at_most(convoy: Convoy[int, int], road: Road) -> None:
    road.clear.set()
    assert len(await asyncio.gather(*map(convoy, range(20, 21 + 2 * MOST)))) == 2 * MOST + 1
    assert [len(load) for load in road.loads] == [MOST, MOST, 1]


async def test_one_answer_that_is_a_trouble_is_that_ones_alone(convoy: Convoy[int, int], road: Road) -> None:
    road.clear.set()
    lucky, unlucky, other = await asyncio.gather(*map(convoy, (1, 13, 2)), return_exceptions=True)
    assert (lucky, other) == (2, 4)
    assert isinstance(unlucky, ValueError)


async def test_what_a_trip_raises_is_the_answer_of_all_on_it_and_of_nobody_after(
    convoy: Convoy[int, int], road: Road
) -> None:
    road.clear.set()
    answers = await asyncio.gather(*map(convoy, (1, 404)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [LookupError, LookupError]
    assert await convoy(1) == 2


async def test_who_goes_away_takes_nobodys_answer_along(convoy: Convoy[int, int], road: Road) -> None:
    staying, going = await gone(convoy, 1, 2)
    going.cancel()
    with suppress(asyncio.CancelledError):
        await going
    road.clear.set()
    assert await staying == 2
    assert road.cut_off == 0


async def test_a_trip_that_nobody_waits_for_any_more_is_cut_off(convoy: Convoy[int, int], road: Road) -> None:
    for each in await gone(convoy, 1, 2):
        each.cancel()
    for _ in range(5):
        await asyncio.sleep(0)
    assert road.cut_off == 1
    road.clear.set()
    assert await convoy(3) == 6, "and the next one leaves at once"


async def test_who_did_not_go_away_is_not_told_that_it_did(convoy: Convoy[int, int]) -> None:
    """Somebody else cut the trip off: a group of tasks takes no notice of one that was cancelled."""
    others = asyncio.all_tasks()
    (waiting,) = await gone(convoy, 1)
    (trip,) = asyncio.all_tasks() - others - {waiting}
    trip.cancel()
    with pytest.raises(TryAgain, match="cut off"):
        await waiting


async def test_who_went_away_before_the_trip_is_not_on_it(convoy: Convoy[int, int], road: Road) -> None:
    first = await gone(convoy, 1)
    waiting, going = await gone(convoy, 2, 3)
    going.cancel()
    road.clear.set()
    assert await asyncio.gather(*first, waiting) == [2, 4]
    assert road.loads == [[1], [2]]


async def test_if_all_went_away_before_it_there_is_no_trip(convoy: Convoy[int, int], road: Road) -> None:
    first = await gone(convoy, 1)
    (going,) = await gone(convoy, 2)
    going.cancel()
    road.clear.set()
    await asyncio.gather(*first)
    assert await convoy(4) == 8
    assert road.loads == [[1], [4]]


@pytest.fixture
def waiting_for_company(road: Road, monkeypatch: pytest.MonkeyPatch) -> Convoy[int, int]:
    """One that would wait long where it waits, and takes whoever asked within the test for company."""
    monkeypatch.setattr(module, "GATHER_S", 60.0)
    monkeypatch.setattr(module, "BUSY_S", 60.0)
    road.clear.set()
    return Convoy(road, Askers())


@attrs.define
class AtWork:
    """Somebody who asked, and has more to do."""

    convoy: Convoy[int, int]
    done: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def __call__(self, number: int) -> int:
        answer = await self.convoy(number)
        await self.done.wait()
        return answer


async def test_who_asks_while_somebody_else_is_at_work_waits_for_company_for_a_moment(
    waiting_for_company: Convoy[int, int], road: Road
) -> None:
    at_work = AtWork(waiting_for_company)
    first = by_itself(at_work(1))
    async with asyncio.timeout(10):
        await road.taken.wait()
    second = await gone(waiting_for_company, 2)
    third = await gone(waiting_for_company, 3)
    assert road.loads == [[1]]
    assert isinstance(waiting_for_company._gate, asyncio.TimerHandle)
    # As its time does.
    waiting_for_company._leave()
    assert [await each for each in (*second, *third)] == [4, 6]
    assert road.loads == [[1], [2, 3]]
    at_work.done.set()
    assert await first == 2


async def test_who_asks_when_the_others_have_ended_waits_for_nobody(
    waiting_for_company: Convoy[int, int],
) -> None:
    ended: list[asyncio.Task[int]] = []
    async with asyncio.timeout(10):
        for number in range(3):
            ended.append(by_itself(waiting_for_company(number)))
            assert await ended[-1] == 2 * number


async def test_what_one_has_started_is_no_company(waiting_for_company: Convoy[int, int]) -> None:
    """Who waits for a task of its own asks nothing meanwhile."""

    async def asks_and_has_asked(number: int) -> list[int]:
        first = await waiting_for_company(number)
        return [first, *await asyncio.gather(waiting_for_company(number + 1))]

    async with asyncio.timeout(10):
        assert await by_itself(asks_and_has_asked(1)) == [2, 4]


async def test_who_asks_again_and_again_waits_for_nobody(waiting_for_company: Convoy[int, int]) -> None:
    async with asyncio.timeout(10):
        assert [await waiting_for_company(number) for number in range(5)] == [0, 2, 4, 6, 8]


async def test_who_asked_long_ago_is_no_company(
    waiting_for_company: Convoy[int, int], road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUSY_S", 0.0)
    at_work = AtWork(waiting_for_company)
    first = by_itself(at_work(1))
    async with asyncio.timeout(10):
        await road.taken.wait()
        assert await by_itself(waiting_for_company(2)) == 4
    at_work.done.set()
    await first


async def test_where_many_went_together_nobody_waits_for_more(
    waiting_for_company: Convoy[int, int], road: Road
) -> None:
    at_work = AtWork(waiting_for_company)
    many = [by_itself(at_work(number)) for number in range(FEW + 1)]
    async with asyncio.timeout(10):
        await road.taken.wait()
        assert await by_itself(waiting_for_company(100)) == 200
    assert [len(load) for load in road.loads] == [FEW + 1, 1]
    at_work.done.set()
    await asyncio.gather(*many)
