"""The worker: inbox, sweep, outbox, and erasing what is old, each in a loop of its own.

A slow one holds up no other, and a portion of notices that takes long goes on beside the next: a provider
that is far away must not keep the notices of others waiting for each of its answers. Messages keep to one
portion: they take turns at the orders service, and where it hangs the last of many would outlive its lease.

Each looks for work when it is woken, when it has rested long enough, and once more when it took all it may. A
notice that was stored wakes the inbox; what inbox and sweep have done wakes the outbox, for they may have put
messages there. Nothing wakes the sweep: time alone makes what it looks for. What other processes store wakes
nobody here, and is found within the rest.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import attrs
import structlog

from payments.application.payments import Payments
from payments.application.use_cases import deliver_messages, erase_old, process_notices, sweep_payments

IDLE_S: Final = 0.5
"""How long a loop with nothing to do waits, unless it is woken."""

ERASING_IDLE_S: Final = 3600.0
"""How long the loop that erases what is old waits when there is nothing of that: it is never urgent."""

LONG_S: Final = 0.07
"""A portion of work that takes longer goes on beside the next ones: its provider is not near."""

INBOX_AT_ONCE: Final = 3
"""So many portions of notices are under way at most: what they and the sweep ask of one provider must leave
connections to its payers."""

TROUBLE_S: Final = 2.0
"""How long a loop waits after an error."""

_log = structlog.get_logger(__name__)


@attrs.frozen(kw_only=True)
class _Loop:
    """One kind of work."""

    name: str
    step: Callable[[int], Awaitable[int]]
    """Does what is due, as much as it is told to at most, and says how much that was."""
    batch: int
    idle_s: float
    at_once: int = 1
    """How many portions of it may be under way."""
    wakes: asyncio.Event | None = None
    """The bell of whom this work may give work."""
    bell: asyncio.Event = attrs.field(factory=asyncio.Event)

    def ring(self) -> None:
        """Have whom this work may give work look for it."""
        if self.wakes is not None:
            self.wakes.set()


@attrs.define
class Worker:
    """Runs the loops until it is asked to stop; what a loop has begun is finished first."""

    _payments: Payments
    _idle_s: float = IDLE_S
    _stopping: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _loops: tuple[_Loop, ...] = attrs.field(init=False)
    _inbox: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)

    def __attrs_post_init__(self) -> None:
        outbox = asyncio.Event()
        self._loops = (
            _Loop(
                name="inbox",
                step=self._payments.process_notices,
                batch=process_notices.BATCH,
                idle_s=self._idle_s,
                at_once=INBOX_AT_ONCE,
                wakes=outbox,
                bell=self._inbox,
            ),
            _Loop(
                name="outbox",
                step=self._payments.deliver,
                batch=deliver_messages.BATCH,
                idle_s=self._idle_s,
                bell=outbox,
            ),
            _Loop(
                name="sweep",
                step=self._payments.sweep,
                batch=sweep_payments.BATCH,
                idle_s=self._idle_s,
                wakes=outbox,
            ),
            _Loop(name="erasing", step=self._payments.erase, batch=erase_old.BATCH, idle_s=ERASING_IDLE_S),
        )

    def wake(self) -> None:
        """Have the inbox looked at now: a notice was stored."""
        self._inbox.set()

    def stop(self) -> None:
        """Have :meth:`run` return once what is under way has ended."""
        self._stopping.set()
        for loop in self._loops:
            loop.bell.set()

    async def asked_to_stop(self) -> None:
        """Wait until somebody calls :meth:`stop`."""
        await self._stopping.wait()

    async def run(self) -> None:
        """Work until :meth:`stop`."""
        async with asyncio.TaskGroup() as tasks:
            for loop in self._loops:
                tasks.create_task(self._run(loop), name=loop.name)

    async def _run(self, loop: _Loop) -> None:
        under_way: set[asyncio.Task[float]] = set()
        async with asyncio.TaskGroup() as portions:
            while not self._stopping.is_set():
                loop.bell.clear()
                portion = portions.create_task(self._portion(loop), name=loop.name)
                under_way.add(portion)
                await asyncio.wait({portion}, timeout=LONG_S)
                if len(under_way) == loop.at_once:
                    await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                ended = {each for each in under_way if each.done()}
                under_way -= ended
                if ended:
                    await self._rest(loop, min(each.result() for each in ended))

    async def _portion(self, loop: _Loop) -> float:
        """Do what is due, once; how long to rest then."""
        try:
            done = await loop.step(loop.batch)
        except (Exception, asyncio.CancelledError):  # the edge of the process: a loop outlives every error
            if _is_cut_off():
                raise
            _log.exception("worker_trouble", loop=loop.name)
            # The trouble of some is not that of all: what the others have done goes on.
            loop.ring()
            return TROUBLE_S
        if done:
            _log.debug("worked", loop=loop.name, done=done)
            loop.ring()
        # Where so much was done more may be due. Else whoever makes more rings, or time does.
        return loop.idle_s if done < loop.batch else 0.0

    async def _rest(self, loop: _Loop, seconds: float) -> None:
        if self._stopping.is_set() or not seconds:
            return
        try:
            async with asyncio.timeout(seconds):
                await loop.bell.wait()
        except TimeoutError:
            return


def _is_cut_off() -> bool:
    """Whether somebody cancels this task; what only looks like that comes out of a library's own work."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
