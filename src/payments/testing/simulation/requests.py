"""One request to the service, as whoever makes it sees it: an answer, or none."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import attrs

from payments.domain.errors import PaymentsError, StorageError
from payments.testing.simulation.processes import Fenced, Machine, calling
from payments.testing.simulation.world import World

T = TypeVar("T")


@attrs.frozen(eq=False)
class Requests:
    """Puts requests to whichever process serves them; what is broken on the way is told to the judge."""

    _world: World

    async def __call__(
        self, flow: str, call: Callable[[], Awaitable[T]], machine: Machine | None = None
    ) -> T | None:
        """What the service answers to one request; None where it refuses, fails or dies meanwhile."""
        world = self._world
        machine = machine or world.serving()
        if machine is None:
            return None

        async def served() -> T | None:
            try:
                answer = await call()
            except PaymentsError as refusal:
                world.coverage.answers[f"{flow}: {refusal.code}"] += 1
                if isinstance(refusal, StorageError) or refusal.code != "illegal_transition":
                    return None
                world.judge.trouble(flow, refusal)
                return None
            except Exception as trouble:  # noqa: BLE001 -- the edge of the process
                world.judge.trouble(flow, trouble)
                return None
            calling()
            world.coverage.answers[f"{flow}: ok"] += 1
            return answer

        task: asyncio.Task[T | None] = machine.run(flow, served())
        try:
            return await task
        except Fenced:
            return None
        except BaseException:
            if task.cancelled():
                return None
            raise
