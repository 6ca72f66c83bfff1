"""The simulation itself: it repeats itself exactly, and nobody reaches past a port."""

import asyncio
import random
import time
from datetime import timedelta

import attrs
import pytest

from payments.testing.simulation.behaviours import Behaviour
from payments.testing.simulation.chance import Chance
from payments.testing.simulation.code_state import bare
from payments.testing.simulation.coverage import Coverage
from payments.testing.simulation.faults import Fault, Weather
from payments.testing.simulation.guard import NotThroughAPort, only_through_ports
from payments.testing.simulation.history import Theatre
from payments.testing.simulation.loop import Endless, VirtualLoop
from payments.testing.simulation.minimal import Shrinking, told
from payments.testing.simulation.plan import Plan
from payments.testing.simulation.ports import PlainCipher
from payments.testing.simulation.running import run_batch
from tests.simulation.planted import MISTAKES

FEW = tuple(range(3))


def test_the_same_seed_tells_the_same_story() -> None:
    first, again = (run_batch(FEW, Theatre()) for _ in range(2))

    assert first.trace == again.trace
    assert first.broken == ()


@pytest.mark.races
def test_a_hundred_seeds_tell_the_same_stories_twice() -> None:
    seeds = tuple(range(100))

    assert run_batch(seeds).trace == run_batch(seeds).trace


def test_another_seed_tells_another_story() -> None:
    theatre = Theatre()

    assert len({theatre.history(seed).trace for seed in FEW}) == len(FEW)


def test_what_code_says_about_itself_is_not_what_it_does() -> None:
    said = '"""Halves."""\n\ndef half(n: int) -> float:\n    """Half."""\n    return n / 2  # not //\n'

    assert bare(said) == bare("def half(n: int) -> float: return n / 2")
    assert bare(said) != bare(said.replace("n / 2", "n // 2"))


def test_days_pass_in_no_time_and_in_order() -> None:
    loop, woken = VirtualLoop(Chance.of(1, "order").below), list[str]()

    async def sleeper(name: str, days: int) -> None:
        await asyncio.sleep(timedelta(days=days).total_seconds())
        woken.append(name)

    async def all_of_them() -> None:
        async with asyncio.TaskGroup() as sleepers:
            sleepers.create_task(sleeper("late", 3))
            sleepers.create_task(sleeper("soon", 1))

    loop.run_until_complete(all_of_them())
    loop.close()
    assert (woken, loop.time()) == (["soon", "late"], timedelta(days=3).total_seconds())


def test_waiting_for_what_never_comes_is_noticed() -> None:
    loop = VirtualLoop(Chance.of(1, "order").below)

    async def wait() -> None:
        await loop.create_future()

    waiting = loop.create_task(wait())
    with pytest.raises(Endless):
        loop.run_until_complete(waiting)
    waiting.cancel()
    loop.run_until_complete(asyncio.wait({waiting}))
    loop.close()


def test_nobody_reads_a_real_clock_or_draws_while_histories_run() -> None:
    with only_through_ports():
        with pytest.raises(NotThroughAPort):
            time.time()
        with pytest.raises(NotThroughAPort):
            random.random()  # noqa: S311 -- it is refused
    assert time.time() > 0


def test_turning_one_fault_off_leaves_the_others_as_they_were() -> None:
    seed = next(seed for seed in range(100) if len(Weather.of(seed).rates) > 5)
    one, other = list(Weather.of(seed).rates)[:2]
    with_it, without_it = Weather.of(seed), Weather.of(seed, without={one})

    assert one not in without_it.rates
    struck = [(with_it.strikes(other, "here"), without_it.strikes(other, "here")) for _ in range(50)]
    assert all(mine == yours for mine, yours in struck)


def test_calm_weather_breaks_nothing_and_loses_nothing() -> None:
    calm = Weather.of(1, without=set(Fault))

    history = Theatre().run(Plan.of(1), calm)

    assert history.violations == ()
    assert not any(" fault " in line for line in history.story)


def test_where_hours_are_enough_all_that_is_old_is_erased_before_a_history_ends() -> None:
    seeds = [seed for seed in range(200) if Plan.of(seed).retention is not None]
    theatre, seen = Theatre(), Coverage()

    for seed in seeds:
        history = theatre.history(seed)
        assert history.violations == ()
        seen.add(history.coverage)

    assert 10 <= len(seeds) <= 40
    for done in (Behaviour.NOTICE_ERASED, Behaviour.PAYER_ERASED, Behaviour.ANSWER_FORGOTTEN):
        assert seen.behaviours[done] > 0


def test_what_was_erased_cannot_be_opened() -> None:
    with pytest.raises(ValueError, match="erased"):
        PlainCipher().open(b"")


@pytest.mark.races
def test_a_broken_history_is_made_small_and_breaks_the_same() -> None:
    mistake = next(
        mistake for mistake in MISTAKES if mistake.name == "tells of a change in a transaction of its own"
    )
    plan = attrs.evolve(Plan.of(0))
    small = Shrinking(Theatre(mistake), "I4", plan)

    history = small.shrink()

    assert "I4" in {violation.invariant for violation in history.violations}
    assert 1 <= len(small.plan.actions) < len(plan.actions)
    assert any("BROKEN I4" in line for line in told(history, small.plan.actions))
