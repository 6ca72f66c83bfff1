"""Simulated processes of the service: several of them run the same code over one database.

A crash is an epoch fence and no cancellation: where a process is killed, no ``finally`` runs. Every port asks
whether the process that calls it still lives, and raises :class:`Fenced` if it does not; what it had not
committed is dropped, and the world outside stays as it is. A request to stop is the other way to go: there
the tasks are cancelled, and ``finally`` counts.
"""

import asyncio
from abc import abstractmethod
from collections import Counter
from collections.abc import Coroutine, Generator
from contextvars import ContextVar, copy_context
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

import attrs

from payments.testing.simulation.behaviours import Behaviour
from payments.testing.simulation.chance import Chance
from payments.testing.simulation.faults import Fault, Weather
from payments.testing.simulation.trace import Trace
from payments.testing.simulation.turns import Turns

BEGINNING: Final = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
"""When every history begins."""

DRAIN_S: Final = 25.0
"""How long a process that was asked to stop may finish what it has begun, as the service has it."""

UNTOLD_APART: Final = (timedelta(minutes=28), timedelta(minutes=76))
"""Of two clocks so far apart nobody can tell a look an hour after another from one that follows it at once,
while an answer may still be as old as both (docs/adr/0032): no two clocks of a history are."""


class Fenced(BaseException):
    """The process that called is dead: nothing it does has any effect any more."""


@attrs.define(eq=False)
class Process:
    """One life of a process, from its start to its death."""

    name: str
    """Of the machine, and which life of it: ``b.2``."""
    alive: bool = True
    stopping: bool = False
    """It was asked to stop, and takes nothing new on."""
    ahead: timedelta = timedelta(0)
    """By how much its clock is ahead of true time."""
    tasks: dict[asyncio.Task[Any], None] = attrs.field(factory=dict, init=False, repr=False)


class _Turn:
    """Awaiting it lets others go on; it is ``asyncio.sleep(0)`` without the way there."""

    def __await__(self) -> Generator[None, None, None]:
        yield


_TURN: Final = _Turn()
_PROCESS: ContextVar[Process] = ContextVar("process")
_FLOW: ContextVar[str] = ContextVar("flow", default="")


def calling() -> Process:
    """The process whose code is running.

    Raises:
        Fenced: it is dead.
    """
    process = _PROCESS.get()
    if not process.alive:
        raise Fenced
    return process


@attrs.define(eq=False)
class Steps:
    """What every port goes through, before and after it takes effect: points where things go wrong."""

    loop: asyncio.AbstractEventLoop
    weather: Weather
    trace: Trace
    chance: Chance
    machines: "tuple[Machine, ...]" = ()
    taken: dict[str, int] = attrs.field(factory=dict, init=False)
    """How often each labelled point was passed."""
    noted: Counter[Behaviour] = attrs.field(factory=Counter, init=False)
    """What people and providers did."""
    turns: "Turns | None" = attrs.field(default=None, init=False)
    """Where two flows go on one after the other, and not as chance has it."""
    _clocks: set[timedelta] = attrs.field(factory=lambda: {timedelta(0)}, init=False)
    """By how much a clock has been ahead so far."""

    async def before(self, step: str) -> str:
        """Come to ``step``; others may go on meanwhile. Returns its label: the use-case and the step.

        Raises:
            Fenced: the process is dead, or dies here.
        """
        process, flow = calling(), _FLOW.get()
        label = f"{flow}/{step}"
        if self.turns is not None:
            await self.turns.come(flow)
        weather = self.weather
        if weather.rates and weather.strikes(Fault.SLOW, label):
            await asyncio.sleep(self.chance.spread(0.01, 120))
        else:
            await _TURN
        if not process.alive:
            raise Fenced
        self.taken[label] = self.taken.get(label, 0) + 1
        self.trace.add(self.loop.time(), process.name, label)
        if weather.rates and weather.strikes(Fault.CRASH_BEFORE, label):
            self.kill(process, f"dies before {label}")
            raise Fenced
        return label

    def after(self, label: str) -> None:
        """Leave the step: what it did is done, and whoever called may never hear of it.

        Raises:
            Fenced: the process is dead, or dies here.
        """
        process = calling()
        if not self.weather.rates:
            return
        if self.weather.strikes(Fault.CRASH_AFTER, label):
            self.kill(process, f"dies after {label}")
            raise Fenced
        if self.weather.strikes(Fault.SIGTERM, label):
            self.stop(process)
        if self.weather.strikes(Fault.CLOCK_JUMP, label):
            process.ahead = self._jumped()
            self.trace.add(self.loop.time(), process.name, f"has its clock {process.ahead} ahead")

    def _jumped(self) -> timedelta:
        """By how much a clock that jumps is ahead: anywhere in a day, but ``UNTOLD_APART`` from no other."""
        least, most = UNTOLD_APART
        while True:
            ahead = timedelta(seconds=self.chance.one_of((-1, 1)) * self.chance.spread(1, 86_400))
            if not any(least < abs(ahead - other) < most for other in self._clocks):
                self._clocks.add(ahead)
                return ahead

    def tell(self, who: str, what: str) -> None:
        """Have the trace tell what somebody outside did."""
        self.trace.add(self.loop.time(), who.replace(" ", "-"), what)

    def note(self, done: Behaviour, about: str) -> None:
        """Count what somebody did, and have the trace tell it."""
        self.noted[done] += 1
        self.trace.add(self.loop.time(), "behaviour", f"{about}: {done.value}")

    def struck(self, fault: Fault, at: str) -> bool:
        """Whether ``fault`` happens at this opportunity; told in the trace."""
        if fault not in self.weather.rates or not self.weather.strikes(fault, at):
            return False
        self.trace.add(self.loop.time(), "fault", f"{at}: {fault.value}")
        return True

    def kill(self, process: Process, how: str) -> None:
        """End a process at this very point."""
        self.trace.add(self.loop.time(), process.name, how)
        for machine in self.machines:
            if machine.process is process:
                machine.died()

    def stop(self, process: Process) -> None:
        """Ask a process to stop, as a deployment does."""
        if process.stopping:
            return
        process.stopping = True
        self.trace.add(self.loop.time(), process.name, "is asked to stop")
        for machine in self.machines:
            if machine.process is process:
                machine.asked_to_stop(process)

    async def rest(self, seconds: float) -> None:
        """Let time pass for the process that calls."""
        await asyncio.sleep(seconds)
        calling()


@attrs.define(eq=False)
class Machine:
    """Where one process after the other lives: it is started again some time after it ended."""

    name: str
    _world: "Host"
    process: Process = attrs.field(init=False)
    lives: int = attrs.field(default=0, init=False)

    def start(self) -> None:
        """Begin another life, with the worker at work."""
        self.lives += 1
        self.process = Process(name=f"{self.name}.{self.lives}")
        self._world.started(self.process)

    def run(self, flow: str, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run ``work`` in the present process, its steps labelled with ``flow``."""
        process, context = self.process, copy_context()
        context.run(_PROCESS.set, process)
        context.run(_FLOW.set, flow)
        task = self._world.loop.create_task(work, context=context)
        process.tasks[task] = None
        task.add_done_callback(lambda done: process.tasks.pop(done, None))
        return task

    def start_task(self, flow: str, work: Coroutine[Any, Any, Any]) -> None:
        """The same, for work that nobody waits for."""
        _ = self.run(flow, work)

    def died(self) -> None:
        """Drop what the process had in hand, and start another one after a while."""
        self.process.alive = False
        self._world.ended(self.process)
        self._world.loop.call_later(self._world.restart_after_s(), self.start)

    def asked_to_stop(self, process: Process) -> None:
        """Let the process finish what it has begun, cancel the rest, and start another one after a while."""
        context = copy_context()
        _ = self._world.loop.create_task(self._drain(process), context=context)

    async def _drain(self, process: Process) -> None:
        if process.tasks:
            _, late = await asyncio.wait(tuple(process.tasks), timeout=DRAIN_S)
            # By age, and not in the order of a set.
            for task in [task for task in process.tasks if task in late]:
                task.cancel()
            if late and process.alive:
                await asyncio.wait(late)
        if process.alive and self.process is process:
            self.died()


class Host(Protocol):
    """What a machine needs of the world around it."""

    loop: asyncio.AbstractEventLoop

    @abstractmethod
    def started(self, process: Process) -> None:
        """Put ``process`` to work."""

    @abstractmethod
    def ended(self, process: Process) -> None:
        """Drop what ``process`` had not committed."""

    @abstractmethod
    def restart_after_s(self) -> float:
        """How long it takes until another one is there."""
