"""Several things at once, each to its own end."""

import asyncio
from collections.abc import Awaitable, Iterable


async def all_of(work: Iterable[Awaitable[object]]) -> None:
    """Await everything; the trouble of one does not cut off the others.

    Raises:
        ExceptionGroup: with what went wrong, after all have ended.
    """
    results = await asyncio.gather(*work, return_exceptions=True)
    troubles = [result for result in results if isinstance(result, Exception)]
    if troubles:
        raise ExceptionGroup("Some of the work failed.", troubles)
