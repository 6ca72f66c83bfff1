"""Running again what a database broke off, for a while and not all at once."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import attrs

from payments.adapters.sql.runner import NotUnique, TryAgain
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
