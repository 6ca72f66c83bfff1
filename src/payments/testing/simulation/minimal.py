"""The smallest history that goes wrong in the same way: deeds and faults are left out, one by one."""

from typing import Final

import attrs

from payments.testing.simulation.faults import Fault, Weather
from payments.testing.simulation.history import History, Theatre
from payments.testing.simulation.plan import Action, Plan

MOST_RUNS: Final = 400
"""So often a smaller history is tried before what was reached is good enough."""


@attrs.define
class Shrinking:
    """Tries smaller histories for as long as they break the same invariant."""

    _theatre: Theatre
    _invariant: str
    plan: Plan
    off: frozenset[Fault] = frozenset()
    best: History = attrs.field(init=False)
    _runs: int = attrs.field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self.best = self._run(self.plan, self.off)

    def shrink(self) -> History:
        """The smallest history that was found."""
        while self._runs < MOST_RUNS:
            before = (len(self.plan.actions), len(self.off))
            self._without_faults()
            self._without_deeds()
            if before == (len(self.plan.actions), len(self.off)):
                break
        return self.best

    def _without_faults(self) -> None:
        for fault in Weather.of(self.plan.seed, without=self.off).rates:
            self._try(self.plan, self.off | {fault})

    def _without_deeds(self) -> None:
        """Leave out halves, then quarters, down to single deeds (delta debugging)."""
        size = max(1, len(self.plan.actions) // 2)
        while True:
            start = 0
            while start < len(self.plan.actions):
                left = (*self.plan.actions[:start], *self.plan.actions[start + size :])
                if not self._try(attrs.evolve(self.plan, actions=left), self.off):
                    start += size
            if size == 1:
                return
            size //= 2

    def _try(self, plan: Plan, off: frozenset[Fault]) -> bool:
        if self._runs >= MOST_RUNS:
            return False
        history = self._run(plan, off)
        if not any(v.invariant == self._invariant for v in history.violations):
            return False
        self.plan, self.off, self.best = plan, off, history
        return True

    def _run(self, plan: Plan, off: frozenset[Fault]) -> History:
        self._runs += 1
        return self._theatre.run(plan, Weather.of(plan.seed, without=off))


def told(history: History, actions: tuple[Action, ...]) -> tuple[str, ...]:
    """The story for a person: who did what, what went wrong, and what was committed."""
    lines = [line for line in history.story if not _is_detail(line)]
    return (
        *(f"  plan   {action}" for action in actions),
        *(f"  {line}" for line in lines),
        *(f"  BROKEN {v.invariant} {v.subject}: {v.detail}" for v in history.violations),
    )


def _is_detail(line: str) -> bool:
    what = line.split(" ", 2)[2]
    return "/storage." in what and " " not in what and not what.endswith((".commit", ".save"))
