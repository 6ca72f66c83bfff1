"""A clock that moves when it is told to."""

import asyncio
from datetime import UTC, datetime, timedelta

import attrs

from payments.application.ports.clock import Clock


@attrs.define
class MovableClock(Clock):
    """Stands still until :meth:`advance`, or until somebody sleeps: sleeping moves it, and takes no time.

    Those who sleep at the same time sleep together: a second each is one second.
    """

    _now: datetime = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
    _elapsed_s: float = attrs.field(default=0.0, init=False)

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._elapsed_s

    async def sleep(self, seconds: float) -> None:
        wakes_at_s = self._elapsed_s + seconds
        await asyncio.sleep(0)
        if self._elapsed_s < wakes_at_s:
            self.advance(timedelta(seconds=wakes_at_s - self._elapsed_s))

    def advance(self, span: timedelta) -> None:
        """Let ``span`` pass."""
        self._now += span
        self._elapsed_s += span.total_seconds()

    def step_back(self, span: timedelta) -> None:
        """Let the wall clock jump back, as time servers make it; durations are not fooled."""
        self._now -= span
