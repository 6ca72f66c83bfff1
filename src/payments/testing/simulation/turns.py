"""Two flows that go on one at a time, and where the one makes way for the other."""

import asyncio
from collections.abc import Collection
from typing import Final

import attrs

_MOMENT_S: Final = 1e-6
"""Virtual time passes only while nobody can go on: after this long everybody waits for a turn, or longer."""


@attrs.define(eq=False)
class Turns:
    """Gives turns to two flows. One keeps its turn until it cannot go on or has ended, or is preempted."""

    _loop: asyncio.AbstractEventLoop
    _flows: tuple[str, str]
    """Their names, the one that begins first."""
    _preempted: Collection[int]
    """At which of the choices the flow whose turn it is makes way, counted from 0."""
    choices: int = attrs.field(default=0, init=False)
    """How often both could have gone on."""
    _waiting: dict[str, list[asyncio.Future[None]]] = attrs.field(factory=dict, init=False)
    _turn: int = attrs.field(default=0, init=False)
    _looks: bool = attrs.field(default=False, init=False)

    async def come(self, flow: str) -> None:
        """Wait for a turn of ``flow``. Other flows than the two are not held up."""
        if flow not in self._flows:
            return
        turn = self._loop.create_future()
        self._waiting.setdefault(flow, []).append(turn)
        self._look()
        await turn

    def _look(self) -> None:
        if not self._looks:
            self._looks = True
            self._loop.call_later(_MOMENT_S, self._give)

    def _give(self) -> None:
        """Let one go on to its next step. By now nobody has a turn any more."""
        self._looks = False
        wait = [bool(self._waiting.get(flow)) for flow in self._flows]
        if all(wait):
            if self.choices in self._preempted:
                self._turn = 1 - self._turn
            self.choices += 1
        elif not wait[self._turn]:
            self._turn = 1 - self._turn
        turns = self._waiting.get(self._flows[self._turn])
        if turns:
            turn = turns.pop(0)
            if not turn.done():
                turn.set_result(None)
            if any(self._waiting.values()):
                self._look()
