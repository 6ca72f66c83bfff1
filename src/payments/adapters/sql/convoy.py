"""What several ask for at the same time goes together: one trip takes as long as another, however many go."""

import asyncio
import weakref
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context, ContextVar
from typing import Any, Final, Generic, TypeVar

import attrs

from payments.adapters.sql.runner import TryAgain

A = TypeVar("A")
R = TypeVar("R")

MOST: Final = 32
"""So many go together at most: the first of them waits for the last."""

SLOW_S: Final = 0.02
"""A trip that takes longer holds nobody back any more."""

GATHER_S: Final = 0.0015
"""So long who asks waits for company where it is likely: about as long as a trip takes."""

BUSY_S: Final = 0.05
"""Company is likely if somebody else asked no longer ago than this, and is still at work."""

FEW: Final = 4
"""Where more than these went together they came together, and need not wait for each other."""


@attrs.define(eq=False)
class _Load(Generic[A, R]):
    """Who goes together."""

    asked: list[A] = attrs.field(factory=list, init=False)
    answers: list[asyncio.Future[R]] = attrs.field(factory=list, init=False)
    trip: asyncio.Task[None] | None = attrs.field(default=None, init=False)

    async def answer_to(self, asked: A) -> R:
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self.asked.append(asked)
        self.answers.append(answer)
        try:
            return await answer
        except asyncio.CancelledError:
            if self.trip is not None and all(each.done() for each in self.answers):
                self.trip.cancel()
            raise

    def forget_who_is_gone(self) -> None:
        here = [
            (each, answer) for each, answer in zip(self.asked, self.answers, strict=True) if not answer.done()
        ]
        self.asked, self.answers = [each for each, _ in here], [answer for _, answer in here]

    def bring(self, found: Sequence[R | Exception]) -> None:
        """Answer all who have not gone away."""
        for answer, each in zip(self.answers, found, strict=True):
            if answer.done():
                continue
            if isinstance(each, Exception):
                answer.set_exception(each)
                # Who goes away in this very turn has not heard it, and nobody else has to.
                answer.exception()
            else:
                answer.set_result(each)


_ASKER: ContextVar["weakref.ref[asyncio.Task[Any]] | None"] = ContextVar("payments_asker", default=None)
"""The task that asked first, of all that it has started: what they do is one work, and they are one asker."""


class Askers:
    """Who asks for what is committed, whatever that is."""

    def __init__(self) -> None:
        self._last: weakref.ref[asyncio.Task[Any]] | None = None
        self._last_asked_s = 0.0
        self._other: weakref.ref[asyncio.Task[Any]] | None = None
        """The last before that who was somebody else."""
        self._other_asked_s = 0.0

    def note(self) -> bool:
        """The present task asks; whether the last who asked besides did so just now and is still at work."""
        me, now_s = _asker(), asyncio.get_running_loop().time()
        if self._last is not me:
            self._other, self._other_asked_s = self._last, self._last_asked_s
            self._last = me
        self._last_asked_s = now_s
        other = self._other() if self._other is not None else None
        return other is not None and not other.done() and now_s - self._other_asked_s < BUSY_S


def _asker() -> "weakref.ref[asyncio.Task[Any]] | None":
    asker = _ASKER.get()
    task = asyncio.current_task()
    if asker is None and task is not None:
        asker = weakref.ref(task)
        _ASKER.set(asker)
    return asker


class Convoy(Generic[A, R]):
    """Takes along what was asked for, and brings each its answer.

    Who finds no trip under way leaves with the next turn of the loop, and with all who ask until then: those
    who were answered together ask together again, though one has some more to do before it does. Only where
    somebody else asked just now, and few went together, it waits for :data:`GATHER_S`: a trip costs two
    processors more than that. One alone, and one who asks again and again, never waits.

    Who comes while a trip is under way leaves when that returns, or after :data:`SLOW_S`: on it may be
    somebody who waits for a lock. Who goes away takes nobody's answer along; a trip that nobody waits for any
    more is cut off.
    """

    def __init__(
        self,
        travel: Callable[[Sequence[A]], Awaitable[Sequence[R | Exception]]],
        askers: Askers | None = None,
    ) -> None:
        self._askers = askers
        self._travel = travel
        """Brings an answer for each, in their order; what it raises is the answer of all."""
        self._loads: deque[_Load[A, R]] = deque()
        """Those who wait to leave."""
        self._gate: asyncio.Handle | None = None
        """What lets the next ones leave; None: nothing holds them back."""
        self._last_went = 0
        """How many went together last."""

    async def __call__(self, asked: A) -> R:
        """The answer to ``asked``.

        Raises:
            Exception: what its answer is, or what the trip raised.
            TryAgain: the trip was cut off, and nobody knows how far it came.
        """
        if not self._loads or len(self._loads[-1].asked) == MOST:
            self._loads.append(_Load())
        busy = self._askers is not None and self._askers.note() and self._last_went <= FEW
        if self._gate is None:
            loop = asyncio.get_running_loop()
            self._gate = (
                loop.call_later(GATHER_S, self._leave)
                if busy
                else loop.call_soon(self._leave_with_the_next_turn)
            )
        return await self._loads[-1].answer_to(asked)

    def _leave_with_the_next_turn(self) -> None:
        self._gate = asyncio.get_running_loop().call_soon(self._leave)

    def _leave(self) -> None:
        self._gate = None
        while self._loads and self._gate is None:
            load = self._loads.popleft()
            load.forget_who_is_gone()
            if load.asked:
                self._last_went = len(load.asked)
                loop = asyncio.get_running_loop()
                self._gate = loop.call_later(SLOW_S, self._leave)
                # In nobody's context: it is made for several.
                load.trip = loop.create_task(self._trip(load, self._gate), context=Context())

    async def _trip(self, load: _Load[A, R], gate: asyncio.Handle) -> None:
        try:
            load.bring(await self._travel(load.asked))
        except Exception as trouble:  # noqa: BLE001 -- raised by each who waits
            load.bring([trouble] * len(load.answers))
        finally:
            # Cut off, and not by those on it. Nobody who still waits asked to be cancelled.
            load.bring([TryAgain("it was cut off")] * len(load.answers))
            gate.cancel()
            if self._gate is gate:
                self._leave()
