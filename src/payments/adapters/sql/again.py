"""Running again what a database broke off, for a while and not all at once."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, TypeVar

import attrs

from payments.adapters.sql.runner import NotUnique, Outdated, TryAgain
from payments.domain.errors import StaleVersion, StorageUnavailable

T = TypeVar("T")

RACES: Final = 3
"""How often one unit of work may lose to another that stored the same thing first."""


@attrs.frozen(kw_only=True)
class Patience:
    """How often, how long and how far apart."""

    times: int
    """One thing is run so often at most."""
    within_s: float
    """No new run begins later than this after the first one began."""
    first_pause_s: float
    """What the pause before the second run may be at most; it doubles from run to run."""
    longest_pause_s: float

    def pause_s(self, runs: int) -> float:
        """Any moment up to the limit (full jitter): those who collided once must not meet again."""
        longest = min(self.longest_pause_s, self.first_pause_s * 2 ** (runs - 1))
        return random.SystemRandom().uniform(0.0, longest)


async def again(run: Callable[[], Awaitable[T]], patience: Patience) -> T:
    """What ``run`` returns, run again after TryAgain and after a race it lost.

    Raises:
        StorageUnavailable: the database did not confirm it for as long as ``patience`` lasts.
        StaleVersion: it lost one race after the other.
    """
    loop = asyncio.get_running_loop()
    last_start = loop.time() + patience.within_s
    runs = races = 0
    while True:
        runs += 1
        try:
            return await run()
        except TryAgain as broken:
            if runs == patience.times or loop.time() > last_start:
                raise StorageUnavailable(
                    f"The database did not confirm: {broken}.", retry_after_s=patience.longest_pause_s
                ) from broken
        except (NotUnique, StaleVersion) as lost:
            races += 1
            if isinstance(lost, StaleVersion) and not isinstance(lost.__cause__, NotUnique):
                raise
            if races == RACES:
                raise StaleVersion(f"Others were first, {races} times: {lost}") from lost
        await asyncio.sleep(patience.pause_s(runs))


async def again_from_what_is_stored(run: Callable[[bool], Awaitable[T]], patience: Patience) -> T:
    """As :func:`again`: the first run is told that it may begin from what is known, and no other is.

    One that began from what is no longer so is followed at once by one that reads what is stored, under the
    lock. Nor may a run trust anything after a commit in doubt: it looks for what it may have written itself.
    """
    first = True

    async def once() -> T:
        nonlocal first
        if first:
            first = False
            with suppress(Outdated):
                return await run(True)  # noqa: FBT003 -- the one argument there is
        return await run(False)  # noqa: FBT003 -- as above

    return await again(once, patience)
