"""An event loop without time and without sockets: one thing after the other, in an order that a seed decides.

It runs the real code as it is: tasks, locks, task groups and ``asyncio.timeout``. Nothing waits: when nobody
can go on, time jumps to the next timer.
"""

import asyncio
import heapq
from asyncio import events
from collections.abc import Callable
from contextvars import Context
from typing import Any, Final, TypeVarTuple

_Ts = TypeVarTuple("_Ts")

Pick = Callable[[int], int]
"""Which of so many may go on: a number below the one that is given."""

MOST_STEPS: Final = 400_000
"""A history of more steps than this runs in a circle."""


class Endless(Exception):
    """The history does not end: something repeats itself without time passing, or for ever."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Time passes only while nobody can go on, and whoever can goes on in the order that ``pick`` says.

    It reaches into ``_ready`` and ``_scheduled`` of :class:`asyncio.BaseEventLoop`, which are the same from
    Python 3.11 to 3.14; a self-test holds that two runs are alike.
    """

    def __init__(self, pick: Pick) -> None:
        super().__init__()
        self._pick = pick
        self._now_s = 0.0
        self._left = MOST_STEPS
        self._ready: list[events.Handle] = []
        self._scheduled: list[events.TimerHandle] = []

    def time(self) -> float:
        return self._now_s

    @property
    def steps(self) -> int:
        """How many callbacks have run."""
        return MOST_STEPS - self._left

    def call_soon(
        self, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None
    ) -> events.Handle:
        # As the base class has it, without what it looks at for other threads.
        self._check_closed()  # type: ignore[attr-defined]  # the stubs do not name it
        handle = events.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def _run_once(self) -> None:
        """Run one thing after the other until the loop is to stop: many in one go, as there are so many."""
        scheduled, ready = self._scheduled, self._ready
        while True:
            if not ready:
                self._jump()
            while scheduled and scheduled[0].when() <= self._now_s:
                ready.append(heapq.heappop(scheduled))
            if not ready:
                return
            last = len(ready) - 1
            chosen = self._pick(last + 1) if last else 0
            handle = ready[chosen]
            ready[chosen] = ready[last]
            del ready[last]
            self._left -= 1
            if self._left < 0:
                raise Endless(f"{MOST_STEPS} steps and no end.")
            if not handle.cancelled():
                handle._run()  # noqa: SLF001 -- running handles is what a loop does
            handle = None  # type: ignore[assignment]  # a kept handle keeps its task alive
            if self._stopping:  # type: ignore[attr-defined]  # the stubs do not name it
                return

    def _jump(self) -> None:
        """Let time pass until the next timer that somebody still waits for."""
        scheduled = self._scheduled
        while scheduled and scheduled[0].cancelled():
            heapq.heappop(scheduled)
        if scheduled:
            self._now_s = max(self._now_s, scheduled[0].when())
        elif not self._stopping:  # type: ignore[attr-defined]  # the stubs do not name it
            raise Endless("Everybody waits, and for nothing.")

    def _timer_handle_cancelled(self, handle: events.TimerHandle) -> None:
        """Nothing: cancelled timers are passed over when their time comes."""

    def _process_events(self, event_list: Any) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """No other thread wakes this loop."""
