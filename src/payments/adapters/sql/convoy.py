"""What several ask for at the same time goes together: one trip takes as long as another, however many go."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Final, Generic, TypeVar

import attrs

from payments.adapters.sql.runner import TryAgain

A = TypeVar("A")
R = TypeVar("R")

MOST: Final = 32
"""So many go together at most: the first of them waits for the last."""

SLOW_S: Final = 0.02
"""A trip that takes longer holds nobody back any more."""


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


class Convoy(Generic[A, R]):
    """Takes along what was asked for, and brings each its answer.

    Nobody waits for others to come from outside: who finds no trip under way leaves with the next turn of the
    loop, and with all who ask until then. Those who were answered together ask together again, though one has
    some more to do before it does. Who comes while one is under way leaves when that returns, or after
    :data:`SLOW_S`: on it may be somebody who waits for a lock. Who goes away takes nobody's answer along; a
    trip that nobody waits for any more is cut off.
    """

    def __init__(self, travel: Callable[[Sequence[A]], Awaitable[Sequence[R | Exception]]]) -> None:
        self._travel = travel
        """Brings an answer for each, in their order; what it raises is the answer of all."""
        self._loads: deque[_Load[A, R]] = deque()
        """Those who wait to leave."""
        self._gate: asyncio.Handle | None = None
        """What lets the next ones leave; None: nothing holds them back."""

    async def __call__(self, asked: A) -> R:
        """The answer to ``asked``.

        Raises:
            Exception: what its answer is, or what the trip raised.
            TryAgain: the trip was cut off, and nobody knows how far it came.
        """
        if not self._loads or len(self._loads[-1].asked) == MOST:
            self._loads.append(_Load())
        if self._gate is None:
            self._gate = asyncio.get_running_loop().call_soon(self._leave_with_the_next_turn)
        return await self._loads[-1].answer_to(asked)

    def _leave_with_the_next_turn(self) -> None:
        self._gate = asyncio.get_running_loop().call_soon(self._leave)

    def _leave(self) -> None:
        self._gate = None
        while self._loads and self._gate is None:
            load = self._loads.popleft()
            load.forget_who_is_gone()
            if load.asked:
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
