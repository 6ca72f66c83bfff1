"""The workers of all processes: inbox, outbox, sweep and erasing, at work whenever something is due.

A real worker looks twice a second, and once an hour for what is to be erased. Most looks find nothing, and a
history would consist of them; so here each look is taken when something has become due, by one process or by
several at once.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

import attrs

from payments.adapters.memory.repository import Tables
from payments.application.payments import Payments
from payments.application.retention import Retention
from payments.testing.simulation.chance import Chance
from payments.testing.simulation.erasing import ends_s
from payments.testing.simulation.processes import BEGINNING, Machine, Process

TROUBLE_S: Final = 2.0
"""How long a loop waits after an error, as the service has it."""

LOOK_S: Final = 0.5
"""How soon after something has become due it is seen."""

LONGEST_LOOK_S: Final = 300.0

LATE_S: Final = 3600.0
"""So long after it was due everybody has looked for what is to be erased, as the service has it."""

ROUNDS: Final = ("inbox", "outbox", "sweep", "erasing")


@attrs.define(eq=False)
class Workers:
    """Sends the processes to work."""

    _loop: asyncio.AbstractEventLoop
    _payments: Payments
    _chance: Chance
    _machines: tuple[Machine, ...]
    _tables: Callable[[], Tables]
    _trouble: Callable[[str, BaseException], None]
    _retention: Retention | None = None
    """How long is kept what is erased; None: no history lasts as long, and nobody looks."""
    _planned: dict[str, asyncio.TimerHandle] = attrs.field(factory=dict, init=False)
    _vain_s: dict[str, float] = attrs.field(factory=dict, init=False)
    """By round: how long nobody looks again after looks in vain."""
    _seen: Tables = attrs.field(factory=Tables, init=False)
    """The tables that ``_due_s`` was worked out from, by round."""
    _due_s: dict[str, float | None] = attrs.field(init=False)
    asleep: bool = attrs.field(default=False, init=False)
    """Nobody is sent to work: what is due waits."""
    _busy: set[tuple[Process, str]] = attrs.field(factory=set, init=False)

    def __attrs_post_init__(self) -> None:
        self._due_s = dict.fromkeys(ROUNDS)

    def plan(self, least_s: float = 0.0) -> None:
        """Have every round taken as soon as it is due, and not before ``least_s`` from now."""
        if self.asleep:
            return
        now_s = self._loop.time()
        for name, due_s in self._due().items():
            if due_s is None:
                continue
            at_s = max(due_s, now_s + least_s) + self._chance.between(0.001, LOOK_S)
            known = self._planned.get(name)
            if known is not None and not known.cancelled() and now_s < known.when() <= at_s:
                continue
            if known is not None:
                known.cancel()
            self._planned[name] = self._loop.call_at(at_s, self._go, name)

    def idle(self) -> bool:
        """Whether nothing is due, now or ever."""
        return not self._busy and all(due_s is None for due_s in self._due().values())

    def late(self) -> bool:
        """Whether something is old enough to be erased, and has been for so long that somebody looked."""
        due_s = self._due()["erasing"]
        return due_s is not None and due_s + LATE_S < self._loop.time()

    def _due(self) -> dict[str, float | None]:
        """By round, when it is due; worked out anew only where its table has changed."""
        tables = self._tables()
        if tables is not self._seen:
            for name, due_s in _DUE.items():
                if getattr(tables, _TABLE[name]) is not getattr(self._seen, _TABLE[name]):
                    self._due_s[name] = due_s(tables)
            if self._retention is not None:
                self._due_s["erasing"] = ends_s(tables, self._retention)
            self._seen = tables
        return self._due_s

    def _go(self, name: str) -> None:
        """One process takes the round, and others perhaps at the same moment."""
        if self.asleep:
            return
        able = [m for m in self._machines if m.process.alive and not m.process.stopping]
        free = [m for m in able if (m.process, name) not in self._busy]
        if not free:
            self._loop.call_later(1.0, self.plan)
            return
        first = self._chance.one_of(free)
        for machine in free:
            if machine is first or self._chance.happens(0.25):
                self._busy.add((machine.process, name))
                machine.start_task(name, self._round(machine.process, name))

    async def _round(self, process: Process, name: str) -> None:
        least_s = LOOK_S
        try:
            done = await self._step(name)()
            # A process whose clock is behind finds nothing due, again and again.
            least_s = 0.0 if done else min(LONGEST_LOOK_S, 2 * self._vain_s.get(name, LOOK_S))
            self._vain_s[name] = least_s or LOOK_S
        except Exception as trouble:  # noqa: BLE001 -- as in the worker: a loop outlives every error
            self._trouble(name, trouble)
            least_s = TROUBLE_S
        finally:
            self._busy.discard((process, name))
            self.plan(least_s)

    def _step(self, name: str) -> Callable[[], Awaitable[int]]:
        payments = self._payments
        steps: dict[str, Callable[[], Awaitable[int]]] = {
            "inbox": payments.process_notices,
            "outbox": payments.deliver,
            "sweep": payments.sweep,
            "erasing": payments.erase,
        }
        return steps[name]


def _inbox(tables: Tables) -> float | None:
    return _first_s([n.next_try_at for n in tables.notices.values()])


def _outbox(tables: Tables) -> float | None:
    return _first_s([m.next_try_at for m in tables.messages.values()])


def _sweep(tables: Tables) -> float | None:
    payments = tables.payments.values()
    attempts = [a.next_check_at for payment in payments for a in payment.attempts]
    refunds = [r.next_check_at for payment in payments for r in payment.refunds]
    return _first_s([*attempts, *refunds])


def _first_s(planned: list[datetime | None]) -> float | None:
    due = [when for when in planned if when is not None]
    return (min(due) - BEGINNING).total_seconds() if due else None


_TABLE: Final = {"inbox": "notices", "outbox": "messages", "sweep": "payments"}
"""The one table that says when a round is due."""

_DUE: Final = {"inbox": _inbox, "outbox": _outbox, "sweep": _sweep}
