"""Several things at once, each to its own end."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Generic, TypeVar

import attrs

from payments.domain.errors import StorageError

T = TypeVar("T")


async def all_of(work: Iterable[Awaitable[object]]) -> None:
    """Await everything; the trouble of one does not cut off the others.

    Raises:
        ExceptionGroup: with what went wrong, after all have ended.
    """
    pieces = tuple(work)
    troubles: list[Exception] = []
    if len(pieces) == 1:
        # Who is alone needs no task of its own.
        try:
            await pieces[0]
        except Exception as trouble:  # noqa: BLE001 -- raised below
            troubles = [trouble]
    else:
        results = await asyncio.gather(*pieces, return_exceptions=True)
        troubles = [result for result in results if isinstance(result, Exception)]
    if troubles:
        raise ExceptionGroup("Some of the work failed.", troubles)


@attrs.define(eq=False)
class _Load(Generic[T]):
    """What is handed on in one go, and how that ended."""

    items: list[T] = attrs.field(factory=list, init=False)
    ended: bool = attrs.field(default=False, init=False)
    trouble: Exception | None = attrs.field(default=None, init=False)


@attrs.define(eq=False)
class Together(Generic[T]):
    """Hands things on: what comes while one hand-over is under way goes together with the next.

    Nobody waits for others to come, and nobody's trouble is another's: things that cannot be handed on
    together are handed on one by one.
    """

    _hand_on: Callable[[tuple[T, ...]], Awaitable[None]]
    _under_way: asyncio.Event | None = attrs.field(default=None, init=False)
    """Set when the hand-over that is under way has ended. All wake at once; a lock would wake one by one."""
    _next: _Load[T] = attrs.field(factory=_Load, init=False)

    async def __call__(self, item: T) -> None:
        """Return once ``item`` was handed on.

        Raises:
            Exception: what handing it on raised.
        """
        load = self._next
        load.items.append(item)
        # Whoever is ready at this moment comes along.
        await asyncio.sleep(0)
        # It may still be open although somebody was at it: who was cut off has ended nothing.
        while not load.ended:
            if self._under_way is None:
                await self._take_turn(load)
            else:
                await self._under_way.wait()
        if load.trouble is None:
            return
        if len(load.items) == 1 or isinstance(load.trouble, StorageError):
            raise load.trouble
        await self._hand_on((item,))

    async def _take_turn(self, load: _Load[T]) -> None:
        self._under_way = ended = asyncio.Event()
        try:
            await self._end(load)
        finally:
            self._under_way = None
            ended.set()

    async def _end(self, load: _Load[T]) -> None:
        if load is self._next:
            self._next = _Load()
        try:
            await self._hand_on(tuple(load.items))
        except Exception as trouble:  # noqa: BLE001 -- raised by each whose it is
            load.trouble = trouble
        load.ended = True
