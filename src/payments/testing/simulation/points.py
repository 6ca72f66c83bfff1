"""Every point at which a process may die, be stopped, or not hear whether its commit happened.

Nobody keeps a list of them. A scene is told once with nothing going wrong, and every opportunity for a fault
is written down; then it is told again with one of them taken, and with two. Behind the first fault is another
story, so the opportunities for the second are those of the telling with the first.

A point is the nth opportunity for a fault. That names it exactly, as long as nothing before it has changed.
"""

from collections.abc import Collection, Iterator
from typing import Final

import attrs

from payments.application.answers import Violation
from payments.testing.simulation.faults import Fault, Weather
from payments.testing.simulation.history import History, Theatre
from payments.testing.simulation.scenes import Scene

EVERYWHERE: Final = (Fault.CRASH_BEFORE, Fault.CRASH_AFTER, Fault.SIGTERM)
"""At each await of a port."""

AT_COMMITS: Final = (Fault.COMMIT_REFUSED, Fault.COMMIT_UNCONFIRMED)
AT_CALLS: Final = (Fault.REQUEST_LOST, Fault.ANSWER_LOST)
KINDS: Final = (*EVERYWHERE, *AT_COMMITS, *AT_CALLS)


@attrs.frozen(order=True)
class Point:
    """The ``nth`` opportunity for ``fault`` in a history, from 0."""

    fault: Fault = attrs.field(order=lambda fault: fault.name)
    nth: int

    def __str__(self) -> str:
        return f"{self.fault.name}:{self.nth}"


@attrs.define
class _Tape:
    """The opportunities of one telling, in order, and those that are taken."""

    taken: Collection[Point]
    passed: list[Point] = attrs.field(factory=list, init=False)
    counts: dict[Fault, int] = attrs.field(factory=dict, init=False)

    def comes(self, fault: Fault) -> bool:
        nth = self.counts.get(fault, 0)
        self.counts[fault] = nth + 1
        point = Point(fault, nth)
        self.passed.append(point)
        return point in self.taken


@attrs.frozen
class _Taken:
    """In place of chance: the points that were chosen, and no others."""

    tape: _Tape
    fault: Fault

    def happens(self, likely: float) -> bool:
        """Whether the opportunity that has come is one of those."""
        return likely > 0 and self.tape.comes(self.fault)


@attrs.frozen(kw_only=True)
class Telling:
    """How a scene went with the faults at ``points``."""

    scene: Scene
    points: tuple[Point, ...]
    history: History
    opportunities: tuple[Point, ...]
    """All that there were, in order."""

    @property
    def after(self) -> tuple[Point, ...]:
        """The opportunities behind the last fault."""
        if not self.points:
            return self.opportunities
        return self.opportunities[self.opportunities.index(self.points[-1]) + 1 :]

    @property
    def violations(self) -> tuple[Violation, ...]:
        """Promises that it broke. A scene without a fault also has to walk and show what it is about."""
        seen, scene = self.history.coverage, self.scene
        missing = [f"It never walks {edge!r}." for edge in scene.walks if not seen.edges[edge]]
        missing += [f"It never shows: {done.value}." for done in scene.shows if not seen.behaviours[done]]
        untold = [Violation(invariant="scene", subject=scene.name, detail=detail) for detail in missing]
        return (*self.history.violations, *(() if self.points else untold))

    @property
    def struck(self) -> tuple[str, ...]:
        """Where the faults struck, for people."""
        return tuple(f"{at}: {fault.value}" for fault, at in self.history.coverage.faults)


def told(theatre: Theatre, scene: Scene, points: tuple[Point, ...] = ()) -> Telling:
    """Tell ``scene`` with faults at ``points``, which come one after the other."""
    tape = _Tape(frozenset(points))
    rates = dict.fromkeys(KINDS, 1.0)
    draws = {fault: _Taken(tape, fault) for fault in KINDS}
    history = theatre.run(scene.plan(), Weather(rates, draws))
    return Telling(scene=scene, points=points, history=history, opportunities=tuple(tape.passed))


def singles(theatre: Theatre, scene: Scene) -> Iterator[Telling]:
    """The scene as it is, then with a fault at each of its points."""
    calm = told(theatre, scene)
    yield calm
    for point in calm.opportunities:
        yield told(theatre, scene, (point,))


def seconds(single: Telling, one_in: int, skip: int) -> tuple[Point, ...]:
    """Every ``one_in``-th opportunity behind the fault of ``single``, the first ``skip`` left out."""
    return single.after[skip % one_in :: one_in]
