"""The worker: inbox, sweep, outbox, and erasing what is old, each in a loop of its own.

A slow one holds up no other.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import attrs
import structlog

from payments.application.payments import Payments

IDLE_S: Final = 0.5
"""How long a loop with nothing to do waits, unless it is woken."""

ERASING_IDLE_S: Final = 3600.0
"""How long the loop that erases what is old waits when there is nothing of that: it is never urgent."""

TROUBLE_S: Final = 2.0
"""How long a loop waits after an error."""

_log = structlog.get_logger(__name__)


@attrs.define
class Worker:
    """Runs the loops until it is asked to stop; what a loop has begun is finished first."""

    _payments: Payments
    _idle_s: float = IDLE_S
    _stopping: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _bells: list[asyncio.Event] = attrs.field(factory=list, init=False)
    _last_bell: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)

    def wake(self) -> None:
        """Have every loop look for work now."""
        for bell in self._bells:
            bell.set()

    def stop(self) -> None:
        """Have :meth:`run` return once what is under way has ended."""
        self._stopping.set()
        self._last_bell.set()
        self.wake()

    async def asked_to_stop(self) -> None:
        """Wait until somebody calls :meth:`stop`."""
        await self._stopping.wait()

    async def run(self) -> None:
        """Work until :meth:`stop`."""
        async with asyncio.TaskGroup() as loops:
            for name, step in (
                ("inbox", self._payments.process_notices),
                ("outbox", self._payments.deliver),
                ("sweep", self._payments.sweep),
            ):
                bell = asyncio.Event()
                self._bells.append(bell)
                loops.create_task(self._loop(name, step, bell, self._idle_s), name=name)
            # Nobody's work makes anything old, so only the end wakes this one.
            erasing = self._loop("erasing", self._payments.erase, self._last_bell, ERASING_IDLE_S)
            loops.create_task(erasing, name="erasing")

    async def _loop(
        self, name: str, step: Callable[[], Awaitable[int]], bell: asyncio.Event, idle_s: float
    ) -> None:
        while not self._stopping.is_set():
            bell.clear()
            try:
                done = await step()
            except Exception:  # noqa: BLE001 -- the edge of the process: a loop outlives every error
                _log.exception("worker_trouble", loop=name)
                await self._rest(bell, TROUBLE_S)
                continue
            if done:
                _log.debug("worked", loop=name, done=done)
                # What this loop did is what the others wait for: a settled notice puts messages out.
                self.wake()
            else:
                await self._rest(bell, idle_s)

    async def _rest(self, bell: asyncio.Event, seconds: float) -> None:
        if self._stopping.is_set():
            return
        try:
            async with asyncio.timeout(seconds):
                await bell.wait()
        except TimeoutError:
            return
